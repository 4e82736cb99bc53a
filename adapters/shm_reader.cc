#include "adapters/shm_reader.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/check.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostHeldBytes = 8 << 20;  // one entry may be larger

}  // namespace

ShmReader::ShmReader(const ShmSettings& settings, const Clock& clock)
    : ShmSide(settings, ShmSegment::Side::kConsumer, clock),
      window_(settings.window),
      freed_(checked(ring_.counts()).freed) {
  start();
}

ShmReader::~ShmReader() { stop(); }

std::optional<ShmEntry> ShmReader::next() {
  const std::lock_guard lock(mutex_);
  if (taken_.empty()) {
    bell_.silence();
    rethrow();
    return std::nullopt;
  }
  ShmEntry entry = std::move(taken_.front());
  taken_.pop_front();
  return entry;
}

void ShmReader::settle(std::uint64_t number, std::uint32_t verdict) {
  const std::lock_guard lock(mutex_);
  SPOOLMQ_CHECK(number >= first_ && number - first_ < verdicts_.size());
  verdicts_[number - first_] = verdict;
  changed_.notify_all();
}

bool ShmReader::is_empty() {
  const std::lock_guard lock(mutex_);
  return is_empty_;
}

// ---- The thread

void ShmReader::round() {
  {
    std::unique_lock lock(mutex_);
    if (!verdicts_.empty()) {
      changed_.wait(lock, stop_token(), [this] { return settled_first() > 0; });
    }
  }
  free_settled();
  {
    const std::lock_guard lock(mutex_);
    if (!verdicts_.empty()) return;
  }
  const std::uint32_t seen = sync_->seen(ShmSync::Event::kNews);
  std::optional<ShmRing::Counts> found;
  if (!with_lock([&] { found = ring_.counts(); })) return;
  const ShmRing::Counts counts = checked(found);
  if (counts.freed != freed_) {
    throw Error(ErrorCode::kUnavailable, "use", segment_.text(),
                "another consumer freed entries, or somebody wrote over the counters");
  }
  if (counts.waiting() > 0) return take(counts);
  check_removed();
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(is_empty_, true)) bell_.ring();
  }
  sync_->wait(ShmSync::Event::kNews, seen, kWait);
}

// What is put and not freed is ours alone: no lock is needed to read it.
void ShmReader::take(const ShmRing::Counts& counts) {
  std::vector<ShmEntry> entries;
  std::size_t bytes = 0;
  for (std::uint64_t number = freed_; number < counts.put; ++number) {
    if (entries.size() == window_ || bytes >= kMostHeldBytes) break;
    entries.push_back(ring_.read(number));
    bytes += entries.back().body.size();
  }
  segment_.check_whole();
  const std::lock_guard lock(mutex_);
  is_empty_ = false;
  first_ = freed_;
  verdicts_.resize(entries.size());
  std::ranges::move(entries, std::back_inserter(taken_));
  bell_.ring();
}

std::size_t ShmReader::settled_first() const {
  const auto end = std::ranges::find_if(verdicts_, [](const auto& one) { return !one; });
  return static_cast<std::size_t>(end - verdicts_.begin());
}

void ShmReader::free_settled() {
  std::vector<std::uint32_t> settled;
  {
    const std::lock_guard lock(mutex_);
    const std::size_t count = settled_first();
    for (std::size_t i = 0; i < count; ++i) settled.push_back(*verdicts_[i]);
  }
  if (settled.empty()) return;
  for (std::size_t i = 0; i < settled.size(); ++i) ring_.set_verdict(freed_ + i, settled[i]);
  const std::uint64_t freed = freed_ + settled.size();
  if (!with_lock([&] { ring_.free_up_to(freed); })) return;
  sync_->announce(ShmSync::Event::kRoom);
  freed_ = freed;
  const std::lock_guard lock(mutex_);
  verdicts_.erase(verdicts_.begin(),
                  verdicts_.begin() + static_cast<std::ptrdiff_t>(settled.size()));
  first_ = freed;
}

}  // namespace spoolmq::adapters
