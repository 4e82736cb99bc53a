#pragma once
// One subscription of one connection: what was delivered and is not settled, and which of it an ACK
// means. Pure; belongs to one thread.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "adapters/stomp_destination.h"
#include "adapters/stomp_frame.h"
#include "adapters/stomp_refusal.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

enum class StompAckMode : std::uint8_t {
  kAuto,        // acknowledged by having been written
  kCumulative,  // "client": an ACK is also for all that the subscription was given before
  kIndividual,  // "client-individual"
};

// One delivery that is not settled.
struct StompHeld {
  std::uint64_t number = 0;  // of the connection's deliveries, from 1: the MESSAGE's `ack`
  Receipt receipt;
  std::uint64_t bytes = 0;  // of its body
};

// What a SUBSCRIBE asks for.
struct StompSubscribe {
  std::string id;           // may be empty in 1.0
  std::string destination;  // as given
  StompDestination place;
  StompAckMode mode = StompAckMode::kAuto;
  std::size_t prefetch = 0;  // deliveries that are not settled, at most
  std::string durable_name;  // of a topic; empty: it ends with the connection
};
inline constexpr std::size_t kMostPrefetch = 10'000;
// `prefetch` where the frame names none. Of auto: as many may be on their way.
std::variant<StompSubscribe, StompRefusal> stomp_subscribe(const StompFrame& frame,
                                                           StompVersion version,
                                                           std::size_t prefetch);

class StompSubscription {
 public:
  // `queue`: that it reads.
  StompSubscription(StompSubscribe asked, std::string queue)
      : asked_(std::move(asked)), queue_(std::move(queue)) {}

  [[nodiscard]] const StompSubscribe& asked() const { return asked_; }
  [[nodiscard]] const std::string& queue() const { return queue_; }
  [[nodiscard]] std::size_t room() const {
    return held_.size() >= asked_.prefetch ? 0 : asked_.prefetch - held_.size();
  }

  void add(StompHeld held) { held_.push_back(held); }
  [[nodiscard]] bool has(std::uint64_t number) const;
  // The delivery of that message; nullopt: there is none.
  [[nodiscard]] std::optional<std::uint64_t> find(const MessageId& id) const;
  // What an ACK or NACK of it means by the mode, taken out, in their order.
  std::vector<StompHeld> take(std::uint64_t number);
  // All up to that one, whatever the mode.
  std::vector<StompHeld> take_up_to(std::uint64_t number);
  std::vector<StompHeld> take_all();
  // Taken out by a transaction that came to nothing.
  void put_back(const std::vector<StompHeld>& held);
  [[nodiscard]] const std::deque<StompHeld>& held() const { return held_; }

 private:
  StompSubscribe asked_;
  std::string queue_;
  std::deque<StompHeld> held_;  // by number
};

}  // namespace spoolmq::adapters
