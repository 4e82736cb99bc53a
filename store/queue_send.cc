// Sending (FORMAT.md section 2): checks → reservation where one is needed → bytes on disk, shared
// by all threads that send at the moment → rows → "sent".
#include <unistd.h>

#include <algorithm>

#include "core/log.h"
#include "core/record_codec.h"
#include "store/in_parts.h"
#include "store/large_body.h"
#include "store/message_check.h"
#include "store/queue_impl.h"

namespace spoolmq {
namespace {

constexpr std::size_t kMostRowsAhead = 1024;
constexpr std::size_t kMessagesPerSlice = 1024;
constexpr std::uint64_t kSliceBytes = 8 << 20;

}  // namespace

Sender QueueImpl::sender() const {
  return {getuid(), static_cast<std::uint32_t>(getpid()), options_.name};
}

void QueueImpl::sign(Message& message, const Sender& sender) {
  if (message.from.pid != 0) return;
  message.from.uid = sender.uid;
  message.from.pid = sender.pid;
  if (message.from.name.empty()) message.from.name = sender.name;
}

void QueueImpl::prepare(Outgoing& outgoing, const SendOptions& options, const Settings& settings,
                        const Sender& sender) {
  Message& message = outgoing.message;
  check_fields(name(), message);
  if (!settings.content_type.empty() && message.header("content-type") == nullptr) {
    message.headers.emplace_back("content-type", settings.content_type);
  }
  if (!message.large_body) check_body(name(), message.body, settings.check);
  outgoing.explicit_id = !message.id.is_nil();
  if (!outgoing.explicit_id) message.id = ids_->next();
  if (message.sent_at_ms == 0) message.sent_at_ms = clock_->wall_ms();
  if (message.expires_at_ms == 0 && settings.ttl.count() > 0) {
    message.expires_at_ms = message.sent_at_ms + settings.ttl.count();
  }
  // Whatever happens before it gets its reason, what has expired is never received.
  if (!options.dead.empty()) {
    const std::int64_t now_ms = clock_->wall_ms();
    if (message.expires_at_ms == 0 || message.expires_at_ms > now_ms) {
      message.expires_at_ms = now_ms;
    }
  }
  sign(message, sender);
  const Durability durability = options.durability.value_or(settings.durability);
  outgoing.flags =
      static_cast<std::uint16_t>((durability == Durability::kOs ? record::kOsDurability : 0) |
                                 (message.large_body ? record::kLargeBodyRecord : 0));
  outgoing.result.id = message.id;
}

// Of the queue; what comes in dead is nobody's to refuse.
Settings QueueImpl::settings_for(const SendOptions& options) {
  Settings settings = this->settings();
  if (!options.dead.empty()) {
    settings.capacity = kUnbounded;
    settings.max_bytes = kUnbounded;
    settings.check = BodyCheck::kNone;
  }
  return settings;
}

void QueueImpl::check_send_allowed(std::uint64_t bytes, const SendOptions& options) {
  if (forked_ || closed_) refuse_after_fork();
  refuse_to_observer("send");
  refuse_in_backup(layout::Purpose::kSend);
  if (options.dead.empty() && (lock_.peek().flags & layout::kPausedSend) != 0) {
    if (const auto pause = paused(); pause && pause->send) {
      throw Error(ErrorCode::kTryAgain, "send", name(),
                  "sending is paused" + (pause->reason.empty() ? "" : ": " + pause->reason));
    }
  }
  // Every commit looks whether the log can be checkpointed again.
  if (log_pinned_) transact(layout::Purpose::kSend, [](Session&) {});
  if (log_pinned_) {
    throw Error(ErrorCode::kTryAgain, "send", name(), "the index's log is pinned by a reader");
  }
  admission_.check(bytes);
}

QueueImpl::Parcel QueueImpl::accept(std::vector<Message> messages, const SendOptions& options,
                                    const Settings& settings, Refusals refusals) {
  Parcel parcel{std::vector<Outgoing>(messages.size()), options, settings};
  const Sender sender = this->sender();
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    Outgoing& one = parcel.outgoing[i];
    one.message = std::move(messages[i]);
    Message& message = one.message;
    if (message.body.size() > static_cast<std::uint64_t>(settings.body_inline)) {
      check_body(name(), message.body, settings.check);
      NewFile file(dir_, ids_->next().shard(), handles_);
      file.file().write_at(as_bytes(message.body), 0);
      message.large_body = measure_large_body(file.file());
      sync_meter_.time([&] { file.file().sync_data(); });
      message.body = {};
      one.body = std::make_unique<NewFile>(std::move(file));
    }
    prepare(one, options, settings, sender);
    bytes += record::encoded_size(message) + (message.large_body ? message.large_body->length : 0);
  }
  if (refusals == Refusals::kAsUsual) check_send_allowed(bytes, options);
  reserve(parcel.outgoing, options, settings);
  return parcel;
}

// What has its time concerns whoever watches, too; they may all be asleep.
void QueueImpl::ring_for(std::span<const Outgoing> sent) {
  const bool timed = std::ranges::any_of(sent, [](const Outgoing& one) {
    return one.message.not_before_ms != 0 || one.message.expires_at_ms != 0;
  });
  if (timed) {
    bell_.ring();
  } else {
    bell_.ring_for(sent.size());
  }
}

std::vector<SendResult> QueueImpl::send_batch(std::vector<Message> messages,
                                              const SendOptions& options) {
  Parcel parcel = accept(std::move(messages), options, settings_for(options), Refusals::kAsUsual);
  const std::vector<Outgoing>& outgoing = parcel.outgoing;
  write_out(parcel);
  if (!options.dead.empty()) bury(outgoing, options.dead);
  ring_for(outgoing);
  if (parcel.settings.capacity == 0) {
    for (const Outgoing& one : outgoing) {
      if (!one.result.duplicate) wait_taken(one, options.timeout);
    }
  }
  std::vector<SendResult> results;
  results.reserve(outgoing.size());
  for (const Outgoing& one : outgoing) results.push_back(one.result);
  return results;
}

void QueueImpl::write_out(Parcel& parcel) {
  std::vector<Outgoing*> fresh;
  for (Outgoing& one : parcel.outgoing) {
    if (!one.result.duplicate) fresh.push_back(&one);
  }
  try {
    write_out(fresh, parcel.options.format.value_or(parcel.settings.format),
              parcel.options.durability.value_or(parcel.settings.durability));
  } catch (...) {
    return_reservations(fresh);
    throw;
  }
}

// What one group of a segment holds is there whole or not at all.
bool QueueImpl::is_one_group(std::span<const Message* const> messages, const SendOptions& options) {
  const Settings settings = this->settings();
  if (messages.size() == 1) return true;
  if (options.format.value_or(settings.format) == Format::kXml) return false;
  std::uint64_t bytes = 0;
  for (const Message* one : messages) {
    if (one->body.size() > static_cast<std::uint64_t>(settings.body_inline)) return false;
    bytes += record::encoded_size(*one) + settings.content_type.size();
  }
  return messages.size() <= kMessagesPerSlice && bytes < kSliceBytes / 2;
}

void QueueImpl::write_out(std::span<Outgoing*> fresh, Format format, Durability durability) {
  const auto has_own_file = [&](const Outgoing* one) {
    return format == Format::kXml || one->body != nullptr;
  };
  bool appended = false;
  bool reserved = false;
  InParts runs;
  // Runs of one kind, so that the order of the batch stays the order of the rows.
  for (std::size_t i = 0; i < fresh.size();) {
    const std::size_t begin = i;
    if (has_own_file(fresh[i])) {
      while (i < fresh.size() && i - begin < kMessagesPerSlice && has_own_file(fresh[i])) ++i;
      runs.run([&] { write_single_files(fresh.subspan(begin, i - begin), format, durability); });
      continue;
    }
    AppendJob job{{}, durability};
    std::uint64_t weight = 0;
    for (; i < fresh.size() && i - begin < kMessagesPerSlice && weight < kSliceBytes &&
           !has_own_file(fresh[i]);
         ++i) {
      weight += record::encoded_size(fresh[i]->message);
      reserved = reserved || fresh[i]->reserved;
      job.messages.push_back(fresh[i]);
    }
    runs.run([&] { appends_.run(job, weight); });
    appended = true;
  }
  if (!appended) return;
  // A failure from here on is not the sender's: the bytes are durable, the rows are owed.
  bool indexed = false;
  try {
    // Rows wait for company where a thread will write them; who looks for messages writes them at
    // once. A row inside every confirm serialises senders.
    const bool now = reserved || !options_.background || rows_owed() >= kMostRowsAhead;
    if (now) indexed = index_pending(reserved);
  } catch (const Error& error) {
    log::warn("rows owed", {{"queue", name()}, {"why", error.what()}});
  }
  if ((!indexed && rows_owed() > 0) || segment_is_open()) start_background();
}

}  // namespace spoolmq
