#pragma once
// Request and reply over queues. A Requester has a mailbox of its own, a queue `reply/<uuid>` with
// the request queue's mode and group; a Replier answers what comes to a queue.
//
//   spoolmq::Requester requester(root, "quotes");
//   auto answer = requester.request({.body = "what?"});
//   if (answer.reply) { use(answer.reply->message().body); answer.reply->ack(); }
//
//   spoolmq::serve(root, quotes, [](spoolmq::Delivery& request) { return
//   quote_for(request.message()); });
//
// The request carries reply-to (the mailbox) and a correlation id; its reply carries the same
// correlation id and the headers below. A reply is durable before its request is acknowledged, and
// has a dedupe key made of the request's id: a replier that dies in between has its successor's
// reply taken for the same one. Nothing is dropped: a reply that finds no mailbox, or is left in
// one by a requester that went away, becomes a dead message of the request's queue, reason
// `no_requester`.
// Each object belongs to one thread at a time. Errors: spoolmq::Error, as those of the calls that
// they are made of.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "spoolmq/queue.h"

namespace spoolmq {

// Headers of every reply.
inline constexpr std::string_view kReplyStatusHeader = "spoolmq-status";    // as of ReplyStatus
inline constexpr std::string_view kReplyReasonHeader = "spoolmq-reason";    // of a refusal
inline constexpr std::string_view kReplyRequestHeader = "spoolmq-request";  // the request's id
inline constexpr std::string_view kReplyQueueHeader = "spoolmq-queue";      // it was sent to
// And of one that became dead there: where it should have gone.
inline constexpr std::string_view kReplyMailboxHeader = "spoolmq-mailbox";

inline constexpr std::string_view kNoRequester = "no_requester";

enum class ReplyStatus : std::uint8_t {
  kOk,        // "ok": the body is the answer
  kRejected,  // "rejected": the request is bad; it is dead in its queue
  kFailed,    // "failed": it failed as often as its queue allows; dead likewise
};
std::string_view reply_status_name(ReplyStatus status);
// Of a reply. A message that says nothing is an answer: whoever sent it may know nothing of this.
ReplyStatus reply_status(const Message& reply);

// ---- Asking

struct RequestOptions {
  Milliseconds timeout{30'000};  // how long to wait for the reply
  // After this time the request and its reply go dead. Default: the timeout and kGrace.
  std::optional<Milliseconds> ttl;
  std::function<bool()> cancelled = {};  // asked at least every 250 ms; ends the wait
};

struct Answer {
  MessageId request;              // its id
  std::optional<Delivery> reply;  // none: nobody answered in time
  bool withdrawn = false;         // without a reply: nobody had taken the request, and it is gone
};

class Requester {
 public:
  // Between the end of a requester's patience and that of its request.
  static constexpr Milliseconds kGrace{5'000};

  // Makes the mailbox. `name` says who asks (--as). Throws Error(kNotFound) without such a queue.
  Requester(Root& root, std::string_view queue, std::string_view name = {});
  Requester(const Requester&) = delete;
  Requester& operator=(const Requester&) = delete;
  ~Requester();  // close(), errors logged

  // Sends and waits. A correlation id that is set is kept; else it is random. Acknowledge the reply
  // once it is used: until then it stays in the mailbox.
  Answer request(Message message, const RequestOptions& options = {});
  // The body is streamed.
  Answer request_stream(Message message, const BodySource& source,
                        const RequestOptions& options = {});
  // Removes the mailbox. Replies left there become dead messages of the queue. Within a second:
  // what a replier still has open by then is left to sweep_mailboxes.
  void close();

  [[nodiscard]] const std::string& mailbox() const { return mailbox_name_; }
  [[nodiscard]] Queue& queue() { return queue_; }

 private:
  using Send = std::function<MessageId(Message, const SendOptions&)>;
  Answer ask(Message message, const RequestOptions& options, const Send& send);
  std::optional<Delivery> wait_for_reply(const std::string& correlation_id,
                                         const RequestOptions& options, Milliseconds longest);
  void bury_leftovers();

  Root& root_;
  Queue queue_;
  std::string mailbox_name_;
  std::string name_;
  std::optional<Queue> mailbox_;
};

// ---- Answering

class Replier {
 public:
  Replier(Root& root, Queue& requests) : root_(root), requests_(requests) {}

  enum class Sent : std::uint8_t { kToMailbox, kDead };
  // The reply is durable on return, in the mailbox, or dead in the request's queue; the request is
  // still to be acknowledged. Headers and body of `reply` count. Where it throws, nothing was sent.
  Sent send(const Delivery& request, Message reply);
  Sent send_file(const Delivery& request, Message reply, int body_descriptor);
  // Tells the requester that there will be no answer, then rejects the request.
  void reject(Delivery& request, std::string_view reason);
  // A failure: nack, and where that is the last one its queue allows the requester is told before.
  void fail(Delivery& request, std::string_view reason);

 private:
  using Send = std::function<void(Queue& to, Message reply, const SendOptions& options)>;
  Sent send_reply(const Delivery& request, ReplyStatus status, Message reply, const Send& send);
  void send_refusal(const Delivery& request, ReplyStatus status, std::string_view reason);

  Root& root_;
  Queue& requests_;
};

// Whether it is a reply that was put among the requests, dead, and requeued: nobody's question.
bool is_reply(const Message& message);
inline constexpr std::string_view kNotARequest = "it is a reply, not a request";

struct Refusal {
  std::string reason;
};
// What a request is answered with: a message, or that it is bad. Throwing counts a failure.
using Handler = std::function<std::variant<Message, Refusal>(Delivery& request)>;
struct ServeOptions {
  std::optional<Milliseconds> lease;
  std::function<bool()> cancelled = {};  // asked at least every 250 ms; ends serve()
};
// Answers requests one after the other until it is cancelled.
void serve(Root& root, Queue& requests, const Handler& handler, const ServeOptions& options = {});

// ---- Sweeping

// Removes mailboxes that nobody uses any more: older than kMailboxAge, no living handle, and
// nothing in them but dead messages, which move to the queues that their requests were sent to. At
// most `most` are looked at. What is in the way of one leaves it to the next call. Returns how many
// went. `serve` does this every 10 s, and every Requester when it closes.
inline constexpr Milliseconds kMailboxAge{60'000};
inline constexpr std::size_t kMailboxesPerSweep = 16;
std::size_t sweep_mailboxes(Root& root, std::int64_t wall_ms,
                            std::size_t most = kMailboxesPerSweep);

}  // namespace spoolmq
