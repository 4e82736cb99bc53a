#pragma once
// From a queue into a bounded buffer in shared memory: a message is acknowledged when the consumer
// freed its entry, or whatever the verdict says that it left there.

#include <string>

#include "adapters/outflow.h"
#include "adapters/polled_adapter.h"
#include "adapters/shm_writer.h"

namespace spoolmq::adapters {

class ShmOut final : public PolledAdapter {
 public:
  ShmOut(const std::string& queue, const ShmSettings& settings, AdapterPlace place);

 private:
  Step step() override;
  void gather(std::vector<pollfd>& waited) override;

  void settle_freed();
  void put(const Delivery& delivery);

  const AdapterPlace place_;
  Queue queue_;
  ShmWriter writer_;
  Outflow outflow_;
};

}  // namespace spoolmq::adapters
