// Bytes on disk (FORMAT.md 2.1 and 2.2): what the lead of a group commit does for everyone in it.
#include <algorithm>

#include "core/log.h"
#include "core/record_codec.h"
#include "store/own_file.h"
#include "store/queue_impl.h"

namespace spoolmq {
namespace {

constexpr std::int64_t kSecondSendWithinMs = 1000;
constexpr std::size_t kMostPending = 65536;

}  // namespace

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
  const std::vector<Location> places = segment_->is_open() ? segment_->append(records, durability)
                                                           : segment_->start(records, durability);
  wrote_segments_ = true;
  const std::uint64_t end = segment_->end();
  {
    const std::lock_guard guard(pending_mutex_);
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const bool os = (messages[i]->flags & record::kOsDurability) != 0;
      pending_.push_back(
          {Entry::of(messages[i]->message, places[i], os ? Durability::kOs : Durability::kSync),
           end, messages[i]->reserved});
    }
  }
  publish_appended(messages, places);
}

void QueueImpl::roll_segment() {
  index_pending(true);
  const Location at{segment_->id(), names::SpoolKind::kBinary, 0, 0};
  segment_->finish();
  std::optional<FileRow> sealed;
  transact(layout::Purpose::kSend, [&](Session& session) {
    session.index.seal(session.index.file_rowid(at, handles_.incarnation(), false));
    sealed = session.index.find_file(at.file);
  });
  handles_.publish_segment({}, 0, 0);
  ++settled_since_maintenance_;  // all of it may be acknowledged already
  if (!sealed || sealed->live == 0) return;
  // While it was open, what was acknowledged only went to the verdicts.
  const Verdicts::Known verdicts = verdicts_.load();
  if (const auto acked = verdicts.acked.find(at.file); acked != verdicts.acked.end()) {
    punch(*sealed, acked->second);
  }
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
    NewFile made(dir_, one->file.shard(), handles_);
    std::vector<std::byte> bytes;
    const Location at =
        encode_own_file({one->file, kind, handles_.incarnation(), clock_->wall_ms()}, one->message,
                        one->flags, bytes);
    made.file().write_at(bytes, 0);
    if (durability == Durability::kSync) sync_meter_.time([&] { made.file().sync_data(); });
    job.messages.push_back(one);
    job.places.push_back(at);
    job.files.push_back(std::move(made));
  }
  singles_.run(job, job.messages.size());
}

// All of them durably, or none: then whoever reads the directory finds nothing that was refused.
void QueueImpl::give_names(std::span<SingleJob* const> jobs) {
  Dir* shard = nullptr;
  bool sync = false;
  std::vector<std::string> named;
  const auto give = [&](NewFile& file, const std::string& name) {
    shard = &file.shard();  // all of one handle's files share a shard
    if (!file.link(name)) throw Error(ErrorCode::kIo, "create", name, "the name is taken");
    named.push_back(name);
  };
  try {
    for (SingleJob* job : jobs) {
      sync = sync || job->durability == Durability::kSync;
      for (std::size_t i = 0; i < job->messages.size(); ++i) {
        Outgoing& one = *job->messages[i];
        if (one.body) give(*one.body, names::spool_file(one.file, names::SpoolKind::kBody));
        give(job->files[i], names::spool_file(one.file, job->places[i].kind));
      }
    }
    if (sync) sync_meter_.time([&] { shard->sync(); });
  } catch (const Error& error) {
    if (named.empty()) throw;
    // The spool file before its body. A name that is taken away may come back with the power.
    try {
      for (auto name = named.rbegin(); name != named.rend(); ++name) shard->unlink(*name);
    } catch (const Error& left) {
      log::warn("a refused message's file is left", {{"queue", name()}, {"why", left.what()}});
    }
    throw error.of_unknown_outcome();
  }
}

// The lead of a group of own files: names, one directory sync, rows.
void QueueImpl::link_group(std::span<SingleJob* const> jobs) {
  // What the same senders appended before comes before in index order too.
  index_pending(true);
  std::uint64_t count = 0;
  for (const SingleJob* job : jobs) count += job->messages.size();
  // Said before the first name exists: a reaper that finds this number ahead looks for names.
  singles_begun_ += count;
  handles_.publish_singles_begun(singles_begun_);
  std::vector<Pending> rows;
  for (const SingleJob* job : jobs) {
    for (std::size_t i = 0; i < job->messages.size(); ++i) {
      const Outgoing& one = *job->messages[i];
      rows.push_back({Entry::of(one.message, job->places[i], job->durability), 0, one.reserved});
    }
  }
  give_names(jobs);
  try {
    index_pending(true);  // what was appended before has its place before
  } catch (const Error& error) {
    log::warn("rows owed", {{"queue", name()}, {"why", error.what()}});
  }
  {
    const std::lock_guard guard(pending_mutex_);
    owed_.insert(owed_.end(), rows.begin(), rows.end());
  }
  try {
    transact(layout::Purpose::kSend, [this](Session& session) { insert_owed(session); });
  } catch (const Error& error) {
    log::warn("rows owed", {{"queue", name()}, {"why", error.what()}});
    {
      const std::lock_guard guard(pending_mutex_);
      owed_late_ = true;
    }
    start_background();
  }
  // Only now: a tail that misses them in the ring must find them in the index.
  publish_singles(jobs);
}

}  // namespace spoolmq
