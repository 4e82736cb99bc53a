// What follows acknowledgements, in batches, by the holder of byte 1 (FORMAT.md section 2.4):
// log synced → verdicts of mixed files written → unlink → directories synced → rows deleted.
#include <algorithm>
#include <set>

#include "core/log.h"
#include "store/queue_impl.h"

namespace spoolmq {
namespace {

constexpr std::size_t kSinglesPerPass = 1000;
constexpr std::size_t kFilesPerPass = 64;
constexpr std::size_t kRecordsPerFile = 20'000;
constexpr std::size_t kNotesPerPass = 1000;
constexpr std::size_t kRowsDroppedPerPass = 10'000;
constexpr std::uint64_t kCompactVerdictsAtBytes = 1 << 20;
constexpr std::int64_t kSealIdleMs = 2000;
constexpr Milliseconds kIndexWithin{5};
constexpr std::size_t kRowsTogether = 64;  // this many do not wait
constexpr Milliseconds kMaintainEvery{1000};
constexpr std::int64_t kRepeatedAckMs = Index::kRepeatedAckMs;
constexpr std::uint64_t kGroupGap = record::kGroupHeaderBytes;

}  // namespace

struct QueueImpl::Batch {
  struct Mixed {
    FileRow file;
    std::vector<Index::Settled> settled;
    std::vector<ByteRange> ranges;
  };
  std::vector<Index::Settled> singles;
  std::vector<FileRow> finished;
  std::vector<Mixed> mixed;
  std::vector<Row> notes;
  std::size_t archived = 0;
  std::uint64_t generation = 0;
  std::uint64_t transaction = 0;
  [[nodiscard]] bool empty() const {
    return singles.empty() && finished.empty() && mixed.empty() && notes.empty();
  }
  [[nodiscard]] bool is_full() const {
    return singles.size() == kSinglesPerPass || finished.size() == kFilesPerPass ||
           notes.size() == kNotesPerPass;
  }
};

void QueueImpl::maintain(Settle which) {
  if (place_.changes == Changes::kRefused) return;  // nothing is settled in a backup
  // Someone else is at it: another thread of this handle, or another process.
  const std::unique_lock one_thread(maintenance_mutex_, std::try_to_lock);
  if (!one_thread.owns_lock() || !lock_.try_byte(layout::kByteMaintenance)) return;
  struct Release {
    WriterLock& lock;
    ~Release() { lock.release_byte(layout::kByteMaintenance); }
  } release{lock_};
  while (true) {
    Batch batch = collect_settled(which);
    if (batch.empty()) break;
    // Everything collected is durable before anything of it is acted upon (I3).
    sync_log();
    if (lock_.peek().generation != batch.generation) break;
    write_verdicts(batch);
    remove_files(batch);
    forget_rows(batch);
    if (!batch.is_full()) break;
  }
}

QueueImpl::Batch QueueImpl::collect_settled(Settle which) {
  Batch batch;
  transact(layout::Purpose::kMaintain, [&](Session& session) {
    batch = {};
    Index& index = session.index;
    insert_pending(session);
    index.release_archived(session.now);
    const std::int64_t latest = session.now.wall_ms - (which == Settle::kAll ? 0 : kRepeatedAckMs);
    batch.singles = index.settled_singles(kSinglesPerPass, latest);
    batch.finished = index.finished_files(kFilesPerPass, latest);
    for (const FileRow& file : index.mixed_files(kFilesPerPass)) {
      Batch::Mixed mixed{file, index.settled_in(file.rowid, kRecordsPerFile), {}};
      for (const Index::Settled& one : mixed.settled) {
        mixed.ranges.push_back({one.offset, one.offset + one.length});
      }
      mixed.ranges = merged(std::move(mixed.ranges), kGroupGap);
      if (!mixed.settled.empty()) batch.mixed.push_back(std::move(mixed));
    }
    batch.notes = index.unnoted(kNotesPerPass);
    while (index.drop_gone(session.now, kRowsDroppedPerPass) == kRowsDroppedPerPass) {
    }
    note_leftovers(session);
    batch.generation = index.generation();
    batch.transaction = index.transaction();  // this one's number is one more: only ever too small
  });
  return batch;
}

void QueueImpl::write_verdicts(const Batch& batch) {
  Verdicts::Batch verdicts;
  for (const Batch::Mixed& one : batch.mixed) verdicts.acked(one.file.file, one.ranges);
  for (const Row& row : batch.notes) {
    const bool parked = row.state == RowState::kDead || row.state == RowState::kHeld ||
                        row.state == RowState::kArchived;
    verdicts.message(row.id, {parked ? row.state : RowState::kReady, parked ? row.due : 0,
                              row.counters, parked ? row.reason : std::string()});
  }
  if (verdicts.empty()) return;
  verdicts.mark(batch.generation, batch.transaction);
  verdicts_.append(verdicts);
  if (verdicts_.size() < std::max(kCompactVerdictsAtBytes, 2 * verdicts_compacted_bytes_)) return;
  verdicts_.compact(
      [this](const MessageId& file) {
        Dir* const shard = dir_.existing_shard(file.shard());
        return shard != nullptr &&
               shard->status(names::spool_file(file, names::SpoolKind::kBinary)).has_value();
      },
      [this](const MessageId& id) { return locate(id).has_value(); });
  verdicts_compacted_bytes_ = verdicts_.size();
}

void QueueImpl::remove_files(const Batch& batch) {
  std::set<std::uint8_t> touched;
  const auto unlink = [&](const MessageId& file, names::SpoolKind kind) {
    Dir* const shard = dir_.existing_shard(file.shard());
    if (shard == nullptr) return;
    reader_.forget(file);
    shard->unlink(names::spool_file(file, kind));
    touched.insert(file.shard());
  };
  for (const Index::Settled& one : batch.singles) {
    const bool xml = (one.flags & kRowXml) != 0;
    unlink(one.id, xml ? names::SpoolKind::kXml : names::SpoolKind::kBinary);
    if ((one.flags & kRowLargeBody) != 0) unlink(one.id, names::SpoolKind::kBody);
  }
  for (const FileRow& file : batch.finished) {
    unlink(file.file, file.kind);
    // Only an own file has one, and only a message with a foreign id has an own file with a row.
    unlink(file.file, names::SpoolKind::kBody);
  }
  for (const std::uint8_t shard : touched) dir_.existing_shard(shard)->sync();
  for (const Batch::Mixed& one : batch.mixed) {
    if (one.file.sealed) punch(one.file, one.ranges);
  }
}

// The verdict is durable: what it names may go. A file with several names is another queue's too.
void QueueImpl::punch(const FileRow& row, const std::vector<ByteRange>& ranges) {
  Dir* const shard = dir_.existing_shard(row.file.shard());
  const auto file = shard != nullptr
                        ? shard->open(names::spool_file(row.file, row.kind), Access::kReadWrite)
                        : nullptr;
  if (!file || file->status().links != 1) return;
  for (const ByteRange& range : ranges) {
    if (!file->punch(range.begin, range.end - range.begin)) return;
  }
}

void QueueImpl::forget_rows(const Batch& batch) {
  transact(layout::Purpose::kMaintain, [&](Session& session) {
    Index& index = session.index;
    if (index.generation() != batch.generation) {
      forget_rebuilt(session, batch);
      note_leftovers(session);
      return;
    }
    index.settle(batch.singles, session.now);
    for (const FileRow& file : batch.finished) {
      index.settle_file(file.rowid, session.now);
      index.drop_file(file.rowid);
    }
    // Not the whole range: others may have been acknowledged since, without a verdict.
    for (const Batch::Mixed& one : batch.mixed) index.settle(one.settled, session.now);
    for (const Row& row : batch.notes) index.mark_noted(row.sequence, row.state);
    note_leftovers(session);
  });
}

// The index was rebuilt while the files went: what the rebuild still found of them is acknowledged.
void QueueImpl::forget_rebuilt(Session& session, const Batch& batch) {
  const auto forget = [&](Row row) {
    if (row.state < RowState::kAcked) session.index.remove(row, session.now);
  };
  for (const Index::Settled& one : batch.singles) {
    if (const std::optional<Row> row = session.index.find(one.id)) forget(*row);
  }
  for (const FileRow& file : batch.finished) {
    const std::optional<FileRow> found = session.index.find_file(file.file);
    if (!found) continue;
    for (const Row& row : session.index.live_rows_of(found->rowid)) forget(row);
  }
}

// What is settled but not gone yet brings the next pass.
void QueueImpl::note_leftovers(Session& session) {
  const std::int64_t left = session.index.count(RowState::kAcked).messages +
                            session.index.count(RowState::kGone).messages;
  session.after_commit.push_back(
      [this, left] { settled_since_maintenance_ = static_cast<std::uint64_t>(left); });
}

// ---- The thread

void QueueImpl::start_background(Work work) {
  if (!options_.background || closed_) return;
  const bool enough = rows_owed() >= kRowsTogether;
  const std::lock_guard guard(background_mutex_);
  const bool looks_soon = background_rest_ == Rest::kAWhile && work == Work::kCleaning;
  const bool rests = background_rest_ != Rest::kNo && !looks_soon;
  const bool wake = rests || (enough && !background_hurry_);
  background_work_ = true;
  background_hurry_ = background_hurry_ || enough;
  if (!background_thread_.joinable()) {
    background_thread_ = std::jthread([this](const std::stop_token& stop) { background(stop); });
  }
  // While it gathers or works it will see the flags; a wake per send would cost more than rows.
  if (wake) background_wake_.notify_one();
}

// Until there is work, at most `longest`.
void QueueImpl::rest(const std::stop_token& stop, std::optional<Milliseconds> longest) {
  std::unique_lock lock(background_mutex_);
  const auto has_work = [this] { return background_work_; };
  background_rest_ = longest ? Rest::kAWhile : Rest::kUntilWoken;
  if (longest) {
    background_wake_.wait_for(lock, stop, *longest, has_work);
  } else {
    background_wake_.wait(lock, stop, has_work);
  }
  background_rest_ = Rest::kNo;
  background_work_ = false;
}

// Rests until there is work; then indexes within 5 ms, cleans up, seals what is idle for 2 s.
void QueueImpl::background(const std::stop_token& stop) {
  std::int64_t maintained_boot_ms = clock_->boot_ms();
  bool in_vain = false;  // byte 0 was not to be had: no hurry before the next look
  while (!stop.stop_requested()) {
    rest(stop, std::nullopt);
    try {
      while (!stop.stop_requested()) {
        {
          // What is sent meanwhile gets its rows in the same transaction.
          std::unique_lock lock(background_mutex_);
          background_wake_.wait_for(lock, stop, kIndexWithin,
                                    [&] { return background_hurry_ && !in_vain; });
          background_hurry_ = false;
        }
        if (stop.stop_requested() || !work_once(&maintained_boot_ms)) break;
        const std::size_t owed = rows_owed();
        in_vain = owed >= kRowsTogether;
        if (owed == 0) rest(stop, kMaintainEvery);
      }
    } catch (const std::exception& error) {
      log::error("background work failed", {{"queue", name()}, {"why", error.what()}});
    }
  }
}

std::size_t QueueImpl::rows_owed() {
  const std::lock_guard guard(pending_mutex_);
  return pending_.size() + owed_.size();
}

// False once there is nothing left to do.
bool QueueImpl::work_once(std::int64_t* maintained_boot_ms) {
  hot_cache_.check_name();
  bool more = !index_pending(false);
  more = return_prefetched_in_time() || more;
  const std::int64_t now_ms = clock_->boot_ms();
  if (settled_since_maintenance_ > 0) {
    more = true;
    if (now_ms - *maintained_boot_ms >= kMaintainEvery.count()) {
      maintain(Settle::kOld);
      *maintained_boot_ms = now_ms;
    }
  }
  if (segment_is_open()) {
    seal_if_idle(kSealIdleMs);
    more = true;
  }
  return more;
}

bool QueueImpl::segment_is_open() { return handles_.own().durable_end > record::kFileHeaderBytes; }

// Through the group commit, whose lead owns the segment writer.
void QueueImpl::seal_if_idle(std::int64_t idle_ms) {
  AppendJob seal;
  seal.seal_if_idle_ms = idle_ms;
  appends_.run(seal, 1);
}

}  // namespace spoolmq
