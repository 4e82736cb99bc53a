// Moves and copies between two queues (FORMAT.md section 11). A move's intent is durable before
// anything changes; whoever opens the root after a crash finishes it. The intent's own record lock
// tells a living mover from a dead one. Never two queues' byte 0 at once.
#include <algorithm>
#include <set>

#include "core/log.h"
#include "store/in_parts.h"
#include "store/intent.h"
#include "store/queue_impl.h"
#include "store/root_impl.h"

namespace spoolmq {
namespace {

constexpr std::size_t kIdsPerIntent = 256;

void append_to(FixResult& all, const FixResult& slice) {
  all.changed.insert(all.changed.end(), slice.changed.begin(), slice.changed.end());
  all.missing.insert(all.missing.end(), slice.missing.begin(), slice.missing.end());
  all.skipped_leased += slice.skipped_leased;
  all.skipped_other += slice.skipped_other;
}

// Where that is refused too, the leases end by themselves; what was refused first is to be told.
void give_back(QueueImpl& from, const QueueImpl::Taken& taken) {
  try {
    from.give_back(taken);
  } catch (const Error& error) {
    log::warn("not given back", {{"queue", from.name()}, {"why", error.what()}});
  }
}

}  // namespace

Copied copy_messages(QueueImpl& from, std::span<const MessageId> ids, QueueImpl& to) {
  std::vector<Message> small;
  Copied copied;
  InParts sends;
  std::set<std::string> keys;  // of those before, which `to` may not know yet
  const std::int64_t now_ms = from.wall_ms();
  for (const MessageId& id : ids) {
    std::optional<Message> message;
    try {
      message = from.load(id);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kBadData) throw;
      log::warn("not copied", {{"id", id.text()}, {"why", error.why()}});
    }
    if (!message) continue;
    if (message->expires_at_ms != 0 && message->expires_at_ms <= now_ms) message->expires_at_ms = 0;
    copied.ids.push_back(id);
    if (!message->dedupe_key.empty()) {
      copied.dedupe_keys.push_back({id, message->dedupe_key});
      const bool is_taken = !keys.insert(message->dedupe_key).second ||
                            to.is_key_of_another(copied.dedupe_keys.back());
      if (is_taken) message->dedupe_key.clear();
    }
    if (!message->large_body) {
      small.push_back(std::move(*message));
      continue;
    }
    const std::unique_ptr<BodyReader> body = from.open_body(*message);
    message->large_body.reset();
    sends.run([&] {
      to.send_stream(std::move(*message), [&](std::span<char> into) { return body->read(into); },
                     {});
    });
  }
  if (!small.empty()) sends.run([&] { to.send_batch(std::move(small), {}); });
  return copied;
}

void RootImpl::move_slice(QueueImpl& from, std::span<const MessageId> ids, QueueImpl& to,
                          FixResult& result) {
  QueueImpl::Taken taken = from.take_for_move(ids);
  Copied all;
  try {
    all = copy_messages(from, taken.result.changed, to);
  } catch (const Error&) {
    give_back(from, taken);
    throw;
  }
  const std::vector<MessageId>& copied = all.ids;
  if (copied.size() != taken.result.changed.size()) {
    // Unreadable ones stay where they are.
    QueueImpl::Taken moved;
    QueueImpl::Taken left;
    for (std::size_t i = 0; i < taken.receipts.size(); ++i) {
      const bool was_copied =
          std::find(copied.begin(), copied.end(), taken.receipts[i].id) != copied.end();
      QueueImpl::Taken& side = was_copied ? moved : left;
      side.receipts.push_back(taken.receipts[i]);
      side.before.push_back(taken.before[i]);
    }
    from.give_back(left);
    taken.result.skipped_other += left.receipts.size();
    moved.result = taken.result;
    moved.result.changed = copied;
    taken = std::move(moved);
  }
  try {
    from.finish_move(taken, all.dedupe_keys);
  } catch (const Error& error) {
    give_back(from, taken);
    throw error.of_unknown_outcome();
  }
  from.told("move", taken.result.changed, "to " + to.name());
  append_to(result, taken.result);
}

FixResult RootImpl::move(QueueImpl& from, std::span<const MessageId> ids, QueueImpl& to) {
  if (from.name() == to.name()) {
    throw Error(ErrorCode::kUsage, "move", from.name(),
                "source and destination are the same queue");
  }
  refuse_in_backup("move");
  TopicsDir topics = TopicsDir::made_in(*dir_);
  FixResult result;
  for (std::size_t i = 0; i < ids.size(); i += kIdsPerIntent) {
    const auto slice = ids.subspan(i, std::min(kIdsPerIntent, ids.size() - i));
    Intent intent = Intent::of_move(topics, from.name(), to.name(), slice);
    try {
      move_slice(from, slice, to, result);
    } catch (const Error& error) {
      // In doubt the messages may be in the destination already: whoever opens the root finishes
      // it. Else everything was given back.
      if (error.code() != ErrorCode::kIo) intent.done();
      throw;
    }
    intent.done();
  }
  return result;
}

FixResult RootImpl::copy(QueueImpl& from, std::span<const MessageId> ids, QueueImpl& to) {
  if (from.name() == to.name()) {
    throw Error(ErrorCode::kUsage, "copy", from.name(),
                "source and destination are the same queue");
  }
  FixResult result;
  for (std::size_t i = 0; i < ids.size(); i += kIdsPerIntent) {
    const auto slice = ids.subspan(i, std::min(kIdsPerIntent, ids.size() - i));
    std::vector<MessageId> wanted;
    for (const MessageId& id : slice) {
      const std::optional<MessageStatus> status = from.status(id);
      if (!status) {
        result.missing.push_back(id);
      } else if (status->state == State::kLeased) {
        ++result.skipped_leased;
      } else {
        wanted.push_back(id);
      }
    }
    const std::vector<MessageId> copied = copy_messages(from, wanted, to).ids;
    result.skipped_other += wanted.size() - copied.size();
    result.changed.insert(result.changed.end(), copied.begin(), copied.end());
    from.told("copy", copied, "to " + to.name());
  }
  return result;
}

}  // namespace spoolmq
