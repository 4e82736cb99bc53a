#pragma once
// A queue that is durable before it confirms, ours or that of somebody else whom users would take
// instead, set to be as strict as it can and spoken to over a Unix socket. One for each
// measurement.

#include <cstddef>
#include <memory>
#include <string>

namespace spoolmq::bench {

// One client, in the process that opened it.
class PeerSession {
 public:
  PeerSession() = default;
  PeerSession(const PeerSession&) = delete;
  PeerSession& operator=(const PeerSession&) = delete;
  virtual ~PeerSession() = default;

  // So many messages of the same body, all on their way at once; returns when each is confirmed.
  virtual void send(const std::string& body, std::size_t messages) = 0;
  enum class Wait : bool { kNo, kForOne };
  // Takes up to so many at once, and returns how many; they are this session's until settle().
  virtual std::size_t receive(std::size_t most, Wait wait) = 0;
  [[nodiscard]] const std::string& body() const { return body_; }  // of the last one received
  // Acknowledges what was received last; returns when that is confirmed.
  virtual void settle() = 0;
  // settle() and receive() in one go, as whoever works on one batch after the other would: the
  // protocols of all of them have it, or can be sent both requests at once.
  virtual std::size_t settle_and_receive(std::size_t most) = 0;
  // settle() of one after the other, each confirmed before the next.
  virtual void settle_each() = 0;

 protected:
  std::string body_;
};

class PeerQueue {
 public:
  PeerQueue() = default;
  PeerQueue(const PeerQueue&) = delete;
  PeerQueue& operator=(const PeerQueue&) = delete;
  virtual ~PeerQueue() = default;  // ends its server, if it has one
  virtual std::unique_ptr<PeerSession> open() = 0;
};

// Each keeps everything below the directory, and is empty. nullptr: it is not installed (Debian
// packages beanstalkd, redis-server).
std::unique_ptr<PeerQueue> spoolmq_queue(const std::string& directory);
// -f0: every job is synced before "INSERTED".
std::unique_ptr<PeerQueue> beanstalkd_queue(const std::string& directory);
// A stream with a consumer group; appendfsync always.
std::unique_ptr<PeerQueue> redis_queue(const std::string& directory);

}  // namespace spoolmq::bench
