#pragma once
// What sessions ask of the queues. Nothing here blocks: the work is done elsewhere, and its end
// told to StompSession::settle of the connection that asked.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/secret.h"
#include "adapters/stomp_headers.h"
#include "adapters/stomp_subscription.h"
#include "adapters/verdict.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

// Folders of queues that are made for connections: what nobody uses any more is removed.
inline constexpr std::string_view kStompMailbox = "reply/";    // of <spoolmq/request.h>
inline constexpr std::string_view kStompPrivate = "private/";  // of subscriptions to topics

// The desk of a queue's dead letters is named so; no queue is.
inline constexpr std::string_view kStompDead = "/dead/";

// Who is told how it went.
struct StompTicket {
  std::uint64_t connection = 0;
  std::uint64_t number = 0;        // of StompAnswers; 0: nobody waits
  std::uint64_t subscription = 0;  // that begins with it; 0: none does
};

// A delivery that a transaction settles, or not.
struct StompSettled {
  std::uint64_t subscription = 0;
  std::string queue;  // or kStompDead and its name
  Verdict verdict = Verdict::kAck;
  StompHeld held;
};

// What COMMIT carries out, all or nothing.
struct StompTransaction {
  std::vector<StompSend> sends;
  std::vector<StompSettled> settled;
  std::size_t bytes = 0;  // of the sends
};

// What a subscription needs before it can begin.
struct StompOpening {
  enum class Kind : std::uint8_t {
    kQueue,    // is there, or made where that is allowed
    kMailbox,  // made, and removed with the connection
    kTopic,    // made, bound to `topic`, and removed with the connection
    kDurable,  // made where it is missing, bound to `topic`, and stays
    kDead,     // is there: its dead letters are shown
  };
  Kind kind = Kind::kQueue;
  std::string queue;
  std::string topic = {};
  StompMissing missing = StompMissing::kRefuse;  // of kQueue and kDurable
};

// Who wants in.
struct StompCredentials {
  std::string name;
  Secret passcode;
};

class StompBackend {
 public:
  virtual ~StompBackend() = default;
  // Told to StompSession::admit.
  virtual void check(std::uint64_t connection, StompCredentials login) = 0;
  virtual void send(StompTicket ticket, StompSend send) = 0;
  virtual void settle(StompTicket ticket, const std::string& queue, Verdict verdict,
                      std::vector<Receipt> receipts) = 0;
  virtual void commit(StompTicket ticket, StompTransaction transaction) = 0;
  // A subscription that the ticket names begins to receive once it is open.
  virtual void open(StompTicket ticket, const StompOpening& opening) = 0;
  // A subscription of that queue ended, or has other room than before.
  virtual void note_room(const std::string& queue) = 0;
  // The connection that opened it has ended.
  virtual void close(const StompOpening& opening) = 0;
};

}  // namespace spoolmq::adapters
