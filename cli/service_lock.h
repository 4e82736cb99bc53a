#pragma once
// One service per root: a record lock on ROOT/run/service.lock, held while the service lives and
// gone with its process. The file says who holds it and since when; only the lock counts.

#include <memory>

#include "core/clock.h"
#include "core/file_system.h"

namespace spoolmq::cli {

class ServiceLock {
 public:
  // Makes ROOT/run (0700) where it is missing. Throws Error(kTryAgain) naming the service that
  // runs.
  ServiceLock(Dir& root, const Clock& clock);

  // ROOT/run.
  [[nodiscard]] Dir& run_directory() { return *run_; }

 private:
  std::unique_ptr<Dir> run_;
  std::unique_ptr<File> file_;
};

}  // namespace spoolmq::cli
