// fsck: compares the index with the spool files, record by record. Looking is safe on a live queue;
// what it reports may be in motion, so every suspicion is looked at twice.
#include <algorithm>
#include <array>

#include "core/record_codec.h"
#include "core/xml_codec.h"
#include "store/pause_file.h"
#include "store/queue_impl.h"
#include "store/spool_scan.h"

namespace spoolmq {
namespace {

constexpr std::size_t kPage = 500;
constexpr std::size_t kPieceBytes = 1 << 20;

// Of a body that is kept beside the message, read to its end.
std::optional<Damage> damage_of_body(SpoolReader& reader, const MessageId& file,
                                     const LargeBody& body) {
  try {
    const std::unique_ptr<BodyReader> bytes = reader.open_body(file, body);
    std::vector<char> piece(kPieceBytes);
    while (bytes->read(piece) > 0) {
    }
    return std::nullopt;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) return Damage::kMissing;
    if (error.code() == ErrorCode::kBadData) return Damage::kChecksum;
    throw;
  }
}

std::optional<Damage> damage_of(SpoolReader& reader, const MessageId& file, const Loaded& loaded) {
  if (const auto* const damage = std::get_if<Damage>(&loaded)) return *damage;
  const auto& message = std::get<Message>(loaded);
  if (!message.large_body) return std::nullopt;
  return damage_of_body(reader, file, *message.large_body);
}

}  // namespace

std::vector<FsckFinding> QueueImpl::fsck(FsckMode mode) {
  std::vector<FsckFinding> findings;
  if (mode != FsckMode::kLook) refuse_in_backup(layout::Purpose::kRebuild);
  if (mode == FsckMode::kRebuildIndex) {
    WriterLock::Hold hold = lock_.take(layout::Purpose::kRebuild);
    rebuild(hold, "asked for");
  }
  fsck_index(findings);
  const bool index_is_bad = !findings.empty();
  fsck_messages(findings, mode);
  fsck_files(findings, mode);
  const auto pause = read_file(dir_.dir(), names::kPause, kLongestPauseFile);
  if (pause && !parse_pause(*pause)) {
    findings.push_back({"pause", std::string(names::kPause), unreadable_pause().reason, false});
  }
  const bool rebuild_helps =
      index_is_bad || std::any_of(findings.begin(), findings.end(), [](const FsckFinding& one) {
        return one.what == "file" && !one.repaired;
      });
  if (mode == FsckMode::kRepair && rebuild_helps) {
    WriterLock::Hold hold = lock_.take(layout::Purpose::kRebuild);
    rebuild(hold, "fsck --repair");
    for (FsckFinding& one : findings) {
      one.repaired = one.repaired || one.what == "index" || one.what == "file";
    }
  }
  return findings;
}

void QueueImpl::fsck_index(std::vector<FsckFinding>& findings) {
  look([&](Session& session) {
    findings.clear();
    Stmt check = session.index.db().prepare("PRAGMA integrity_check(20)");
    while (check.step()) {
      const std::string line = check.text(0);
      if (line == "ok") continue;
      findings.push_back({"index", names::index_file(session.index.generation()), line});
    }
    std::array<std::int64_t, kRowStates> counted{};
    Stmt counts = session.index.db().prepare("SELECT state,count(*) FROM m GROUP BY state");
    bool any_wrong = false;
    while (counts.step()) {
      const std::int64_t state = counts.integer(0);
      const bool is_state = state >= 1 && state < static_cast<std::int64_t>(kRowStates);
      if (is_state) counted[static_cast<std::size_t>(state)] = counts.integer(1);
      any_wrong = any_wrong || !is_state;
    }
    for (std::size_t state = 1; state < kRowStates; ++state) {
      const StateCount count = session.index.count(static_cast<RowState>(state));
      any_wrong = any_wrong || count.messages != counted[state];
    }
    if (any_wrong) {
      findings.push_back({"index", names::index_file(session.index.generation()),
                          "the counter of a state is wrong"});
    }
  });
}

void QueueImpl::fsck_messages(std::vector<FsckFinding>& findings, FsckMode mode) {
  ScanOptions page;
  page.limit = kPage;
  while (true) {
    std::vector<SpoolReader::Wanted> wanted;
    std::vector<RowState> states;
    std::vector<bool> os;
    look([&](Session& session) {
      wanted.clear();
      states.clear();
      os.clear();
      for (const Row& row : session.index.page(page)) {
        wanted.push_back({row.id, session.index.location(row)});
        states.push_back(row.state);
        os.push_back((row.flags & kRowOsDurability) != 0);
        page.after_sequence = row.sequence;
      }
    });
    const std::vector<Loaded> loaded = reader_.load(wanted);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const std::optional<Damage> damage = damage_of(reader_, wanted[i].at.file, loaded[i]);
      if (!damage) continue;
      if (!locate(wanted[i].id)) continue;  // acknowledged meanwhile
      if (os[i] && *damage == Damage::kMissing) {
        // As was agreed when it was sent; dropped when it is met.
        if (mode == FsckMode::kRepair) drop_lost(wanted[i].id);
        findings.push_back({"message", wanted[i].id.text(), "lost with the power, durability os",
                            mode == FsckMode::kRepair});
        continue;
      }
      const bool known = states[i] == RowState::kCorrupt;
      if (mode == FsckMode::kRepair && !known && *damage != Damage::kOther) {
        mark_damaged(wanted[i].id, wanted[i].at, *damage);
      }
      findings.push_back({*damage == Damage::kOther ? "index" : "message", wanted[i].id.text(),
                          known                         ? "corrupt, kept aside"
                          : *damage == Damage::kMissing ? "its bytes are missing"
                          : *damage == Damage::kOther   ? "the index names a wrong place"
                                                        : "its bytes do not verify",
                          known || (mode == FsckMode::kRepair && *damage != Damage::kOther)});
    }
    if (wanted.size() < kPage) return;
  }
}

void QueueImpl::mark_damaged(const MessageId& id, const Location& at, Damage damage) {
  keep_corrupt(id, at, damage);
  transact(layout::Purpose::kFix, [&](Session& session) {
    std::optional<Row> row = session.index.find(id);
    if (row && row->state < RowState::kCorrupt && row->state != RowState::kLeased) {
      session.index.mark_corrupt(*row, "found by fsck");
    }
  });
}

// Spool files that the index does not know, and rubbish of dead handles.
void QueueImpl::fsck_files(std::vector<FsckFinding>& findings, FsckMode mode) {
  std::vector<std::uint64_t> alive;
  for (const HandleTable::Slot& slot : handles_.read(lock_.peek().slots)) {
    if (handles_.is_alive(slot.number)) alive.push_back(slot.record.incarnation);
  }
  for (int number = 0; number < 256; ++number) {
    Dir* const shard = dir_.existing_shard(static_cast<std::uint8_t>(number));
    if (shard == nullptr) continue;
    std::vector<std::string> listed;
    shard->list([&](std::string_view file) {
      listed.emplace_back(file);
      return true;
    });
    for (const std::string& file : listed) {
      const std::string where =
          names::shard_directory(static_cast<std::uint8_t>(number)) + "/" + file;
      if (const auto incarnation = names::parse_temporary(file)) {
        if (std::find(alive.begin(), alive.end(), *incarnation) != alive.end()) continue;
        if (mode == FsckMode::kRepair) shard->unlink(file);
        findings.push_back(
            {"temporary", where, "left by a dead process", mode == FsckMode::kRepair});
        continue;
      }
      const auto name = names::parse_spool_file(file);
      if (!name) {
        findings.push_back({"file", where, "not a name of ours; left alone", true});
        continue;
      }
      if (name->kind == names::SpoolKind::kBody) continue;
      bool known = false;
      look([&](Session& session) {
        known = session.index.find(name->file).has_value() ||
                session.index.find_file(name->file).has_value();
      });
      // An own file of a living sender may be between its name and its row.
      if (known || !shard->status(file)) continue;
      const bool in_flight = name->file.time_ms() > clock_->wall_ms() - 60'000 && alive.size() > 1;
      if (!in_flight) findings.push_back({"file", where, "the index does not know it", false});
    }
  }
}

}  // namespace spoolmq
