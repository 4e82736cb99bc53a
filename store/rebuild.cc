// A new generation of the index, from spool files and verdicts.log (FORMAT.md section 10.4). Under
// byte 0, so everyone else waits or is told that the index is being rebuilt. The old generation's
// files are only moved aside once the new one and its number are durable.
#include <algorithm>
#include <utility>
#include <vector>

#include "core/log.h"
#include "core/record_codec.h"
#include "core/xml_codec.h"
#include "store/quarantine.h"
#include "store/queue_impl.h"
#include "store/spool_scan.h"
#include "store/worker.h"

namespace spoolmq {
namespace {

std::vector<std::string> index_files(Dir& dir, std::uint64_t generation) {
  std::vector<std::string> files;
  dir.list([&](std::string_view file) {
    if (names::parse_index_file(file) == generation) files.emplace_back(file);
    return true;
  });
  return files;
}

std::uint64_t newest_generation(Dir& dir) {
  std::uint64_t newest = 0;
  dir.list([&](std::string_view file) {
    newest = std::max(newest, names::parse_index_file(file).value_or(0));
    return true;
  });
  return newest;
}

constexpr std::size_t kRowsTogether = 1024;

}  // namespace

// Makes bulk rows of messages as their files and the verdicts have them. By many they go into the
// index in another thread, while the next ones are read: nobody else touches it before finish().
class RowMaker {
 public:
  enum class Threads : std::uint8_t { kOne, kTwo };
  RowMaker(Index& index, const RebuiltFrom& from, const Now& now, const Settings& settings,
           Threads threads)
      : index_(index), from_(from), now_(now), settings_(settings), threads_(threads) {}

  // Its rowid.
  std::int64_t add_file(const FileRow& file) {
    insert_.finish();
    return index_.bulk_file(file);
  }

  void add(const Message& message, const Location& at, std::uint16_t flags, std::int64_t file) {
    const bool os = (flags & record::kOsDurability) != 0;
    Index::BulkRow row;
    row.entry = Entry::of(message, at, os ? Durability::kOs : Durability::kSync);
    row.file = file;
    row.key_until_ms = message.sent_at_ms + settings_.dedupe_window.count();
    if (message.not_before_ms > now_.wall_ms) {
      row.state = RowState::kDelayed;
      row.due = message.not_before_ms;
    }
    if (const auto verdict = from_.verdicts.messages.find(message.id);
        verdict != from_.verdicts.messages.end()) {
      apply(verdict->second, row);
    } else if (is_acked_early(message.id, at)) {
      row.state = RowState::kAcked;  // with a row, so that its verdict is written
      row.due = now_.wall_ms;
    }
    add(std::move(row));
  }

  void add_corrupt(const MessageId& id, const Location& at, std::int64_t file) {
    Index::BulkRow row;
    row.entry = Entry::of_corrupt(id, at);
    row.file = file;
    row.state = RowState::kCorrupt;
    row.reason = "checksum";
    add(std::move(row));
  }

  void finish() {
    insert_.finish();
    insert(filling_);
    filling_.clear();
  }

 private:
  void add(Index::BulkRow&& row) {
    filling_.push_back(std::move(row));
    if (filling_.size() < kRowsTogether) return;
    insert_.finish();
    inserting_.swap(filling_);
    filling_.clear();
    if (threads_ == Threads::kOne || !insert_.begin()) insert(inserting_);
  }
  void insert(const std::vector<Index::BulkRow>& rows) {
    for (const Index::BulkRow& row : rows) index_.bulk_insert(row);
  }
  [[nodiscard]] bool is_acked_early(const MessageId& id, const Location& at) const {
    const auto found = from_.early_acks.find(id);
    return found != from_.early_acks.end() && found->second.file == at.file &&
           found->second.offset == at.offset;
  }
  static void apply(const Verdicts::OfMessage& verdict, Index::BulkRow& row) {
    row.counters = verdict.counters;
    row.entry.flags |= kRowVerdict;
    if (verdict.state == RowState::kReady) {
      row.state = RowState::kReady;  // requeued or unheld: its delay and expiry are behind it
      row.due = 0;
      row.entry.expires_at_ms = 0;
      return;
    }
    row.state = verdict.state;
    row.due = verdict.due_ms;
    row.reason = verdict.reason;
  }

  Index& index_;
  const RebuiltFrom& from_;
  const Now now_;
  const Settings& settings_;
  const Threads threads_;
  std::vector<Index::BulkRow> filling_;
  std::vector<Index::BulkRow> inserting_;
  Worker inserter_;
  Worker::Job insert_{inserter_, [this] { insert(inserting_); }};
};

void QueueImpl::rebuild(WriterLock::Hold& hold, std::string_view why) {
  layout::LockHeader header = hold.header();
  const std::uint64_t old = std::max(header.generation, newest_generation(dir_.dir()));
  if (!why.empty()) {
    log::warn("rebuilding the index", {{"queue", name()}, {"generation", old + 1}, {"why", why}});
  }
  {
    const std::unique_lock alone(log_guard_);
    index_.close();
    // Made by us, before SQLite knows of it: it gives -wal and -shm the same owner and mode.
    dir_.create(dir_.dir(), names::index_file(old + 1), IfExists::kFail);
    index_.create(old + 1);
    index_.begin_bulk();
    // From now on no acknowledgement counts that is not found there, or in the new index.
    lock_.raise_lease_epoch();
    RebuiltFrom from{verdicts_.load(), {}};
    for (const AckLog::Entry& one : acks_left()) from.early_acks.emplace(one.receipt.id, one);
    rebuild_rows(header, from);
    const std::shared_ptr<const Settings> settings = refresh_settings(header);
    index_.finish_bulk(header.transaction + 1, settings->order_on_dead, clock_->boot_id());
    dir_.dir().sync();
    index_.open(old + 1, header.transaction + 1);
    index_doubtful_ = false;
  }
  header.generation = old + 1;
  header.transaction += 1;
  header.database_stamp = database_stamp(header.generation);
  hold.write_header(header);
  try {
    lock_.file().sync_data();
  } catch (const Error&) {
    // A later sync would prove nothing: nobody may rely on this generation before another try.
    header.generation = 0;
    hold.write_header(header);
    throw;
  }
  if (old > 0) move_aside(old);
}

void QueueImpl::rebuild_rows(const layout::LockHeader& header, const RebuiltFrom& from) {
  const std::shared_ptr<const Settings> settings = refresh_settings(header);
  RowMaker rows(index_, from, now(), *settings,
                options_.background ? RowMaker::Threads::kTwo : RowMaker::Threads::kOne);
  for (int shard = 0; shard < 256; ++shard) {
    Dir* const dir = dir_.existing_shard(static_cast<std::uint8_t>(shard));
    if (dir != nullptr) rebuild_shard(*dir, from.verdicts, header.slots, rows);
  }
  rows.finish();
}

void QueueImpl::rebuild_shard(Dir& shard, const Verdicts::Known& verdicts, std::uint32_t slots,
                              RowMaker& rows) {
  std::vector<names::SpoolName> files;
  shard.list([&](std::string_view file) {
    const auto name = names::parse_spool_file(file);
    if (name && name->kind != names::SpoolKind::kBody) files.push_back(*name);
    return true;
  });
  // Only now: a segment is in its handle's record before it has a name, so one that is listed and
  // not found there is no longer written to. A record without durable_end is being changed: its
  // segment, if it has a name, is finished.
  const std::vector<HandleTable::Slot> handles = handles_.read(slots);
  // What is listed now is durable by this sync, whoever put it there (I2).
  shard.sync();
  for (const names::SpoolName& name : files) {
    const std::string file_name = names::spool_file(name.file, name.kind);
    if (name.kind == names::SpoolKind::kXml) {
      const auto bytes = read_file(shard, file_name, xml::kMaxFileBytes);
      auto decoded = xml::decode(bytes ? *bytes : "");
      const auto* const good = std::get_if<xml::Decoded>(&decoded);
      if (good == nullptr) {
        log::error("spool file does not verify", {{"file", file_name}});
        rows.add_corrupt(name.file, {name.file, name.kind, 0, bytes ? bytes->size() : 0}, 0);
        continue;
      }
      const Location at{name.file, name.kind, 0, bytes->size()};
      const bool own_name = good->message.id == name.file;
      const std::int64_t file =
          own_name ? 0 : rows.add_file({0, name.file, name.kind, bytes->size(), 0, true, 0});
      rows.add(good->message, at, good->flags, file);
      continue;
    }
    const std::unique_ptr<File> file = shard.open(file_name, Access::kRead);
    if (!file) continue;
    const auto owner = std::find_if(handles.begin(), handles.end(), [&](const auto& slot) {
      return slot.record.segment == name.file && slot.record.durable_end != 0;
    });
    const bool open = owner != handles.end();
    const auto acked = verdicts.acked.find(name.file);
    std::uint64_t promised = acked == verdicts.acked.end() ? 0 : acked->second.back().end;
    std::uint64_t limit = file->status().size;
    const bool own = is_own_file(*file, name.file);
    if (own) promised = limit;
    if (open) {
      limit = owner->record.durable_end;
      promised = limit;
    }
    std::int64_t rowid = 0;
    FileRow row{0, name.file, name.kind, limit, 0, !open, open ? owner->record.incarnation : 0};
    if (open) rowid = rows.add_file(row);
    const ScanResult scanned = scan_segment(
        *file, name.file, record::kFileHeaderBytes, limit, promised, [&](ScannedRecord&& one) {
          if (verdicts.is_acked(one.at.file, one.at.offset)) return;
          if (one.message.id != name.file && rowid == 0) rowid = rows.add_file(row);
          rows.add(one.message, one.at, one.flags, one.message.id == name.file ? 0 : rowid);
        });
    for (const auto& [id, where] : scanned.corrupt) {
      if (verdicts.is_acked(where.file, where.offset)) continue;
      if (id != name.file && rowid == 0) rowid = rows.add_file(row);
      rows.add_corrupt(id, where, id == name.file ? 0 : rowid);
    }
    if (own && scanned.corrupt.empty() && !scanned.damaged.empty() &&
        acked == verdicts.acked.end()) {
      rows.add_corrupt(name.file, own_record_of(name.file, limit), 0);
    }
    keep_damaged_aside(dir_, *file, name.file, scanned.damaged,
                       acked == verdicts.acked.end() ? std::vector<ByteRange>{} : acked->second);
    const bool is_kept = !scanned.has_tail || try_keep_range_aside(dir_, *file, name.file, "tail",
                                                                   {scanned.valid_end, limit});
    // All of it is done or kept aside, or nothing ever was in it (durability os: the power took its
    // bytes).
    const bool empty = !open && scanned.valid_end <= record::kFileHeaderBytes && is_kept;
    if (rowid == 0 && (acked != verdicts.acked.end() || empty)) rows.add_file(row);
  }
}

// The former generation's files, kept as evidence; only the newest such set is kept.
void QueueImpl::move_aside(std::uint64_t generation) {
  const std::unique_ptr<Dir> corrupt = dir_.made(names::kCorrupt);
  std::vector<std::string> older;
  corrupt->list([&](std::string_view file) {
    if (names::parse_index_file(file)) older.emplace_back(file);
    return true;
  });
  for (const std::string& file : older) corrupt->unlink(file);
  for (const std::string& file : index_files(dir_.dir(), generation)) {
    dir_.dir().rename_over(file, *corrupt, file);
  }
  dir_.dir().sync();
}

}  // namespace spoolmq
