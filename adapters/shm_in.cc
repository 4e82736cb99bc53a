#include "adapters/shm_in.h"

#include <utility>

#include "adapters/bridge_queue.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::uint32_t kDone = 0;
constexpr std::uint32_t kBad = 65;
constexpr std::size_t kMostHeldBytes = 8 << 20;

}  // namespace

ShmIn::ShmIn(const std::string& queue, const ShmSettings& settings, AdapterPlace place)
    : PolledAdapter(*place.clock),
      place_(std::move(place)),
      queue_(open_bridge_queue(place_, queue)),
      reader_(settings, clock()),
      intake_(queue_, place_, {settings.window, kMostHeldBytes}) {}

ShmIn::~ShmIn() {
  try {
    settle(intake_.flush());
  } catch (const std::exception& error) {
    // They are in the segment still.
    log::warn("left in the segment", {{"adapter", place_.name}, {"why", error.what()}});
  }
}

PolledAdapter::Step ShmIn::step() {
  flush();
  if (intake_.is_refused()) return {.next_boot_ms = clock().boot_ms() + Intake::kTryAgainMs};
  const bool is_empty = reader_.is_empty();  // before the next look at what it took
  while (!intake_.is_full()) {
    auto entry = reader_.next();
    if (!entry) break;
    accept(std::move(*entry));
  }
  const bool over = place_.once && is_empty && intake_.is_empty() && reader_.is_empty();
  const bool more = intake_.is_full();
  flush();
  if (intake_.is_refused()) return {.next_boot_ms = clock().boot_ms() + Intake::kTryAgainMs};
  return {.next_boot_ms = more ? 0 : INT64_MAX, .over = over};
}

void ShmIn::accept(ShmEntry entry) {
  if (!entry.why.empty()) {
    if (place_.counters != nullptr) {
      place_.counters->refused.fetch_add(1, std::memory_order_relaxed);
    }
    if (place_.on_refused) place_.on_refused("entry " + std::to_string(entry.number), entry.why);
    return reader_.settle(entry.number, kBad);
  }
  Message message;
  message.body = std::move(entry.body);
  message.priority = entry.priority;
  intake_.add(std::move(message), entry.number);
}

void ShmIn::flush() { settle(intake_.try_flush()); }

void ShmIn::settle(const std::vector<Intake::Taken>& taken) {
  for (const Intake::Taken& one : taken) {
    reader_.settle(one.token, one.is_sent ? kDone : kBad);
  }
}

void ShmIn::gather(std::vector<pollfd>& waited) {
  if (!intake_.is_refused()) waited.push_back({reader_.descriptor(), POLLIN, 0});
}

}  // namespace spoolmq::adapters
