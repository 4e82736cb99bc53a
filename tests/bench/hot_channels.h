#pragma once
// Channels through a queue's hot cache: records go straight into the ring, as a sender does once
// they are durable, so that what is measured is the way through shared memory alone.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "spoolmq/message.h"
#include "store/hot_cache.h"
#include "store/hot_cache_writer.h"
#include "cli/bench/channel.h"

namespace spoolmq::bench {

// Writes to the ring of the queue whose directory it is given; any directory will do.
class HotSender {
 public:
  HotSender(const std::string& directory, std::size_t body_bytes);
  HotSender(const HotSender&) = delete;
  HotSender& operator=(const HotSender&) = delete;
  ~HotSender();  // the ring goes

  void prepare(int number);
  void send();
  [[nodiscard]] const std::shared_ptr<HotRing>& ring() const { return ring_; }
  // The number in a body that prepare() made.
  static int number_in(std::span<const std::byte> body);

 private:
  HotCache cache_;
  std::shared_ptr<HotRing> ring_;
  HotCacheWriter writer_;
  Message message_;
  std::uint64_t offset_;
  std::vector<std::byte> record_;
};

// The receiver spins on HotCacheReader::read.
std::unique_ptr<Channel> ring_channel(const std::string& directory, std::size_t body_bytes);

// Through a real queue below `directory`: the receiver spins on Tail::poll, or sleeps in
// Tail::wait.
enum class Waiting : bool { kSpins, kSleeps };
std::unique_ptr<Channel> tail_channel(const std::string& directory, std::size_t body_bytes,
                                      Waiting waiting);

// Nothing but a word of shared memory: the limit. The receiver spins on it, or sleeps in
// FUTEX_WAIT.
std::unique_ptr<Channel> word_channel(Waiting waiting);

}  // namespace spoolmq::bench
