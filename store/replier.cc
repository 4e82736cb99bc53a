// The answering side: the reply first, then the request.
#include <algorithm>
#include <exception>
#include <utility>

#include "core/log.h"
#include "spoolmq/request.h"
#include "store/reply_mailbox.h"

namespace spoolmq {
namespace {

constexpr std::string_view kDedupePrefix = "spoolmq-reply:";

// The same for each delivery of a request, another one once an operator has requeued it.
std::string dedupe_key_of(const Delivery& request) {
  return std::string(kDedupePrefix) + request.message().id.text() + ":" +
         std::to_string(request.counters().redrives);
}

void address(Message& reply, const Delivery& request, const std::string& queue,
             ReplyStatus status) {
  const Message& asked = request.message();
  reply.id = {};
  reply.reply_to.clear();
  reply.correlation_id = asked.correlation_id.empty() ? asked.id.text() : asked.correlation_id;
  reply.dedupe_key = dedupe_key_of(request);
  reply.expires_at_ms = asked.expires_at_ms;  // what is left of the requester's patience
  std::erase_if(reply.headers, [](const Header& one) {
    return one.first == kReplyStatusHeader || one.first == kReplyRequestHeader ||
           one.first == kReplyQueueHeader;
  });
  reply.headers.emplace_back(kReplyStatusHeader, reply_status_name(status));
  reply.headers.emplace_back(kReplyRequestHeader, asked.id.text());
  reply.headers.emplace_back(kReplyQueueHeader, queue);
}

// nullopt: there is no such mailbox, or no longer.
std::optional<Queue> open_mailbox(Root& root, const std::string& name) {
  try {
    return root.open_queue(name, mailbox::briefly());
  } catch (const Error& error) {
    // kUsage: no queue could have that name.
    if (error.code() != ErrorCode::kNotFound && error.code() != ErrorCode::kUsage) throw;
    return std::nullopt;
  }
}

}  // namespace

Replier::Sent Replier::send(const Delivery& request, Message reply) {
  return send_reply(request, ReplyStatus::kOk, std::move(reply),
                    [](Queue& to, Message one, const SendOptions& options) {
                      to.send_checked(std::move(one), options);
                    });
}

Replier::Sent Replier::send_file(const Delivery& request, Message reply, int body_descriptor) {
  return send_reply(request, ReplyStatus::kOk, std::move(reply),
                    [body_descriptor](Queue& to, Message one, const SendOptions& options) {
                      to.send_file(std::move(one), body_descriptor, BodyFile::kCopy, options);
                    });
}

void Replier::reject(Delivery& request, std::string_view reason) {
  send_refusal(request, ReplyStatus::kRejected, reason);
  request.reject(reason);
}

void Replier::fail(Delivery& request, std::string_view reason) {
  if (request.counters().failures + 1 >= requests_.settings().max_failures) {
    send_refusal(request, ReplyStatus::kFailed, reason);
  }
  request.nack(reason);
}

// A verdict does not wait for a mailbox that cannot be written: its requester's time runs out.
void Replier::send_refusal(const Delivery& request, ReplyStatus status, std::string_view reason) {
  Message refusal;
  refusal.headers.emplace_back(kReplyReasonHeader, reason);
  try {
    send_reply(request, status, std::move(refusal),
               [](Queue& to, Message one, const SendOptions& options) {
                 to.send_checked(std::move(one), options);
               });
  } catch (const Error& error) {
    log::warn("requester not told", {{"id", request.message().id.text()}, {"why", error.what()}});
  }
}

Replier::Sent Replier::send_reply(const Delivery& request, ReplyStatus status, Message reply,
                                  const Send& send) {
  address(reply, request, requests_.name(), status);
  const std::string& mailbox_name = request.message().reply_to;
  if (std::optional<Queue> mailbox = open_mailbox(root_, mailbox_name)) {
    try {
      SendOptions at_once;
      at_once.timeout = Milliseconds{0};
      send(*mailbox, reply, at_once);
      return Sent::kToMailbox;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;  // it was removed under our hands
    }
  }
  reply.headers.emplace_back(kReplyMailboxHeader, mailbox_name);
  SendOptions dead;
  dead.dead = kNoRequester;
  send(requests_, std::move(reply), dead);
  return Sent::kDead;
}

bool is_reply(const Message& message) { return message.header(kReplyRequestHeader) != nullptr; }

namespace {

// What the handler makes of one request. Its failures are the request's.
void serve_one(Replier& replier, Delivery& request, const Handler& handler) {
  std::variant<Message, Refusal> result;
  try {
    result = handler(request);
    if (auto* const reply = std::get_if<Message>(&result)) replier.send(request, std::move(*reply));
  } catch (const std::exception& error) {
    log::warn("request failed", {{"id", request.message().id.text()}, {"why", error.what()}});
    replier.fail(request, error.what());
    return;
  }
  if (const auto* const refusal = std::get_if<Refusal>(&result)) {
    replier.reject(request, refusal->reason);
  } else {
    request.ack();
  }
}

}  // namespace

void serve(Root& root, Queue& requests, const Handler& handler, const ServeOptions& options) {
  Replier replier(root, requests);
  ReceiveOptions receive;
  receive.wait = std::nullopt;
  receive.lease = options.lease;
  receive.cancelled = options.cancelled;
  while (!options.cancelled || !options.cancelled()) {
    std::optional<Delivery> request = requests.receive(receive);
    if (!request) continue;
    try {
      if (is_reply(request->message())) {
        request->reject(kNotARequest);
      } else {
        serve_one(replier, *request, handler);
      }
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kLeaseLost) throw;  // another replier has it by now
    }
  }
}

}  // namespace spoolmq
