#pragma once
// A way for messages from one process to another, and how long they travel on it.

#include <chrono>
#include <functional>
#include <vector>

namespace spoolmq::bench {

// Made before the fork; from then on the two processes have a copy each.
class Channel {
 public:
  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  virtual ~Channel() = default;

  virtual void begin_sending() {}
  virtual void begin_receiving() {}
  // Sender: message `number` is ready to go; not timed.
  virtual void prepare(int number) = 0;
  virtual void send() = 0;
  // Receiver: waits, in the way that is measured, until it holds a copy of the next message;
  // returns its number; kMissed: it knows that one is lost to it.
  virtual int receive() = 0;
  static constexpr int kMissed = -1;
  // Receiver: what is due after it has the message; not timed.
  virtual void settle() {}
};

struct Pace {
  int messages = 0;
  int warm_up = 0;                    // so many before those, not timed
  std::chrono::microseconds apart{};  // from the arrival of one to the next send
  // Each process on a core of its own; else wherever the kernel puts them.
  enum class Cores : bool { kOneEach, kAny } cores = Cores::kOneEach;
  // Called by the sender half way between two messages; not timed.
  std::function<void()> between = {};
};

// A value for every message that arrived, in its order.
struct Travel {
  std::vector<double> took_ns;   // from the call of send to the return of receive
  std::vector<double> calls_ns;  // of send alone
};

// One message at a time, from this process to a forked one: the next leaves when the last has
// arrived, so that nothing waits in line. The caller must have no queue open.
// Throws Error if the receiver failed, a message took 5 s, or one in ten was missed.
Travel travel(Channel& channel, const Pace& pace);

// Messages per second from this process to a forked one, which takes them one after the other; this
// one waits for nothing but room. What a channel loses (kMissed) is not counted.
double rate(Channel& channel, int messages);

}  // namespace spoolmq::bench
