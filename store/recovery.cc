// What an opener, a reaper and a harvester do (FORMAT.md section 10). All of it under byte 0.
// Harvesting: rows for what a living sender made durable but did not index.
// Reaping: the same for a dead one, whose bytes are synced first; then its leases and places.
// Reconciling: after a boot, every directory is listed before anything is served.
#include <unistd.h>

#include <algorithm>

#include "core/log.h"
#include "core/record_codec.h"
#include "core/xml_codec.h"
#include "store/quarantine.h"
#include "store/queue_impl.h"
#include "store/spool_scan.h"

namespace spoolmq {
namespace {

constexpr std::size_t kBootMarkBytes = 1024;
constexpr std::int64_t kClockSlackMs = 24 * 3600 * 1000;
constexpr std::size_t kRowsPerTransaction = 10'000;
constexpr std::size_t kMostEntriesHeld = 1024;
constexpr std::uint32_t kShards = 256;

std::string boot_mark(std::string_view state, const Clock& clock, std::uint64_t device) {
  return "spoolmq boot mark 1\nstate " + std::string(state) + "\nboot " + clock.boot_id() +
         "\ndevice " + std::to_string(device) + "\n";
}

std::string host_name() {
  char host[65] = {};
  ::gethostname(host, sizeof host - 1);
  return host;
}

Durability durability_of(std::uint16_t flags) {
  return (flags & record::kOsDurability) != 0 ? Durability::kOs : Durability::kSync;
}

}  // namespace

// ---- Opening

bool QueueImpl::boot_mark_is_current() {
  const auto mark = read_file(dir_.dir(), names::kBoot, kBootMarkBytes);
  return mark && *mark == boot_mark("dirty", *clock_, dir_.dir().status().device);
}

void QueueImpl::write_boot_mark(std::string_view state) {
  replace_file(dir_.dir(), names::kBoot, boot_mark(state, *clock_, dir_.dir().status().device),
               dir_.mode());
  if (auto file = dir_.dir().open(names::kBoot, Access::kReadWrite)) dir_.own(*file);
}

void QueueImpl::recover_and_take_slot() {
  WriterLock::Hold hold = lock_.take(layout::Purpose::kOpen);
  if (!boot_mark_is_current()) reconcile(hold);
  layout::HandleRecord record;
  record.incarnation = random_bits() | 1;
  record.pid = static_cast<std::uint32_t>(getpid());
  record.uid = getuid();
  record.opened_at_ms = clock_->wall_ms();
  record.flags = options_.observer ? std::uint32_t{layout::kObserver} : 0;
  record.name = options_.name;
  record.host = host_name();
  lock_.set_incarnation(record.incarnation);
  layout::LockHeader header = hold.header();
  header.slots = handles_.take(header.slots, record, [&](const HandleTable::Slot& dead) {
    transact_held(hold, [&](Session& session) { reap(session, dead); });
  });
  if (header.slots != hold.header().slots) {
    layout::LockHeader now_there = hold.header();
    now_there.slots = header.slots;
    hold.write_header(now_there);
  }
  board_.forget(handles_.own_slot());
  ids_.emplace(*clock_, HandleTable::shard_of(handles_.own_slot()));
  segment_.emplace(dir_, handles_, *ids_, *clock_, sync_meter_,
                   [this](const SegmentWriter::Written& written) { announce(written); });
  try {
    ensure_index(hold);
  } catch (const SqliteError& error) {
    if (!error.index_is_doubtful()) throw;
    rebuild(hold, error.why());
  }
}

// The disk has its work before somebody wakes, who may well be given our processor.
void QueueImpl::announce(const SegmentWriter::Written& written) {
  if (!bell_.has_taker()) return;
  written.file.begin_writing(written.begin, written.end - written.begin);
  bell_.announce({handles_.own_slot(), written.end});
}

// Only the last handle may say that everything is in order, and only once it is on the device.
void QueueImpl::write_clean_mark_if_last(WriterLock::Hold& hold) {
  for (const HandleTable::Slot& slot : handles_.read(hold.header().slots)) {
    if (handles_.owns_slot() && slot.number == handles_.own_slot()) continue;
    if (slot.record.incarnation != 0) return;  // alive, or dead and not reaped
  }
  if (!index_.is_open()) return;
  bool whole = false;
  checkpoint(hold, [&] { whole = index_.checkpoint_all(); });
  if (!whole) return;
  dir_.dir().sync();
  write_boot_mark("clean");
}

void QueueImpl::reconcile(WriterLock::Hold& hold) {
  const auto mark = read_file(dir_.dir(), names::kBoot, kBootMarkBytes);
  const std::uint64_t device = dir_.dir().status().device;
  // A mark that somebody removed under living handles: this boot is theirs, nothing is to be done.
  for (const HandleTable::Slot& slot : handles_.read(hold.header().slots)) {
    if (!handles_.is_alive(slot.number)) continue;
    write_boot_mark("dirty");
    return;
  }
  // Clean, and on the same device: nothing was left open when it was written.
  const bool clean = mark && mark->find("\nstate clean\n") != std::string::npos &&
                     mark->find("\ndevice " + std::to_string(device) + "\n") != std::string::npos;
  // Durable before anything may be confirmed; "recovering" until everything was looked at, so that
  // a kill in the middle does not pass for a finished recovery.
  write_boot_mark("recovering");
  layout::LockHeader header;
  header.generation = hold.header().generation;
  if (const std::optional<Pause> pause = paused()) {
    header.flags =
        (pause->receive ? layout::kPausedReceive : 0) | (pause->send ? layout::kPausedSend : 0);
  }
  header.settings_version = hold.header().settings_version + 1;
  // Whatever handles there were belong to another boot.
  header.slots = 0;
  handles_.file().truncate(0);
  if (header.generation == 0) {
    dir_.dir().list([&](std::string_view file) {
      if (const auto generation = names::parse_index_file(file)) {
        header.generation = std::max(header.generation, *generation);
      }
      return true;
    });
  }
  const Verdicts::Known verdicts = verdicts_.load();
  // What the verdicts know, a genuine index knows too: less means an older copy.
  header.transaction = verdicts.generation == header.generation ? verdicts.transaction : 0;
  hold.write_header(header);
  if (header.generation == 0) {
    rebuild(hold, "");
  } else {
    const std::vector<AckLog::Entry> acks = acks_left();
    transact_held(hold, [&](Session& session) {
      const std::string boot_id = clock_->boot_id();
      const bool is_same_boot = session.index.boot_id() == boot_id;
      session.index.set_boot_id(boot_id);
      take_over_acks_left(session, acks);  // before their leases end as failures
      session.index.end_bound_leases(session.now, session.settings, &session.deaths);
      // In one boot their deadlines stand, whatever was done to the wall clock.
      if (!is_same_boot) {
        session.index.convert_leases(session.now, session.settings, &session.deaths);
      }
      session.index.clamp_times(session.now);
    });
    if (!clean) {
      for (int shard = 0; shard < 256; ++shard) {
        if (dir_.existing_shard(static_cast<std::uint8_t>(shard)) == nullptr) continue;
        reconcile_shard(hold, static_cast<std::uint8_t>(shard), verdicts);
      }
      transact_held(hold, [&](Session& session) {
        take_over_acks_left(session, acks);  // of what the index had lost
        session.index.return_all_reservations(session.now);
      });
    }
  }
  remove_ack_files();
  write_boot_mark("dirty");
}

void QueueImpl::reconcile_shard(WriterLock::Hold& hold, std::uint8_t shard_number,
                                const Verdicts::Known& verdicts) {
  Dir& shard = dir_.shard(shard_number);
  std::vector<names::SpoolName> spool_files;
  std::vector<std::string> rubbish;
  shard.list([&](std::string_view file) {
    if (const auto name = names::parse_spool_file(file)) {
      spool_files.push_back(*name);
    } else if (names::parse_temporary(file)) {
      rubbish.emplace_back(file);  // of an incarnation of another boot
    }
    return true;
  });
  for (const std::string& file : rubbish) shard.unlink(file);
  std::sort(spool_files.begin(), spool_files.end(),
            [](const names::SpoolName& a, const names::SpoolName& b) { return a.file < b.file; });
  for (std::size_t i = 0; i < spool_files.size();) {
    transact_held(hold, [&](Session& session) {
      std::size_t done = 0;
      for (; i + done < spool_files.size() && done < kRowsPerTransaction; ++done) {
        const names::SpoolName& name = spool_files[i + done];
        if (name.kind == names::SpoolKind::kBody) continue;
        index_single(session, shard, name, &verdicts);
      }
      session.after_commit.push_back([&i, done] { i += done; });
    });
  }
  remove_orphan_bodies(shard, spool_files);
}

// A body whose spool file is not there: its message was never confirmed, or is acknowledged and its
// file's unlink reached the disk first.
void QueueImpl::remove_orphan_bodies(Dir& shard, const std::vector<names::SpoolName>& sorted) {
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i].kind != names::SpoolKind::kBody) continue;
    const bool before = i > 0 && sorted[i - 1].file == sorted[i].file;
    const bool after = i + 1 < sorted.size() && sorted[i + 1].file == sorted[i].file;
    if (!before && !after) shard.unlink(names::spool_file(sorted[i].file, sorted[i].kind));
  }
}

// ---- Harvesting

void QueueImpl::harvest(Session& session, std::optional<std::uint32_t> but_slot,
                        const AtOnce* at_once) {
  insert_pending(session);
  std::vector<HandleTable::Slot> slots = handles_.read(session.header.slots);
  take_over_acks_of(session, slots);
  std::erase_if(slots, [&](const HandleTable::Slot& slot) {
    if (handles_.owns_slot() && slot.number == handles_.own_slot()) return true;
    const layout::HandleRecord& record = slot.record;
    return slot.number == but_slot || record.segment.is_nil() ||
           record.durable_end <= record.indexed_end;
  });
  if (slots.size() != 1) at_once = nullptr;  // which is the next is not known before all are there
  if (at_once != nullptr) at_once->move_due();
  for (const HandleTable::Slot& slot : slots) {
    const layout::HandleRecord& record = slot.record;
    std::uint64_t end = 0;
    harvest_segment(session, record, record.durable_end, record.durable_end, &end, at_once);
    if (end == 0) continue;
    session.after_commit.push_back(
        [this, number = slot.number, end] { handles_.write_indexed_end_of(number, end); });
  }
}

// Rows for what a living sender has written and is about to sync: not to be committed before it is
// durable up to where they end (I2). nullopt: there is nothing like that.
std::optional<QueueImpl::Unsynced> QueueImpl::harvest_ahead(Session& session,
                                                            const Doorbell::Announcement& ahead,
                                                            const AtOnce& at_once) {
  if (ahead.slot >= session.header.slots || ahead.slot == handles_.own_slot()) return std::nullopt;
  const layout::HandleRecord record = handles_.read_one(ahead.slot);
  if (record.segment.is_nil() || ahead.written_end <= record.durable_end) return std::nullopt;
  at_once.move_due();  // that was there before it
  Unsynced unsynced{ahead.slot, record.segment, 0};
  harvest_segment(session, record, ahead.written_end, record.durable_end, &unsynced.end, &at_once);
  if (unsynced.end <= record.durable_end) return std::nullopt;
  session.after_commit.push_back(
      [this, unsynced] { handles_.write_indexed_end_of(unsynced.slot, unsynced.end); });
  return unsynced;
}

bool QueueImpl::is_durable(const Unsynced& unsynced) {
  const layout::HandleRecord record = handles_.read_one(unsynced.slot);
  return record.segment == unsynced.segment && record.durable_end >= unsynced.end;
}

// Rows for the records of a segment between what is indexed and `limit`. `end`: where they end now;
// 0 if there is no such file.
void QueueImpl::harvest_segment(Session& session, const layout::HandleRecord& record,
                                std::uint64_t limit, std::uint64_t promised, std::uint64_t* end,
                                const AtOnce* at_once) {
  *end = 0;
  const Location at{record.segment, names::SpoolKind::kBinary, 0, 0};
  const std::shared_ptr<File> file = reader_.open(at);
  if (!file) return;
  const std::int64_t rowid = session.index.file_rowid(at, record.incarnation, false);
  const std::uint64_t indexed = std::max<std::uint64_t>(
      session.index.file_by_rowid(rowid).indexed_end, record::kFileHeaderBytes);
  *end = indexed;
  if (indexed >= limit) return;
  std::vector<Entry> entries;
  Message last;  // of the entries, where it may be wanted at once
  const auto insert = [&] {
    session.index.insert_all(entries, session.now, session.settings);
    entries.clear();
  };
  const bool settles = session.settings.capacity != 0 && session.index.has_reservations();
  const ScanResult scanned =
      scan_segment(*file, record.segment, indexed, limit, promised, [&](ScannedRecord&& one) {
        entries.push_back(Entry::of(one.message, one.at, durability_of(one.flags)));
        if (settles) session.index.settle_reservation(entries.back().id);
        if (at_once != nullptr) last = std::move(one.message);
        if (entries.size() == kMostEntriesHeld) insert();
      });
  const bool none_ready = session.index.count(RowState::kReady).messages == 0;
  if (at_once != nullptr && entries.size() == 1 && none_ready) {  // the next to be claimed
    auto claimed = session.index.insert_leased(entries.front(), at_once->request, session.now,
                                               session.settings);
    if (claimed) {
      at_once->claimed.push_back(std::move(*claimed));
      at_once->loaded.emplace_back(std::move(last));
    }
  } else {
    insert();
  }
  for (const ByteRange& range : scanned.damaged) {
    log::error("damaged bytes in a spool file",
               {{"file", names::spool_file(record.segment, at.kind)},
                {"from", range.begin},
                {"to", range.end}});
  }
  for (const auto& [id, where] : scanned.corrupt) {
    session.index.insert_corrupt(id, where, session.now, session.settings);
  }
  *end = std::max(scanned.valid_end, indexed);
  session.index.set_indexed_end(rowid, *end);
}

// ---- Reaping

bool QueueImpl::probe_slots(Session& session) {
  bool reaped = false;
  session.after_commit.push_back([this] {
    last_probe_boot_ms_ = clock_->boot_ms();
    bell_.tell_probe(last_probe_boot_ms_);
  });
  for (const HandleTable::Slot& slot : handles_.read(session.header.slots)) {
    const layout::HandleRecord& record = slot.record;
    if (!record.owns_something() || handles_.is_alive(slot.number)) continue;
    handles_.reap(slot.number, [&](const HandleTable::Slot& dead) {
      log::info("reaping a dead handle", {{"queue", name()}, {"pid", dead.record.pid}});
      reap(session, dead);
      reaped = true;
      // Not before the rows are there: a kill in between must leave the record to the next reaper.
      session.after_commit.push_back(
          [this, number = dead.number, incarnation = dead.record.incarnation] {
            handles_.clear_reaped(number, incarnation);
          });
    });
  }
  return reaped;
}

// Idempotent: a kill in the middle leaves the record, and the next reaper begins again.
void QueueImpl::reap(Session& session, const HandleTable::Slot& slot) {
  const layout::HandleRecord& record = slot.record;
  board_.forget(slot.number);
  dir_.sync_shard_names();
  if (!record.segment.is_nil()) reap_segment(session, record);
  if (record.singles_begun != record.singles_indexed ||
      (record.flags & layout::kNamesTemporaries) != 0) {
    reap_single_files(session, slot);
  }
  // Segments it had finished with, whose seal did not reach the index.
  for (const FileRow& file : session.index.open_files(record.incarnation)) {
    session.index.seal(file.rowid);
  }
  // What was acknowledged in its segment while it was open can go now.
  session.after_commit.push_back([this] { ++settled_since_maintenance_; });
  // It may have died between a message's durability and the hot cache.
  session.after_commit.push_back([this] { hot_cache_.tell_break(); });
  take_over_acks_of_dead(session, slot.number);
  session.index.end_leases_of(record.incarnation, session.now, session.settings, &session.deaths);
  session.index.end_reservations_of(record.incarnation, session.now);
}

void QueueImpl::reap_segment(Session& session, const layout::HandleRecord& record) {
  Dir* const shard = dir_.existing_shard(record.segment.shard());
  const std::string file_name = names::spool_file(record.segment, names::SpoolKind::kBinary);
  const std::unique_ptr<File> file =
      shard != nullptr ? shard->open(file_name, Access::kReadWrite) : nullptr;
  if (!file) return;
  // The dead sender may have written what it had not synced: a row needs durable bytes (I2).
  file->sync_data();
  shard->sync();
  std::uint64_t end = 0;
  harvest_segment(session, record, file->status().size, record.durable_end, &end);
  const std::int64_t rowid =
      session.index.file_rowid({record.segment, names::SpoolKind::kBinary, 0, 0}, 0, false);
  end_file(*file, record.segment, end);
  session.index.seal(rowid);
}

// What lies behind `end` of a segment that nobody writes any more was never confirmed; the rest is
// durable. False: it could not be kept aside, and stays.
bool QueueImpl::end_file(File& file, const MessageId& id, std::uint64_t end) {
  const std::uint64_t size = file.status().size;
  if (end < size && !try_keep_range_aside(dir_, file, id, "tail", {end, size})) return false;
  if (!has_seal_before(file, id, end)) {
    seal_file(file, id, end);
  } else if (end < size) {
    file.truncate(end);
  }
  return true;
}

void QueueImpl::reap_single_files(Session& session, const HandleTable::Slot& slot) {
  const layout::HandleRecord& record = slot.record;
  Dir* const shard = dir_.existing_shard(HandleTable::shard_of(slot.number));
  if (shard == nullptr) return;
  shard->sync();
  std::vector<names::SpoolName> candidates;  // bodies too
  std::vector<std::string> rubbish;
  shard->list([&](std::string_view file) {
    const auto name = names::parse_spool_file(file);
    if (name && name->file.time_ms() >= record.opened_at_ms - kClockSlackMs) {
      candidates.push_back(*name);
    }
    if (names::parse_temporary(file) == record.incarnation) rubbish.emplace_back(file);
    return true;
  });
  std::sort(candidates.begin(), candidates.end(),
            [](const names::SpoolName& a, const names::SpoolName& b) { return a.file < b.file; });
  for (const names::SpoolName& name : candidates) {
    if (name.kind != names::SpoolKind::kBody) index_single(session, *shard, name, nullptr);
  }
  for (const std::string& file : rubbish) shard->unlink(file);
  // Up to so many slots, nobody else names files in this shard.
  if (session.header.slots <= kShards) remove_orphan_bodies(*shard, candidates);
}

// A spool file whose rows may be missing. Segments that a living handle appends to are left alone.
void QueueImpl::index_single(Session& session, Dir& shard, const names::SpoolName& name,
                             const Verdicts::Known* verdicts) {
  if (session.index.find(name.file)) return;  // named by its only message's id
  const std::optional<FileRow> known = session.index.find_file(name.file);
  if (known && known->sealed) return;
  const std::string file_name = names::spool_file(name.file, name.kind);
  if (name.kind == names::SpoolKind::kXml) {
    const auto bytes = read_file(shard, file_name, xml::kMaxFileBytes);
    if (!bytes) return;
    if (bytes->find_first_not_of('\0') == std::string::npos) {
      shard.unlink(file_name);  // durability os: the power took its bytes
      return;
    }
    auto decoded = xml::decode(*bytes);
    if (const auto* const good = std::get_if<xml::Decoded>(&decoded)) {
      const Location at{name.file, name.kind, 0, bytes->size()};
      session.index.insert(Entry::of(good->message, at, durability_of(good->flags)), session.now,
                           session.settings);
      if (verdicts != nullptr) apply_verdict(session, good->message.id, *verdicts);
    } else {
      log::error("spool file does not verify",
                 {{"file", file_name}, {"why", std::get<xml::Refusal>(decoded).why}});
      session.index.insert_corrupt(name.file, {name.file, name.kind, 0, bytes->size()}, session.now,
                                   session.settings);
    }
    return;
  }
  const std::unique_ptr<File> file = shard.open(file_name, Access::kReadWrite);
  if (!file) return;
  const bool own = is_own_file(*file, name.file);
  if (!own && verdicts == nullptr) return;  // a reaper's list: segments are reaped by name
  file->sync_data();
  const std::uint64_t from =
      std::max<std::uint64_t>(known ? known->indexed_end : 0, record::kFileHeaderBytes);
  const std::uint64_t size = file->status().size;
  std::int64_t rowid = 0;
  bool found = false;
  const ScanResult scanned =
      scan_segment(*file, name.file, from, size, own ? size : from, [&](ScannedRecord&& one) {
        found = true;
        if (one.message.id != name.file && rowid == 0) {
          rowid = session.index.file_rowid(one.at, 0, true);
        }
        session.index.insert(Entry::of(one.message, one.at, durability_of(one.flags)), session.now,
                             session.settings);
        if (verdicts == nullptr) return;
        if (verdicts->is_acked(one.at.file, one.at.offset)) {
          if (auto row = session.index.find(one.message.id))
            session.index.remove(*row, session.now);
        } else {
          apply_verdict(session, one.message.id, *verdicts);
        }
      });
  for (const auto& [id, where] : scanned.corrupt) {
    if (verdicts != nullptr && verdicts->is_acked(where.file, where.offset)) continue;
    session.index.insert_corrupt(id, where, session.now, session.settings);
  }
  if (known) rowid = known->rowid;
  const bool is_ended = own || end_file(*file, name.file, scanned.valid_end);
  if (own && !found && scanned.corrupt.empty()) {
    session.index.insert_corrupt(name.file, own_record_of(name.file, size), session.now,
                                 session.settings);
  } else if (!known && !found && scanned.corrupt.empty() && is_ended) {
    shard.unlink(file_name);  // not one record; what was there instead is kept
    return;
  }
  if (rowid != 0) {
    session.index.set_indexed_end(rowid, scanned.valid_end);
    session.index.seal(rowid);
  }
}

void QueueImpl::apply_verdict(Session& session, const MessageId& id,
                              const Verdicts::Known& verdicts) {
  const auto verdict = verdicts.messages.find(id);
  if (verdict == verdicts.messages.end()) return;
  std::optional<Row> row = session.index.find(id);
  if (!row || row->state == RowState::kAcked || row->state == RowState::kGone) return;
  row->counters = verdict->second.counters;
  row->reason = verdict->second.reason;
  row->due = verdict->second.due_ms;
  switch (verdict->second.state) {
    case RowState::kDead:
      session.index.kill(*row, verdict->second.reason, session.now, session.settings.order_on_dead);
      return;
    case RowState::kHeld:
      session.index.hold(*row, verdict->second.reason, session.now);
      return;
    case RowState::kArchived:
      session.index.set_state(*row, RowState::kArchived);
      return;
    default:  // live again: only its counters are remembered
      row->reason.clear();
      row->due = 0;
      session.index.set_state(*row, row->state);
      return;
  }
}

}  // namespace spoolmq
