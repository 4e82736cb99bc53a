// What was committed and not finished (FORMAT.md section 11): every intent whose writer is dead is
// done again, from its beginning. What of it had happened is not repeated: a message is known by
// its id, and who is acknowledged stays so.
#include <nlohmann/json.hpp>

#include "core/log.h"
#include "store/intent.h"
#include "store/own_file.h"
#include "store/root_impl.h"

namespace spoolmq {
namespace {

constexpr std::size_t kLongestMove = 64 << 10;
constexpr std::string_view kDamagedPrefix = "damaged-";

// nullptr: there is none any more, its writer lives, or it is another user's, who will finish it.
std::unique_ptr<File> open_abandoned(Dir& topics, const std::string& name) {
  std::unique_ptr<File> file;
  try {
    file = topics.open(name, Access::kReadWrite);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kPermission) throw;
    return nullptr;
  }
  if (!file || !file->try_lock(0, 1, LockKind::kExclusive)) return nullptr;
  // Whoever finished it before us has taken the name away by now.
  if (file->status().links == 0 || !topics.status(name)) return nullptr;
  return file;
}

}  // namespace

void RootImpl::roll_forward() {
  std::optional<TopicsDir> topics = TopicsDir::look_in(*dir_);
  if (!topics) return;
  std::vector<std::string> found;
  topics->dir().list([&](std::string_view name) {
    if (name.starts_with(kIntentPrefix) || name.starts_with(kNewPrefix)) found.emplace_back(name);
    return true;
  });
  for (const std::string& name : found) {
    try {
      roll_forward(*topics, name);
    } catch (const Error& error) {
      log::warn("committed work is left to be finished", {{"intent", name}, {"why", error.what()}});
    }
  }
}

void RootImpl::roll_forward(TopicsDir& topics, const std::string& name) {
  const std::unique_ptr<File> file = open_abandoned(topics.dir(), name);
  if (!file) return;
  if (name.starts_with(kNewPrefix)) {
    topics.dir().unlink(name);  // it was never named an intent
    return;
  }
  // The name may be newer than the last sync of the directory; what follows relies on it.
  topics.dir().sync();
  bool verifies = true;
  char first = '\0';
  file->read_at(std::as_writable_bytes(std::span(&first, 1)), 0);
  if (parse_sealed_name(name)) {
    verifies = finish_message(topics, *file, name);
  } else if (first == '{' || first == '\0') {
    // A move's. One that does not parse was never finished, so nothing had begun.
    finish_move(read_file(topics.dir(), name, kLongestMove).value_or(""));
  } else if (const std::optional<Work> work = read_work(*file)) {
    finish_work(*work);
  } else {
    verifies = false;
  }
  if (!verifies) {
    log::error("an intent does not verify, and is kept aside", {{"intent", name}});
    topics.dir().rename_over(name, topics.dir(), std::string(kDamagedPrefix) + name);
  } else {
    topics.dir().unlink(name);
  }
  topics.dir().sync();
}

std::shared_ptr<QueueImpl> RootImpl::open_to_finish(const std::string& name) {
  OpenOptions options;
  options.one_shot = true;
  options.clock = clock_;
  options.background = false;
  try {
    return open_queue(name, options);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    return nullptr;  // the queue was removed meanwhile, and all of its messages with it
  }
}

void RootImpl::finish_move(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("ids")) return;
  std::vector<MessageId> ids;
  for (const auto& id : json["ids"]) {
    if (const auto parsed = MessageId::parse(id.get<std::string>())) ids.push_back(*parsed);
  }
  const auto from = open_to_finish(json.value("from", ""));
  const auto to = open_to_finish(json.value("to", ""));
  if (!from || !to) return;
  FixResult result;
  move_slice(*from, ids, *to, result);
  if (result.skipped_leased > 0) {
    throw Error(ErrorCode::kTryAgain, "move", from->name(), "messages are leased meanwhile");
  }
  log::info("finished a move", {{"from", from->name()}, {"to", to->name()}});
}

void RootImpl::finish_work(const Work& work) {
  for (const Work::Sends& one : work.sends) {
    const std::shared_ptr<QueueImpl> queue = open_to_finish(one.queue);
    if (!queue) continue;
    std::vector<Message> messages;
    std::vector<const std::string*> bodies;
    for (const std::size_t index : one.messages) {
      messages.push_back(work.messages[index]);
      bodies.push_back(&work.messages[index].body);
    }
    QueueImpl::Parcel parcel =
        queue->accept(std::move(messages), one.options, QueueImpl::Refusals::kNone);
    queue->put(parcel, bodies);
  }
  for (const Work::Acks& one : work.acks) {
    if (const auto queue = open_to_finish(one.queue)) queue->settle(one.receipts);
  }
  log::info("finished a transaction", {{"messages", work.messages.size()}});
}

bool RootImpl::finish_message(TopicsDir& topics, File& file, const std::string& name) {
  const SealedName sealed = *parse_sealed_name(name);
  const auto queues = read_route(topics, sealed.route);
  const auto message = read_own_file(file, sealed.file, sealed.kind);
  if (!queues || !message) return false;
  SendOptions options;
  options.durability =
      (message->flags & record::kOsDurability) != 0 ? Durability::kOs : Durability::kSync;
  const QueueImpl::Sealed there{topics.dir(), name, file.status(), message->at, message->flags};
  const std::string* const body = &message->message.body;
  for (const std::string& one : *queues) {
    const std::shared_ptr<QueueImpl> queue = open_to_finish(one);
    if (!queue) continue;
    QueueImpl::Parcel parcel =
        queue->accept({message->message}, options, QueueImpl::Refusals::kNone);
    if (!queue->put_link(parcel, *body, there)) queue->put(parcel, {&body, 1});
  }
  log::info("finished a send to several queues", {{"queues", queues->size()}});
  return true;
}

}  // namespace spoolmq
