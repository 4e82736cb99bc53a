// Sending (FORMAT.md section 2): checks → reservation where one is needed → bytes on disk, shared
// by all threads that send at the moment → rows → "sent".
#include <unistd.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/log.h"
#include "core/record_codec.h"
#include "core/text.h"
#include "core/xml_codec.h"
#include "store/large_body.h"
#include "store/queue_impl.h"

namespace spoolmq {
namespace {

constexpr std::int64_t kSecondSendWithinMs = 1000;
constexpr std::int64_t kIdRememberedMs = std::int64_t{7} * 24 * 3600 * 1000;
constexpr std::size_t kMostPending = 65536;
constexpr std::size_t kRowsTogether = 64;
constexpr std::size_t kMessagesPerSlice = 1024;
constexpr std::uint64_t kSliceBytes = 8 << 20;
constexpr Milliseconds kLongestSleep{250};

[[noreturn]] void refuse(const std::string& queue, const std::string& why) {
  throw Error(ErrorCode::kBadData, "send", queue, why);
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

void check_key(const std::string& queue, std::string_view what, const std::string& key) {
  if (key.size() > kMaxKeyBytes) {
    refuse(queue, std::string(what) + " is longer than " + std::to_string(kMaxKeyBytes) + " bytes");
  }
  if (const auto bad = first_invalid_utf8(key)) {
    refuse(queue, std::string(what) + " is not UTF-8 at byte " + std::to_string(*bad));
  }
}

void check_headers(const std::string& queue, const Message& message) {
  if (message.headers.size() > kMaxHeaderCount) {
    refuse(queue, "more than " + std::to_string(kMaxHeaderCount) + " headers");
  }
  std::size_t total = 0;
  for (const auto& [name, value] : message.headers) {
    if (name.empty() || name.size() > kMaxHeaderNameBytes) {
      refuse(queue, "a header's name is empty or longer than 256 bytes");
    }
    if (first_invalid_utf8(name) || std::any_of(name.begin(), name.end(), is_control)) {
      refuse(queue, "header " + printable(name) + ": the name is not plain UTF-8");
    }
    if (const auto bad = first_invalid_utf8(value)) {
      refuse(queue, "header " + name + ": not UTF-8 at byte " + std::to_string(*bad));
    }
    total += name.size() + value.size();
  }
  if (total > kMaxFieldBytes) refuse(queue, "the headers are larger than 1 MiB together");
}

void check_body(const std::string& queue, const Message& message, BodyCheck check) {
  switch (check) {
    case BodyCheck::kNone:
      return;
    case BodyCheck::kUtf8:
      if (const auto bad = first_invalid_utf8(message.body)) {
        refuse(queue, "the body is not UTF-8 at byte " + std::to_string(*bad));
      }
      return;
    case BodyCheck::kJson:
      if (!nlohmann::json::accept(message.body)) refuse(queue, "the body is not JSON");
      return;
    case BodyCheck::kWellFormedXml:
      if (const auto refusal = xml::check_well_formed(message.body)) {
        refuse(queue, "the body is not well-formed XML: " + refusal->why + " at byte " +
                          std::to_string(refusal->offset));
      }
      return;
  }
}

std::uint64_t weight_of(const Message& message) {
  return record::encoded_size(message) + (message.large_body ? message.large_body->length : 0);
}

}  // namespace

void QueueImpl::prepare(Outgoing& outgoing, const SendOptions& options, const Settings& settings) {
  Message& message = outgoing.message;
  if (message.priority > kMaxPriority) {
    refuse(name(), "priority is above " + std::to_string(kMaxPriority));
  }
  check_key(name(), "dedupe key", message.dedupe_key);
  check_key(name(), "order key", message.order_key);
  check_key(name(), "correlation id", message.correlation_id);
  check_key(name(), "reply-to", message.reply_to);
  check_key(name(), "sender's name", message.from.name);
  check_headers(name(), message);
  if (!settings.content_type.empty() && message.header("content-type") == nullptr) {
    message.headers.emplace_back("content-type", settings.content_type);
  }
  if (!message.large_body) check_body(name(), message, settings.check);
  outgoing.explicit_id = !message.id.is_nil();
  if (!outgoing.explicit_id) message.id = ids_->next();
  if (message.sent_at_ms == 0) message.sent_at_ms = clock_->wall_ms();
  if (message.expires_at_ms == 0 && settings.ttl.count() > 0) {
    message.expires_at_ms = message.sent_at_ms + settings.ttl.count();
  }
  if (message.from.pid == 0) {
    message.from.uid = getuid();
    message.from.pid = static_cast<std::uint32_t>(getpid());
    if (message.from.name.empty()) message.from.name = options_.name;
  }
  const Durability durability = options.durability.value_or(settings.durability);
  outgoing.flags = static_cast<std::uint16_t>(
      (durability == Durability::kOs ? record::kOsDurability : 0) |
      (message.large_body ? record::kLargeBodyRecord : 0));
  outgoing.result.id = message.id;
}

void QueueImpl::check_send_allowed(std::uint64_t bytes) {
  if (forked_ || closed_) refuse_after_fork();
  if ((lock_.peek().flags & layout::kPausedSend) != 0) {
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

std::vector<SendResult> QueueImpl::send_batch(std::vector<Message> messages,
                                              const SendOptions& options) {
  const Settings settings = this->settings();
  std::vector<Outgoing> outgoing(messages.size());
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    outgoing[i].message = std::move(messages[i]);
    Message& message = outgoing[i].message;
    if (message.body.size() > static_cast<std::uint64_t>(settings.body_inline)) {
      check_body(name(), message, settings.check);
      NewFile file(dir_, ids_->next().shard(), handles_.incarnation());
      file.file().write_at(as_bytes(message.body), 0);
      message.large_body = measure_large_body(file.file());
      file.file().sync_data();
      message.body = {};
      outgoing[i].body = std::make_unique<NewFile>(std::move(file));
    }
    prepare(outgoing[i], options, settings);
    bytes += weight_of(message);
  }
  check_send_allowed(bytes);
  reserve(outgoing, options, settings);

  std::vector<Outgoing*> fresh;
  for (Outgoing& one : outgoing) {
    if (!one.result.duplicate) fresh.push_back(&one);
  }
  const Format format = options.format.value_or(settings.format);
  const Durability durability = options.durability.value_or(settings.durability);
  try {
    write_out(fresh, format, durability);
  } catch (...) {
    return_reservations(fresh);
    throw;
  }
  bell_.ring();
  if (settings.capacity == 0) {
    for (const Outgoing* one : fresh) wait_taken(*one, options.timeout);
  }
  std::vector<SendResult> results;
  results.reserve(outgoing.size());
  for (const Outgoing& one : outgoing) results.push_back(one.result);
  return results;
}

// ---- Reservations: dedupe keys, explicit ids, bounded queues, rendezvous --------------------------

bool QueueImpl::same_content(const MessageId& id, const Message& message) {
  std::optional<Message> known = load(id);
  if (!known) return true;  // gone: nothing to compare with
  if (known->large_body || message.large_body) return known->large_body == message.large_body;
  return known->body == message.body;
}

// Under byte 0. False: no room now, or an earlier send of the same key has not settled yet.
bool QueueImpl::try_reserve(std::span<Outgoing> outgoing, const Settings& settings,
                            bool* must_wait) {
  bool reserved = false;
  transact(layout::Purpose::kSend, [&](Session& session) {
    *must_wait = false;
    reserved = false;
    harvest(session);
    probe_slots(session);
    session.index.drop_old_keys(session.now);
    std::uint64_t bytes = 0;
    std::uint64_t count = 0;
    std::vector<Index::Reservation> wanted;
    for (Outgoing& one : outgoing) {
      one.result = {one.message.id, false};
      const std::string key = !one.message.dedupe_key.empty() ? "k:" + one.message.dedupe_key
                              : one.explicit_id ? "i:" + one.message.id.text()
                                                : std::string();
      if (!key.empty()) {
        std::optional<MessageId> known = session.index.known_key(key, session.now);
        if (!known && one.explicit_id && session.index.find(one.message.id)) known = one.message.id;
        if (known) {
          // Its sender may not have been told "sent" yet; then neither may this one.
          if (!session.index.find(*known) && session.index.is_reserved(*known)) {
            *must_wait = true;
            return;
          }
          one.result = {*known, true};
          continue;
        }
      }
      const auto twin = std::find_if(wanted.begin(), wanted.end(), [&](const auto& other) {
        return !key.empty() && other.dedupe_key == key;
      });
      if (twin != wanted.end()) {
        one.result = {twin->id, true};
        continue;
      }
      bytes += one.message.body_size();
      ++count;
      const std::int64_t window =
          one.message.dedupe_key.empty() ? kIdRememberedMs : settings.dedupe_window.count();
      wanted.push_back({one.message.id, handles_.incarnation(), one.message.body_size(), key,
                        session.now.wall_ms + window, settings.capacity != 0,
                        settings.capacity == 0});
    }
    if (!session.index.has_room(count, bytes, settings)) return;
    for (const Index::Reservation& one : wanted) session.index.reserve(one);
    reserved = true;
  });
  return reserved;
}

void QueueImpl::reserve(std::span<Outgoing> outgoing, const SendOptions& options,
                        const Settings& settings) {
  const bool bounded = settings.capacity != kUnbounded || settings.max_bytes != kUnbounded;
  const bool keyed = std::any_of(outgoing.begin(), outgoing.end(), [](const Outgoing& one) {
    return one.explicit_id || !one.message.dedupe_key.empty();
  });
  if (!bounded && !keyed) return;
  handles_.set_flag(layout::kOwnsReservations);
  const auto started = clock_->boot_ms();
  while (true) {
    const std::uint32_t bell = bell_.prepare();
    bool must_wait = false;
    if (try_reserve(outgoing, settings, &must_wait)) break;
    const std::int64_t waited = clock_->boot_ms() - started;
    const bool may_block = must_wait || settings.overflow == Overflow::kBlock;
    const std::int64_t longest =
        must_wait ? options_.lock_wait.count()
                  : options.timeout.value_or(Milliseconds::max()).count();
    if (!may_block || waited >= longest) {
      throw Error(ErrorCode::kTryAgain, "send", name(),
                  must_wait ? "an earlier send of the same key has not finished"
                            : "the queue is full");
    }
    bell_.wait(bell, std::min(kLongestSleep, Milliseconds{longest - waited}));
  }
  std::vector<Outgoing*> fresh;
  for (Outgoing& one : outgoing) {
    one.reserved = !one.result.duplicate;
    if (one.reserved) fresh.push_back(&one);
  }
  for (const Outgoing& one : outgoing) {
    if (one.reserved || !one.explicit_id || same_content(one.result.id, one.message)) continue;
    return_reservations(fresh);
    throw Error(ErrorCode::kCannotCreate, "send", name(),
                "another message has the id " + one.result.id.text());
  }
}

void QueueImpl::return_reservations(std::span<Outgoing*> fresh) {
  const bool any = std::any_of(fresh.begin(), fresh.end(),
                               [](const Outgoing* one) { return one->reserved; });
  if (!any) return;
  try {
    transact(layout::Purpose::kSend, [&](Session& session) {
      for (const Outgoing* one : fresh) {
        if (one->reserved && !session.index.find(one->message.id)) {
          session.index.return_reservation(one->message.id);
        }
      }
    });
  } catch (const Error& error) {
    // Whoever reaps this handle returns it.
    log::warn("reservation not returned", {{"queue", name()}, {"why", error.what()}});
  }
}

// ---- Bytes on disk --------------------------------------------------------------------------------

void QueueImpl::write_out(std::span<Outgoing*> fresh, Format format, Durability durability) {
  std::vector<Outgoing*> single;
  std::vector<Outgoing*> together;
  for (Outgoing* one : fresh) {
    const bool own_file = format == Format::kXml || one->body != nullptr;
    (own_file ? single : together).push_back(one);
  }
  for (std::size_t i = 0; i < single.size(); i += kMessagesPerSlice) {
    const std::size_t count = std::min(kMessagesPerSlice, single.size() - i);
    write_single_files(std::span(single).subspan(i, count), format, durability);
  }
  bool reserved = false;
  for (std::size_t i = 0; i < together.size();) {
    AppendJob job{{}, durability};
    std::uint64_t weight = 0;
    for (; i < together.size() && job.messages.size() < kMessagesPerSlice && weight < kSliceBytes;
         ++i) {
      weight += record::encoded_size(together[i]->message);
      reserved = reserved || together[i]->reserved;
      job.messages.push_back(together[i]);
    }
    appends_.run(job, weight);
  }
  if (together.empty()) return;
  // A failure from here on is not the sender's: the bytes are durable, the rows are owed.
  bool indexed = false;
  try {
    // Rows wait for company where a thread will write them; who looks for messages writes them at
    // once. A row inside every confirm serialises senders.
    const bool now = reserved || !options_.background || rows_owed() >= kRowsTogether;
    if (now) indexed = index_pending(reserved);
  } catch (const Error& error) {
    log::warn("rows owed", {{"queue", name()}, {"why", error.what()}});
  }
  if (!indexed || segment_is_open()) start_background();
}

// The lead of a group: one write and one sync for every job in it.
void QueueImpl::append_group(std::span<AppendJob* const> jobs) {
  std::vector<Outgoing*> messages;
  Durability durability = Durability::kOs;
  for (const AppendJob* job : jobs) {
    messages.insert(messages.end(), job->messages.begin(), job->messages.end());
    if (job->durability == Durability::kSync) durability = Durability::kSync;
    if (job->seal_if_idle_ms && segment_->is_open() &&
        clock_->boot_ms() - segment_->last_append_boot_ms() >= *job->seal_if_idle_ms) {
      roll_segment();
    }
  }
  if (messages.empty()) return;
  bool backlog = false;
  {
    const std::lock_guard guard(pending_mutex_);
    backlog = pending_.size() > kMostPending;
  }
  // Someone has held byte 0 for long: wait for it (bounded) rather than keep rows without limit.
  if (backlog) index_pending(true);
  const std::int64_t now_ms = clock_->boot_ms();
  const bool lone = now_ms - last_send_boot_ms_ > kSecondSendWithinMs;
  last_send_boot_ms_ = now_ms;
  if (segment_->is_open() && segment_->is_full()) roll_segment();
  if (!segment_->is_open()) {
    if (lone && messages.size() == 1) {
      write_single_files(messages, Format::kBinary, durability);
      return;
    }
    // Records of a segment that was given up must be indexed before another takes its place in the
    // handle's record.
    index_pending(true);
  }
  std::vector<SegmentWriter::Record> records;
  records.reserve(messages.size());
  for (const Outgoing* one : messages) records.push_back({&one->message, one->flags});
  const std::vector<Location> places = segment_->is_open()
                                           ? segment_->append(records, durability)
                                           : segment_->start(records, durability);
  const std::uint64_t end = segment_->end();
  const std::lock_guard guard(pending_mutex_);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const bool os = (messages[i]->flags & record::kOsDurability) != 0;
    pending_.push_back({Entry::of(messages[i]->message, places[i],
                                  os ? Durability::kOs : Durability::kSync),
                        end, messages[i]->reserved});
  }
}

void QueueImpl::roll_segment() {
  index_pending(true);
  const Location at{segment_->id(), names::SpoolKind::kBinary, 0, 0};
  segment_->finish();
  transact(layout::Purpose::kSend, [&](Session& session) {
    session.index.seal(session.index.file_rowid(at, handles_.incarnation(), false));
  });
  handles_.publish_segment({}, 0, 0);
}

void QueueImpl::write_single_files(std::span<Outgoing*> messages, Format format,
                                   Durability durability) {
  if (messages.empty()) return;
  SingleJob job;
  job.durability = durability;
  const auto kind = format == Format::kXml ? names::SpoolKind::kXml : names::SpoolKind::kBinary;
  for (Outgoing* one : messages) {
    // An id that we made ends in our shard and names the file; a foreign one does not.
    one->file = one->explicit_id ? ids_->next() : one->message.id;
    NewFile made(dir_, one->file.shard(), handles_.incarnation());
    Location at{one->file, kind, 0, 0};
    if (kind == names::SpoolKind::kXml) {
      const std::string text = xml::encode(one->message, one->flags);
      made.file().write_at(as_bytes(text), 0);
      at.length = text.size();
    } else {
      std::vector<std::byte> bytes(record::kFileHeaderBytes + record::kGroupHeaderBytes);
      record::encode_file_header({one->file, handles_.incarnation(), clock_->wall_ms(),
                                  record::FileUse::kSingle},
                                 bytes);
      at.offset = bytes.size();
      record::encode(one->message, one->flags, one->file, at.offset, bytes);
      at.length = bytes.size() - at.offset;
      record::encode_group_header(
          {1, 1, at.length}, one->file, record::kFileHeaderBytes,
          std::span(bytes).subspan(record::kFileHeaderBytes, record::kGroupHeaderBytes));
      made.file().write_at(bytes, 0);
    }
    if (durability == Durability::kSync) made.file().sync_data();
    job.messages.push_back(one);
    job.places.push_back(at);
    job.files.push_back(std::move(made));
  }
  singles_.run(job, job.messages.size());
}

// The lead of a group of own files: names, one directory sync, rows.
void QueueImpl::link_group(std::span<SingleJob* const> jobs) {
  std::uint64_t count = 0;
  for (const SingleJob* job : jobs) count += job->messages.size();
  // Said before the first name exists: a reaper that finds this number ahead looks for names.
  singles_begun_ += count;
  handles_.publish_singles_begun(singles_begun_);
  Dir* shard = nullptr;
  bool sync = false;
  std::vector<Pending> rows;
  for (SingleJob* job : jobs) {
    sync = sync || job->durability == Durability::kSync;
    for (std::size_t i = 0; i < job->messages.size(); ++i) {
      Outgoing& one = *job->messages[i];
      if (one.body && !one.body->link(names::spool_file(one.file, names::SpoolKind::kBody))) {
        throw Error(ErrorCode::kIo, "create", one.file.text() + ".body", "the name is taken");
      }
      const std::string name = names::spool_file(one.file, job->places[i].kind);
      if (!job->files[i].link(name)) {
        throw Error(ErrorCode::kIo, "create", name, "the name is taken");
      }
      shard = &job->files[i].shard();  // all of one handle's files share a shard
      rows.push_back({Entry::of(one.message, job->places[i], job->durability), 0, one.reserved});
    }
  }
  if (sync) shard->sync();
  {
    const std::lock_guard guard(pending_mutex_);
    owed_.insert(owed_.end(), rows.begin(), rows.end());
  }
  try {
    transact(layout::Purpose::kSend, [this](Session& session) { insert_owed(session); });
  } catch (const Error& error) {
    log::warn("rows owed", {{"queue", name()}, {"why", error.what()}});
    start_background();
  }
}

// ---- Rows -----------------------------------------------------------------------------------------

void QueueImpl::insert_owed(Session& session) {
  std::vector<Pending> rows;
  std::uint64_t begun = 0;
  {
    const std::lock_guard guard(pending_mutex_);
    rows = owed_;
    begun = handles_.own().singles_indexed + rows.size();
  }
  if (rows.empty()) return;
  for (const Pending& row : rows) {
    session.index.insert(row.entry, session.now, session.settings);
    const bool rendezvous = session.settings.capacity == 0;
    if (row.reserved && !rendezvous) session.index.settle_reservation(row.entry.id);
  }
  session.after_commit.push_back([this, count = rows.size(), begun] {
    const std::lock_guard guard(pending_mutex_);
    owed_.erase(owed_.begin(), owed_.begin() + static_cast<std::ptrdiff_t>(count));
    handles_.publish_singles_indexed(begun);
  });
}

void QueueImpl::insert_pending(Session& session) {
  insert_owed(session);
  std::vector<Pending> rows;
  {
    const std::lock_guard guard(pending_mutex_);
    rows.assign(pending_.begin(), pending_.end());
  }
  if (rows.empty()) return;
  const Location& first = rows.front().entry.at;
  const std::int64_t file = session.index.file_rowid(first, handles_.incarnation(), false);
  // Someone else may have indexed some of them, from the file.
  const std::uint64_t indexed = session.index.find_file(first.file)->indexed_end;
  for (const Pending& row : rows) {
    if (row.entry.at.offset >= indexed) {
      session.index.insert(row.entry, session.now, session.settings);
    }
    const bool rendezvous = session.settings.capacity == 0;
    if (row.reserved && !rendezvous) session.index.settle_reservation(row.entry.id);
  }
  const std::uint64_t end = std::max(indexed, rows.back().group_end);
  session.index.set_indexed_end(file, end);
  session.after_commit.push_back([this, count = rows.size(), end] {
    const std::lock_guard guard(pending_mutex_);
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(count));
    handles_.publish_indexed_end(end);
  });
}

bool QueueImpl::index_pending(bool wait) {
  {
    const std::lock_guard guard(pending_mutex_);
    if (pending_.empty() && owed_.empty()) return true;
  }
  const auto act = [this](Session& session) { insert_pending(session); };
  if (!wait) return try_transact(layout::Purpose::kSend, Milliseconds{0}, act);
  transact(layout::Purpose::kSend, act);
  return true;
}

// ---- Large bodies, rendezvous, confirmation of receipt --------------------------------------------

SendResult QueueImpl::send_stream(Message message, const BodySource& source,
                                  const SendOptions& options) {
  const Settings settings = this->settings();
  const auto limit = static_cast<std::size_t>(settings.body_inline);
  std::string head;
  bool ended = false;
  std::vector<char> piece(256 << 10);
  while (!ended && head.size() <= limit) {
    const std::size_t got = source(piece);
    head.append(piece.data(), got);
    ended = got == 0;
  }
  std::vector<Message> one;
  if (ended && head.size() <= limit) {
    message.body = std::move(head);
    one.push_back(std::move(message));
    return send_batch(std::move(one), options).front();
  }
  if (settings.check != BodyCheck::kNone) {
    refuse(name(), "the body is larger than body-inline and cannot be checked");
  }
  check_send_allowed(head.size());
  auto file = std::make_unique<NewFile>(dir_, ids_->next().shard(), handles_.incarnation());
  std::size_t at = 0;
  message.large_body = write_large_body(file->file(), [&](std::span<char> into) -> std::size_t {
    if (at == head.size()) {
      const std::size_t got = source(into);
      admission_.check(got);
      return got;
    }
    const std::size_t count = head.copy(into.data(), into.size(), at);
    at += count;
    return count;
  });
  return send_large(std::move(message), std::move(file), options);
}

SendResult QueueImpl::send_large(Message message, std::unique_ptr<NewFile> body,
                                 const SendOptions& options) {
  const Settings settings = this->settings();
  std::vector<Outgoing> outgoing(1);
  outgoing[0].message = std::move(message);
  outgoing[0].body = std::move(body);
  prepare(outgoing[0], options, settings);
  check_send_allowed(0);
  reserve(outgoing, options, settings);
  if (outgoing[0].result.duplicate) return outgoing[0].result;
  std::vector<Outgoing*> fresh{&outgoing[0]};
  try {
    write_out(fresh, options.format.value_or(settings.format),
              options.durability.value_or(settings.durability));
  } catch (...) {
    return_reservations(fresh);
    throw;
  }
  bell_.ring();
  if (settings.capacity == 0) wait_taken(outgoing[0], options.timeout);
  return outgoing[0].result;
}

SendResult QueueImpl::send_file(Message message, int descriptor, bool take,
                                const SendOptions& options) {
  off_t at = 0;
  const auto read_on = [&](std::span<char> into) -> std::size_t {
    const ssize_t got = ::pread(descriptor, into.data(), into.size(), at);
    if (got < 0) throw Error::from_errno(errno, "read", "the body's file");
    at += got;
    return static_cast<std::size_t>(got);
  };
  const off_t size = ::lseek(descriptor, 0, SEEK_END);
  if (size <= static_cast<off_t>(settings().body_inline) || settings().check != BodyCheck::kNone) {
    return send_stream(std::move(message), read_on, options);
  }
  const std::uint8_t shard = ids_->next().shard();
  if (take) {
    std::unique_ptr<File> given = adopt_posix_file(descriptor, "the body's file");
    const FileStatus status = given->status();
    const FileStatus queue = dir_.dir().status();
    // Its bytes become the message's by one more name: nothing is copied.
    if (status.kind == FileKind::kRegular && status.device == queue.device && status.links == 1 &&
        (status.uid == geteuid() || geteuid() == 0)) {
      check_send_allowed(0);
      auto file = std::make_unique<NewFile>(dir_, shard, std::move(given));
      message.large_body = measure_large_body(file->file());
      file->file().sync_data();
      return send_large(std::move(message), std::move(file), options);
    }
  }
  auto file = std::make_unique<NewFile>(dir_, shard, handles_.incarnation());
  if (clone_descriptor(file->file(), descriptor)) {
    message.large_body = measure_large_body(file->file());
    file->file().sync_data();
  } else {
    check_send_allowed(static_cast<std::uint64_t>(size));
    message.large_body = write_large_body(file->file(), read_on);
  }
  return send_large(std::move(message), std::move(file), options);
}

void QueueImpl::wait_taken(const Outgoing& outgoing, std::optional<Milliseconds> timeout) {
  const std::int64_t started = clock_->boot_ms();
  while (true) {
    const std::uint32_t bell = bell_.prepare();
    const std::int64_t waited = clock_->boot_ms() - started;
    const bool give_up = timeout && waited >= timeout->count();
    bool taken = false;
    bool withdrawn = false;
    transact(layout::Purpose::kSend, [&](Session& session) {
      const std::optional<Row> row = session.index.find(outgoing.message.id);
      taken = !row || row->counters.deliveries > 0;
      withdrawn = !taken && give_up && session.index.withdraw(outgoing.message.id, session.now);
      if (taken) session.index.settle_reservation(outgoing.message.id);
      if (withdrawn) session.index.return_reservation(outgoing.message.id);
    });
    if (taken) return;
    if (withdrawn) {
      sync_log();
      throw Error(ErrorCode::kTryAgain, "send", name(), "nobody took the message in time");
    }
    bell_.wait(bell, timeout ? std::min(kLongestSleep, Milliseconds{timeout->count() - waited})
                             : kLongestSleep);
  }
}

Settled QueueImpl::wait_settled(const MessageId& id, std::optional<Milliseconds> timeout) {
  const std::int64_t started = clock_->boot_ms();
  while (true) {
    const std::uint32_t bell = bell_.prepare();
    std::optional<Settled> settled;
    look([&](Session& session) {
      const std::optional<Row> row = session.index.find(id);
      if (!row || row->state == RowState::kArchived) {
        settled = Settled::kAcked;
      } else if (row->state == RowState::kAcked || row->state == RowState::kGone) {
        settled = (row->flags & kRowRemoved) != 0 ? Settled::kDead : Settled::kAcked;
      } else if (row->state == RowState::kDead || row->state == RowState::kCorrupt) {
        settled = Settled::kDead;
      }
    });
    if (settled) return *settled;
    const std::int64_t waited = clock_->boot_ms() - started;
    if (timeout && waited >= timeout->count()) return Settled::kTimeout;
    bell_.wait(bell, timeout ? std::min(kLongestSleep, Milliseconds{timeout->count() - waited})
                             : kLongestSleep);
  }
}

}  // namespace spoolmq
