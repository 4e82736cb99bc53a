#pragma once
// From a bounded buffer in shared memory into a queue: an entry is freed, and its place the
// producer's again, only when its message is durable.

#include <string>

#include "adapters/intake.h"
#include "adapters/polled_adapter.h"
#include "adapters/shm_reader.h"

namespace spoolmq::adapters {

class ShmIn final : public PolledAdapter {
 public:
  ShmIn(const std::string& queue, const ShmSettings& settings, AdapterPlace place);
  ~ShmIn() override;

 private:
  Step step() override;
  void gather(std::vector<pollfd>& waited) override;

  void accept(ShmEntry entry);
  void flush();
  void settle(const std::vector<Intake::Taken>& taken);

  const AdapterPlace place_;
  Queue queue_;
  ShmReader reader_;
  Intake intake_;  // tokens are numbers of entries
};

}  // namespace spoolmq::adapters
