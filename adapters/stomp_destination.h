#pragma once
// Where a STOMP client sends to or reads from. Pure.
//
//   /queue/N, N        queue N
//   /topic/N           every queue that is bound to N
//   /temp-queue/N      a mailbox of this connection, which goes with it
//   /reply/UUID/N      such a mailbox, from outside: what a reply-to says to whoever took the
//   request
//                      out of queue N. A reply that finds no mailbox is dead in N
//   /dead/N            the dead letters of queue N
// Anything else that begins with a "/" is refused: most likely it is a slip.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "adapters/stomp_refusal.h"

namespace spoolmq::adapters {

struct StompDestination {
  enum class Kind : std::uint8_t { kQueue, kTopic, kTempQueue, kReply, kDead };
  Kind kind = Kind::kQueue;
  std::string name;     // of the queue, topic, …; of a reply the mailbox's queue
  std::string request;  // of a reply: the queue that has it if the mailbox is gone
  bool operator==(const StompDestination&) const = default;
};

std::variant<StompDestination, StompRefusal> parse_stomp_destination(std::string_view text);

// The destination of queue N.
std::string stomp_queue_text(std::string_view queue);
// How a message of queue `request` names the mailbox or queue that its reply goes to.
std::string stomp_reply_text(std::string_view reply_to, std::string_view request);

}  // namespace spoolmq::adapters
