#include "adapters/shm_out.h"

#include <utility>

#include "adapters/bridge_queue.h"
#include "adapters/whole_body.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
ShmOut::ShmOut(const std::string& queue, const ShmSettings& settings, AdapterPlace place)
    : PolledAdapter(*place.clock),
      place_(std::move(place)),
      queue_(open_bridge_queue(place_, queue)),
      writer_(settings, clock()),
      outflow_(queue_, place_, settings.window) {}

PolledAdapter::Step ShmOut::step() {
  settle_freed();
  while (Delivery* const delivery = outflow_.next()) put(*delivery);
  outflow_.flush();
  const std::int64_t due_boot_ms = outflow_.extend_due();
  if (place_.once && outflow_.unsettled() == 0 && outflow_.is_queue_empty()) return {.over = true};
  return {.next_boot_ms = due_boot_ms};
}

void ShmOut::settle_freed() {
  while (const auto freed = writer_.next_freed()) {
    const Verdict verdict =
        freed->verdict > 255 ? Verdict::kNack : verdict_of_exit(static_cast<int>(freed->verdict));
    const std::string why = "the consumer's verdict is " + std::to_string(freed->verdict);
    outflow_.settle(freed->id, verdict, why);
    heed(verdict, place_, why);
  }
}

void ShmOut::put(const Delivery& delivery) {
  const Message& message = delivery.message();
  if (message.body_size() > writer_.most_body_bytes()) {
    outflow_.settle(message.id, Verdict::kReject,
                    std::to_string(message.body_size()) + " bytes are more than an entry's " +
                        std::to_string(writer_.most_body_bytes()));
    return;
  }
  try {
    writer_.put(message.id, whole_body(delivery), message.priority);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    outflow_.settle(message.id, Verdict::kReject, error.why());
  }
}

void ShmOut::gather(std::vector<pollfd>& waited) {
  waited.push_back({writer_.descriptor(), POLLIN, 0});
  waited.push_back({outflow_.descriptor(), POLLIN, 0});
}

}  // namespace spoolmq::adapters
