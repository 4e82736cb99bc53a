#include "adapters/stomp_rooms.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "adapters/stomp_destination.h"
#include "core/log.h"
#include "spoolmq/error.h"
#include "spoolmq/request.h"
#include "spoolmq/topic.h"

namespace spoolmq::adapters {
namespace {

using Kind = StompOpening::Kind;

constexpr std::size_t kMostAtOnce = 100;

// It is gone with its connection: nothing in it is worth a sync.
Settings short_lived() {
  Settings settings;
  settings.durability = Durability::kOs;
  settings.history = HistoryLevel::kOff;
  return settings;
}

void make_queue(Root& root, const std::string& queue, const Settings& settings) {
  if (!root.has_queue(queue)) static_cast<void>(root.create_queue(queue, settings));
}

// The queue that a reply was an answer to a request of; empty: it says none.
std::string request_of(const Message& reply) {
  if (const std::string* const queue = reply.header(kReplyQueueHeader)) return *queue;
  const std::string* const destination = reply.header("destination");
  if (destination == nullptr) return {};
  const auto parsed = parse_stomp_destination(*destination);
  const StompDestination* const place = std::get_if<StompDestination>(&parsed);
  return place == nullptr ? std::string() : place->request;
}

void bury_leftovers(Root& root, const std::string& mailbox) {
  Queue queue = root.open_queue(mailbox);
  ReceiveOptions options;
  options.max = kMostAtOnce;
  std::vector<Delivery> left;
  while (!(left = queue.receive_batch(options)).empty()) {
    for (Delivery& one : left) {
      const std::string request = request_of(one.message());
      if (!request.empty() && !one.message().large_body && root.has_queue(request)) {
        static_cast<void>(bury_reply(root, request, mailbox, one.message()));
      } else {
        log::warn("a reply that nobody waits for goes with its mailbox",
                  {{"queue", mailbox}, {"id", one.message().id.text()}});
      }
    }
    queue.ack_batch(left);
  }
}

Queue observed(Root& root, const std::string& queue) {
  OpenOptions options;
  options.observer = true;
  options.background = false;
  return root.open_queue(queue, options);
}

bool is_used(Root& root, const std::string& queue) {
  const std::vector<Consumer> handles = observed(root, queue).consumers();
  return std::ranges::any_of(handles,
                             [](const Consumer& one) { return one.alive && !one.observer; });
}

bool is_old_mailbox(std::string_view queue, std::int64_t wall_ms) {
  if (!queue.starts_with(kStompMailbox)) return false;
  const auto id = MessageId::parse(queue.substr(kStompMailbox.size()));
  return id && wall_ms - id->time_ms() >= kMailboxAge.count();
}

// It would wait for ever, for somebody who is gone.
bool is_forlorn(const MessageStatus& one) {
  const bool is_free = one.state == State::kReady || (one.state == State::kLeased && one.bound);
  return is_free && one.expires_at_ms == 0;
}
bool holds_forlorn_only(Root& root, const std::string& mailbox) {
  Queue queue = observed(root, mailbox);
  ScanOptions all;
  while (true) {
    const std::vector<MessageStatus> page = queue.scan(all);
    if (page.empty()) return true;
    if (!std::ranges::all_of(page, is_forlorn)) return false;
    all.after_sequence = page.back().sequence;
  }
}

void unbind_all(Root& root, const std::string& queue) {
  for (const Binding& binding : root.bindings()) {
    if (binding.queue == queue) static_cast<void>(root.unbind(binding.pattern, queue));
  }
}

}  // namespace

void make_room(Root& root, const StompOpening& opening) {
  switch (opening.kind) {
    case Kind::kMailbox:
      make_queue(root, opening.queue, short_lived());
      return;
    case Kind::kTopic:
      make_queue(root, opening.queue, short_lived());
      root.bind(opening.topic, opening.queue);
      return;
    case Kind::kDurable:
      if (opening.missing == StompMissing::kMake) make_queue(root, opening.queue, {});
      root.bind(opening.topic, opening.queue);
      return;
    default:
      return;
  }
}

void remove_room(Root& root, const StompOpening& opening) {
  if (!root.has_queue(opening.queue)) return;
  if (opening.kind == Kind::kMailbox) {
    bury_leftovers(root, opening.queue);
  } else {
    static_cast<void>(root.unbind(opening.topic, opening.queue));
  }
  root.remove_queue(opening.queue, Force::kYes);
}

void remove_abandoned_rooms(Root& root, std::int64_t wall_ms) {
  for (const std::string& queue : root.queues()) {
    try {
      if (queue.starts_with(kStompPrivate) && !is_used(root, queue)) {
        unbind_all(root, queue);
        root.remove_queue(queue, Force::kYes);
      } else if (is_old_mailbox(queue, wall_ms) && !is_used(root, queue) &&
                 holds_forlorn_only(root, queue)) {
        remove_room(root, {Kind::kMailbox, queue, {}});
      }
    } catch (const Error& error) {
      // Removed meanwhile, or another user's.
      if (error.code() == ErrorCode::kNotFound || error.code() == ErrorCode::kPermission) continue;
      throw;
    }
  }
}

MessageId bury_reply(Root& root, const std::string& request, const std::string& mailbox,
                     Message reply) {
  reply.id = {};
  reply.dedupe_key.clear();
  reply.headers.emplace_back(kReplyMailboxHeader, mailbox);
  SendOptions options;
  options.dead = kNoRequester;
  return root.open_queue(request).send(std::move(reply), options);
}

}  // namespace spoolmq::adapters
