#include "adapters/shm_writer.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {

ShmWriter::ShmWriter(const ShmSettings& settings, const Clock& clock)
    : ShmSide(settings, ShmSegment::Side::kProducer, clock) {
  start();
}

ShmWriter::~ShmWriter() { stop(); }

void ShmWriter::put(const MessageId& id, std::string body, std::uint16_t priority) {
  SPOOLMQ_CHECK(body.size() <= most_body_bytes());
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back({id, std::move(body), priority});
  }
  sync_->announce(ShmSync::Event::kRoom);  // our own thread waits for that
}

std::optional<ShmWriter::Freed> ShmWriter::next_freed() {
  const std::lock_guard lock(mutex_);
  if (done_.empty()) {
    bell_.silence();
    rethrow();
    return std::nullopt;
  }
  const Freed freed = done_.front();
  done_.pop_front();
  return freed;
}

// ---- The thread

// Once, before anything is put.
void ShmWriter::find_left(const ShmRing::Counts& counts) {
  if (std::exchange(has_looked_, true)) return;
  for (std::uint64_t number = counts.freed; number < counts.put; ++number) {
    const MessageId id = ring_.id(number);
    if (!id.is_nil()) left_.emplace(id, number);
  }
}

void ShmWriter::round() {
  const std::uint32_t seen = sync_->seen(ShmSync::Event::kRoom);
  Done done;
  std::optional<ShmRing::Counts> counts;
  const bool had_lock = with_lock([&] {
    counts = ring_.counts();
    if (!counts || counts->freed < freed_) return;
    find_left(*counts);
    collect(*counts, done);
    put_waiting(*counts, done);
  });
  if (!had_lock) return;
  const ShmRing::Counts now = checked(counts);
  if (now.freed < freed_) {
    throw Error(ErrorCode::kUnavailable, "use", segment_.text(),
                "entries are no longer freed that were: somebody wrote over the counters");
  }
  freed_ = now.freed;
  if (done.has_put) sync_->announce(ShmSync::Event::kNews);
  check_removed();
  if (!done.freed.empty()) {
    const std::lock_guard lock(mutex_);
    std::ranges::move(done.freed, std::back_inserter(done_));
    bell_.ring();
  }
  if (!done.has_put && done.freed.empty()) sync_->wait(ShmSync::Event::kRoom, seen, kWait);
}

// Before anything is put: another's entry may stand there afterwards. Where another producer's
// stands there already, what the consumer said is gone, and freed means done.
void ShmWriter::collect(const ShmRing::Counts& counts, Done& done) {
  while (!under_way_.empty() && under_way_.begin()->first < counts.freed) {
    const auto& [number, id] = *under_way_.begin();
    const bool is_there = counts.put - number <= segment_.shape().entries;
    done.freed.push_back({id, is_there ? ring_.verdict(number) : 0});
    under_way_.erase(under_way_.begin());
  }
}

void ShmWriter::put_waiting(ShmRing::Counts counts, Done& done) {
  const std::lock_guard lock(mutex_);
  while (!waiting_.empty()) {
    const Waiting& one = waiting_.front();
    const auto left = left_.find(one.id);
    if (left != left_.end()) {
      under_way_.emplace(left->second, one.id);
      left_.erase(left);
    } else if (counts.waiting() < segment_.shape().entries) {
      ring_.write(counts.put, one.body, one.priority, one.id);
      under_way_.emplace(counts.put, one.id);
      ring_.put_up_to(++counts.put);
    } else {
      return;
    }
    done.has_put = true;  // of one that was left: whether it is freed is looked at at once
    waiting_.pop_front();
  }
}

}  // namespace spoolmq::adapters
