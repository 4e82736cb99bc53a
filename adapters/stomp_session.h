#pragma once
// What one client and we have to say to each other, from CONNECT to its end: frames in, frames out,
// and what they ask of the queues. Knows neither sockets nor threads; belongs to one thread.
//
//   take(frame) …                 while may_take()
//   settle(number, failure)       the backend did what a frame asked for
//   deliver(subscription, …)      while room(subscription)
//   note_written()                what was written of the output settles `ack:auto`
//   is_over()                     nothing more is said: the output is written, then the end
// A frame that cannot be obeyed is answered by ERROR, and is the last.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/access.h"
#include "adapters/stomp_answers.h"
#include "adapters/stomp_backend.h"
#include "adapters/stomp_codec.h"
#include "adapters/stomp_frame.h"
#include "adapters/stomp_handshake.h"
#include "adapters/stomp_output.h"
#include "adapters/stomp_subscription.h"
#include "core/clock.h"

namespace spoolmq::adapters {

struct StompSessionLimits {
  std::size_t prefetch = 100;            // where a SUBSCRIBE names none
  std::size_t awaited_frames = 1024;     // not carried out yet
  std::size_t awaited_bytes = 16 << 20;  // of their bodies
  std::size_t subscriptions = 1000;
  std::uint64_t held_bytes = 64 << 20;    // of deliveries that are not settled
  std::size_t unwritten_bytes = 1 << 20;  // of the output; one frame may be larger
  std::size_t transactions = 100;         // open ones
  std::size_t transaction_frames = 10'000;
  std::size_t transaction_bytes = 64 << 20;
  bool may_create = false;  // queues, where the client has that right
};

class StompSession {
 public:
  // The references outlive it.
  StompSession(std::uint64_t connection, const StompSessionLimits& limits, Access& access,
               const Clock& clock, StompBackend& backend, StompOutput& output, Peer peer);
  // Of the certificate that the client proved to own; before the first frame.
  void set_subject(std::string subject) { who_.subject = std::move(subject); }

  void take(StompFrame frame);
  // What became of the login that the backend was asked to check.
  void admit(std::optional<std::string> failure);
  // No frame any more: what came is none.
  void break_off(std::string_view why, std::string_view receipt);
  // The client sends no more; what it asked for is carried out and answered, but it gets nothing.
  void end_input();
  // It is not there any more, nor is what was not written to it.
  void drop();

  [[nodiscard]] bool may_take() const;
  [[nodiscard]] bool is_over() const { return is_over_; }
  [[nodiscard]] bool is_connected() const { return handshake_.has_value(); }
  // Something that it asked for is not done yet.
  [[nodiscard]] bool is_awaiting() const { return answers_.awaited() > 0 || asked_; }
  [[nodiscard]] const Identity& who() const { return who_; }
  // Agreed on; those of 1.0 before that.
  [[nodiscard]] StompHandshake handshake() const { return handshake_.value_or(StompHandshake{}); }

  void settle(std::uint64_t number, std::optional<std::string> failure);
  [[nodiscard]] bool has_subscription(std::uint64_t subscription) const {
    return subscriptions_.contains(subscription);
  }
  // How many more the subscription may be given; 0 also where there is no such one any more.
  [[nodiscard]] std::size_t room(std::uint64_t subscription) const;
  void deliver(std::uint64_t subscription, const Message& message, std::string body,
               const Receipt& receipt, std::int64_t deliveries);
  void note_written();
  // Every delivery that is not settled.
  void for_each_held(
      const std::function<void(const std::string& queue, const Receipt& receipt)>& take) const;

 private:
  struct Handed {  // of an auto subscription: in the output, not written yet
    std::uint64_t end = 0;
    std::uint64_t subscription = 0;
    std::string queue;
    StompHeld held;
  };
  using Subscriptions = std::map<std::uint64_t, StompSubscription>;
  using Receipted = std::optional<std::string>;

  void connect(const StompFrame& frame);
  void answer_connect();
  [[nodiscard]] bool may(Right right, const std::string& name, const StompFrame& frame);
  [[nodiscard]] bool may_send(const StompDestination& to, const StompFrame& frame);
  [[nodiscard]] bool may_subscribe(const StompSubscribe& asked, const StompFrame& frame);
  [[nodiscard]] StompMissing missing(const std::string& queue) const;
  void obey(StompFrame frame);
  void send(StompFrame frame);
  void subscribe(const StompFrame& frame);
  void unsubscribe(const StompFrame& frame);
  void acknowledge(const StompFrame& frame, Verdict verdict);
  void begin(const StompFrame& frame);
  void commit(const StompFrame& frame);
  void abort(const StompFrame& frame);
  void disconnect(const StompFrame& frame);

  bool is_mailbox_open(const std::string& name);
  StompOpening opening_of(const StompSubscribe& asked);
  void open(StompSubscribe asked, Receipted receipt);
  StompTransaction* find_transaction(const StompFrame& frame);
  bool has_place(const StompTransaction& transaction, const StompFrame& frame);
  struct Meant {
    Subscriptions::iterator subscription;
    std::uint64_t number = 0;
  };
  std::optional<Meant> find_meant(const StompFrame& frame);
  [[nodiscard]] bool was_settled(const StompFrame& frame) const;
  std::vector<Receipt> note_settled(const std::vector<StompHeld>& held);
  void release(const std::string& queue, const std::vector<StompHeld>& held);
  void end_subscription(Subscriptions::iterator subscription);
  void leave();
  [[nodiscard]] bool is_full() const;
  void note_room_again();

  void done(Receipted receipt);
  StompTicket expect(Receipted receipt, std::size_t bytes = 0);
  void refuse(std::string why, const StompFrame& frame);
  void tell();
  void write_error(const std::string& why, const Receipted& receipt);
  void write(const StompFrame& frame);

  const std::uint64_t connection_;
  const StompSessionLimits& limits_;
  const Clock& clock_;
  StompBackend& backend_;
  StompOutput& output_;
  Access& access_;
  Identity who_;
  Message stamp_;                        // what every message of this client has
  std::optional<StompHandshake> asked_;  // until it is known who asks
  std::optional<StompHandshake> handshake_;
  bool takes_no_more_ = false;
  bool is_over_ = false;
  StompAnswers answers_;
  Subscriptions subscriptions_;
  std::uint64_t next_subscription_ = 1;
  std::uint64_t next_delivery_ = 1;
  std::uint64_t held_bytes_ = 0;
  bool was_full_ = false;  // since a delivery: nothing more was wanted
  std::deque<Handed> handed_;
  std::deque<MessageId> recent_;  // settled last
  std::map<std::string, StompTransaction> transactions_;
  struct Mailbox {
    std::string queue;
    std::uint64_t opened_by = 0;  // of StompAnswers
    bool is_open = false;
  };
  std::map<std::string, Mailbox> mailboxes_;      // by the NAME of /temp-queue/NAME
  std::map<std::string, StompOpening> closings_;  // by queue: what goes with the connection
  std::optional<StompFrame> deferred_;            // until the mailbox that it names is open
};

}  // namespace spoolmq::adapters
