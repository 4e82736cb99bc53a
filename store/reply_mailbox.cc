#include "store/reply_mailbox.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/id_source.h"
#include "core/log.h"
#include "spoolmq/request.h"

namespace spoolmq {
namespace mailbox {
namespace {

constexpr std::string_view kPrefix = "reply/";

void set_header(Message& message, std::string_view name, std::string_view value) {
  std::erase_if(message.headers, [name](const Header& one) { return one.first == name; });
  message.headers.emplace_back(name, value);
}

bool is_used(Queue& mailbox) {
  const std::vector<Consumer> consumers = mailbox.consumers();
  return std::ranges::any_of(consumers,
                             [](const Consumer& one) { return one.alive && !one.observer; });
}

// Whether it went. An observer's handle does not keep it from being removed.
bool sweep_one(Root& root, const std::string& name) {
  OpenOptions options = briefly();
  options.observer = true;
  Queue mailbox = root.open_queue(name, options);
  if (is_used(mailbox)) return false;
  mailbox.sweep();  // what was not fetched in its time is dead now
  bury_dead(root, mailbox, nullptr);
  const QueueStats stats = mailbox.stats();
  const bool empty =
      std::ranges::all_of(stats.states, [](const StateCount& one) { return one.messages == 0; });
  if (empty) root.remove_queue(name);
  return empty;
}

}  // namespace

std::string make_name() {
  const SystemClock clock;
  IdSource ids(clock, static_cast<std::uint8_t>(random_bits()));
  return std::string(kPrefix) + ids.next().text();
}

std::optional<std::int64_t> made_at_ms(std::string_view queue_name) {
  if (!queue_name.starts_with(kPrefix)) return std::nullopt;
  const std::optional<MessageId> id = MessageId::parse(queue_name.substr(kPrefix.size()));
  if (!id) return std::nullopt;
  return id->time_ms();
}

OpenOptions briefly(std::string_view name) {
  OpenOptions options;
  options.name = name;
  options.one_shot = true;
  options.background = false;
  return options;
}

void bury(Queue& to, Message reply, std::string_view mailbox, const BodySource& body) {
  reply.id = {};
  reply.reply_to.clear();
  reply.large_body.reset();
  set_header(reply, kReplyMailboxHeader, mailbox);
  SendOptions options;
  options.dead = kNoRequester;
  to.send_stream(std::move(reply), body, options);
}

void bury_from(Queue& mailbox, const Message& reply, Queue& to) {
  const std::unique_ptr<BodyReader> body = mailbox.open_body(reply);
  bury(to, reply, mailbox.name(), [&body](std::span<char> into) { return body->read(into); });
}

void bury_dead(Root& root, Queue& mailbox, Queue* otherwise) {
  ScanOptions dead{{State::kDead}, -1, 1000};
  while (true) {
    const std::vector<MessageStatus> page = mailbox.scan(dead);
    if (page.empty()) return;
    dead.after_sequence = page.back().sequence;
    for (const MessageStatus& one : page) {
      const std::optional<Message> reply = mailbox.load(one.id);
      if (!reply) continue;
      const std::string* const queue = reply->header(kReplyQueueHeader);
      std::optional<Queue> named;
      Queue* to = otherwise;
      if (queue != nullptr && (otherwise == nullptr || *queue != otherwise->name())) {
        if (!root.has_queue(*queue)) continue;
        to = &named.emplace(root.open_queue(*queue, briefly()));
      }
      if (to == nullptr) continue;
      bury_from(mailbox, *reply, *to);
      mailbox.remove({&one.id, 1});
    }
  }
}

}  // namespace mailbox

std::size_t sweep_mailboxes(Root& root, std::int64_t wall_ms, std::size_t most) {
  std::vector<std::string> old;
  for (std::string& name : root.queues()) {
    const std::optional<std::int64_t> made = mailbox::made_at_ms(name);
    if (made && wall_ms - *made >= kMailboxAge.count()) old.push_back(std::move(name));
  }
  if (old.empty()) return 0;
  // Those that are in use must not keep the others from being looked at.
  std::rotate(old.begin(), old.begin() + static_cast<std::ptrdiff_t>(random_bits() % old.size()),
              old.end());
  if (old.size() > most) old.resize(most);
  std::size_t gone = 0;
  for (const std::string& name : old) {
    try {
      if (mailbox::sweep_one(root, name)) ++gone;
    } catch (const Error& error) {
      // Removed meanwhile, or another user's.
      if (error.code() == ErrorCode::kNotFound || error.code() == ErrorCode::kPermission) continue;
      log::warn("mailbox not swept", {{"queue", name}, {"why", error.what()}});
    }
  }
  return gone;
}

}  // namespace spoolmq
