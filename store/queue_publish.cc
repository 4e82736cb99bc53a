// What senders tell the hot cache (HOTCACHE.md): each message once it is durable, in the order of
// its file, before its sender hears "sent".
#include "core/record_codec.h"
#include "store/queue_impl.h"

namespace spoolmq {
namespace {

std::uint32_t marks_of(const Message& message, bool rendezvous, std::int64_t wall_ms) {
  std::uint32_t marks = 0;
  if (rendezvous) marks |= hot_cache::kRendezvous;
  if (message.not_before_ms > wall_ms) marks |= hot_cache::kDelayed;
  if (message.expires_at_ms != 0 && message.expires_at_ms <= wall_ms) marks |= hot_cache::kExpired;
  return marks;
}

}  // namespace

bool QueueImpl::is_rendezvous() {
  const std::lock_guard guard(settings_mutex_);
  return settings_->capacity == 0;
}

HotRing* QueueImpl::ring_of(HotLane& lane) {
  if (lane.ring && !lane.ring->is_retired()) return lane.ring.get();
  std::uint64_t bytes = 0;
  {
    const std::lock_guard guard(settings_mutex_);
    bytes = static_cast<std::uint64_t>(settings_->hot_cache);
  }
  lane.ring = hot_cache_.current(bytes, handles_.own_slot());
  if (!lane.writer) {
    lane.writer.emplace(handles_.own_slot(),
                        [this](std::uint32_t slot) { return handles_.is_alive(slot); });
  }
  return lane.ring.get();
}

void QueueImpl::publish_appended(std::span<Outgoing* const> messages,
                                 std::span<const Location> places) {
  HotRing* const ring = ring_of(append_lane_);
  if (ring == nullptr) return;
  const bool rendezvous = is_rendezvous();
  const std::int64_t wall_ms = clock_->wall_ms();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Message& message = messages[i]->message;
    append_lane_.writer->publish(*ring,
                                 {message.id, places[i], marks_of(message, rendezvous, wall_ms),
                                  segment_->bytes_of(places[i])});
  }
  ring->wake();
}

void QueueImpl::publish_singles(std::span<SingleJob* const> jobs) {
  HotRing* const ring = ring_of(single_lane_);
  if (ring == nullptr) return;
  const bool rendezvous = is_rendezvous();
  const std::int64_t wall_ms = clock_->wall_ms();
  std::vector<std::byte> bytes;
  for (const SingleJob* job : jobs) {
    for (std::size_t i = 0; i < job->messages.size(); ++i) {
      const Outgoing& one = *job->messages[i];
      const Location& at = job->places[i];
      bytes.clear();
      if (record::encoded_size(one.message) <= ring->size().arena_bytes) {
        record::encode(one.message, one.flags, at.file, at.offset, bytes);
      }
      single_lane_.writer->publish(
          *ring, {one.message.id, at, marks_of(one.message, rendezvous, wall_ms), bytes});
    }
  }
  ring->wake();
}

}  // namespace spoolmq
