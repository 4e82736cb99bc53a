#pragma once
// The file that grows: found or made by name, and locked as a whole (fcntl(2): programs with
// classic locks are kept out, and keep us out) for as long as it is open here. Its bytes are
// appended by whoever has it open; it is put aside by renaming it to the next free number, NAME →
// stem.1.ext, the oldest being the smallest, never over another file. Throws Error. Not
// thread-safe.

#include <cstdint>
#include <memory>
#include <string>

#include "adapters/export_access.h"
#include "adapters/export_writer.h"
#include "core/file_system.h"

namespace spoolmq::adapters {

class AppendFile {
 public:
  AppendFile(Dir& target, const ExportAccess& access);

  // On return it is locked, and has this name. Waits for others at most kLockWaitMs, then
  // Error(kTryAgain). False: told to end.
  bool open(const std::string& name, const KeepGoing& keep_going);
  void close() { file_.reset(); }  // the lock goes with it
  // The file gets its number, durable on return, and is closed.
  void put_aside();

  [[nodiscard]] File& file() { return *file_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint64_t inode() const { return inode_; }

  static constexpr int kLockWaitMs = 2000;

 private:
  std::unique_ptr<File> open_or_make();

  Dir& target_;
  const ExportAccess access_;
  std::unique_ptr<File> file_;
  std::string name_;
  std::uint64_t inode_ = 0;
};

}  // namespace spoolmq::adapters
