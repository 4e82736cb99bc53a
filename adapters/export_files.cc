#include "adapters/export_files.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "core/id_source.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

using Outcome = ExportItem::Outcome;

constexpr std::string_view kNameTaken = "the name is taken";

}  // namespace

FileWriter::FileWriter(const ExportPlace& place, const ExportSettings& settings)
    : queue_(place.queue),
      target_(place.target),
      settings_(settings),
      identity_(place.identities, identify(place.target)),
      parts_(place.target, settings) {
  remove_leftovers();
}

bool FileWriter::is_in_queue(const MessageId& id) {
  const auto status = queue_.status(id);
  return status && status->state != State::kArchived;
}

// Temporaries and rows of messages that are no longer in the queue. Whoever still has such a
// message has lost its lease; a message that is in the queue may be another pass's work, until we
// have its lease.
void FileWriter::remove_leftovers() {
  std::vector<MessageId> gone;
  for (const MessageId& id : identity_.ids()) {
    if (!is_in_queue(id)) gone.push_back(id);
  }
  identity_.update({}, gone);
  target_.list([&](std::string_view name) {
    if (const auto id = parse_export_temporary(name)) left_behind_.emplace(*id, name);
    return true;
  });
  remove_left_behind_by_gone();
}

void FileWriter::remove_left_behind_by_gone() {
  std::erase_if(left_behind_, [this](const auto& left) {
    const auto& [id, name] = left;
    if (is_in_queue(id)) return false;
    target_.unlink(name);
    return true;
  });
}

// Of earlier attempts: that message's lease is ours now.
void FileWriter::remove_left_behind(const ExportRow& row) {
  const auto [begin, end] = left_behind_.equal_range(row.id);
  for (auto left = begin; left != end; ++left) {
    const bool is_of_row = std::ranges::any_of(kExportParts, [&](ExportPart part) {
      return left->second == export_temporary(row.id, row.nonce, part);
    });
    if (!is_of_row) target_.unlink(left->second);
  }
  left_behind_.erase(begin, end);
}

void FileWriter::settled(std::span<const MessageId> ids) {
  acked_.insert(acked_.end(), ids.begin(), ids.end());
}

void FileWriter::idle(const KeepGoing&) {
  identity_.update({}, std::exchange(acked_, {}));
  remove_left_behind_by_gone();
}

bool FileWriter::write(std::span<ExportItem> items, const KeepGoing& keep_going) {
  work_.clear();
  names_.clear();
  work_.reserve(items.size());
  for (ExportItem& item : items) {
    const std::int64_t redrives = item.delivery.counters().redrives;
    work_.push_back({&item, {item.delivery.message().id, 0, redrives, {}}});
  }
  try {
    if (!prepare_all(keep_going)) {
      drop_unrecorded();
      return false;
    }
    record();
  } catch (const Error&) {
    drop_unrecorded();
    throw;
  }
  place_all();
  for (Work& work : work_) {
    if (work.is_pending()) work.item->end(Outcome::kExported);
    work.item->name = work.row.name;
  }
  return true;
}

// ---- Before the rows

// What was written already is not undone for the first that does not fit any more: the next round
// begins with that one, and fails if it is still so.
bool FileWriter::prepare_all(const KeepGoing& keep_going) {
  bool has_some = false;
  for (std::size_t at = 0; at < work_.size(); ++at) {
    try {
      if (!prepare(work_[at], keep_going)) return false;
    } catch (const Error& error) {
      if (!has_some) throw;
      log::debug("exports what was written before an error", {{"why", error.what()}});
      put_off(std::span(work_).subspan(at));
      return true;
    }
    has_some |= work_[at].is_pending();
  }
  return true;
}

void FileWriter::put_off(std::span<Work> works) {
  Work& failed = works.front();
  if (!failed.is_recorded && failed.row.nonce != 0) {
    parts_.remove(failed.row);
    failed.row.nonce = 0;
  }
  for (const Work& work : works) work.item->end(Outcome::kLater);
}

bool FileWriter::prepare(Work& work, const KeepGoing& keep_going) {
  const auto known = identity_.find(work.row.id);
  if (known && known->redrives == work.row.redrives) {
    work.row = *known;
    work.is_recorded = true;
    remove_left_behind(work.row);
    return go_on(work);
  }
  remove_left_behind(work.row);
  const Message& message = work.item->delivery.message();
  std::int64_t sequence = 0;
  if (settings_.name.uses_sequence()) {
    if (const auto status = queue_.status(message.id)) sequence = status->sequence;
  }
  work.row.name = settings_.name.render(message, sequence);
  try {
    choose_name(work);
    return !work.is_pending() || write_parts(work, keep_going);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    if (work.row.nonce != 0) parts_.remove(work.row);
    work.item->end(Outcome::kBad, error.what());
    return true;
  }
}

bool FileWriter::go_on(Work& work) {
  reserve(work);
  work.has_name = !parts_.has_temporary(work.row, ExportPart::kFile);
  if (!work.has_name) parts_.complete(work.row);
  return true;
}

bool FileWriter::write_parts(Work& work, const KeepGoing& keep_going) {
  reserve(work);
  work.row.nonce = random_bits();
  return parts_.write(work.item->delivery, work.row, keep_going);
}

void FileWriter::reserve(Work& work) {
  for (std::string& name : parts_.names(work.row.name)) {
    if (!name.empty()) names_.emplace(std::move(name), &work);
  }
}

bool FileWriter::is_taken(const std::string& file) {
  const ExportParts::Names all = parts_.names(file);
  return std::ranges::any_of(all, [this](const std::string& name) {
    return !name.empty() && (names_.contains(name) || target_.status(name));
  });
}

bool FileWriter::is_directory_in_the_way(const std::string& file) {
  const ExportParts::Names all = parts_.names(file);
  return std::ranges::any_of(all, [this](const std::string& name) {
    if (name.empty()) return false;
    const auto status = target_.status(name);
    return status && status->kind == FileKind::kDirectory;
  });
}

void FileWriter::choose_name(Work& work) {
  const std::string& file = work.row.name;
  work.item->name = file;
  const ExportParts::Names all = parts_.names(file);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].empty() && std::count(all.begin(), all.end(), all[i]) > 1) {
      return work.item->end(Outcome::kLeft, "a file beside it would have the same name");
    }
  }
  switch (settings_.if_taken) {
    case IfTaken::kFail:
      if (is_taken(file)) work.item->end(Outcome::kLeft, kNameTaken);
      break;
    case IfTaken::kSkip:
      skip_or_write(work);
      break;
    case IfTaken::kReplace:
      if (is_directory_in_the_way(file)) {
        work.item->end(Outcome::kLeft, "a directory has the name");
      }
      break;
    case IfTaken::kSkipEqual:
    case IfTaken::kSuffix:
      choose_number(work);
      break;
  }
}

void FileWriter::skip_or_write(Work& work) {
  const std::string& file = work.row.name;
  if (target_.status(file)) return work.item->end(Outcome::kSkipped, kNameTaken);
  // What this round is about to make may still fail to appear.
  if (names_.contains(file)) return work.item->end(Outcome::kLater);
  if (is_taken(file)) work.item->end(Outcome::kLeft, "the name of a file beside it is taken");
}

void FileWriter::choose_number(Work& work) {
  constexpr std::uint64_t kMaxNumber = 100'000;  // of names tried before giving up
  constexpr std::size_t kMaxRemembered = 10'000;
  const std::string wanted = work.row.name;
  std::uint64_t number = 0;
  const bool compares = settings_.if_taken == IfTaken::kSkipEqual;
  if (const auto next = next_numbers_.find(wanted); next != next_numbers_.end() && !compares) {
    number = next->second;
    work.row.name = numbered_file_name(wanted, number);
  }
  while (is_taken(work.row.name)) {
    const Twin twin = compares ? find_twin(work.row.name, work) : Twin::kNone;
    if (twin == Twin::kThere) return work.item->end(Outcome::kSkipped, "the same bytes are there");
    if (twin == Twin::kInThisRound) return work.item->end(Outcome::kLater);
    if (++number > kMaxNumber) {
      return work.item->end(Outcome::kLeft, "every numbered name is taken");
    }
    work.row.name = numbered_file_name(wanted, number);
  }
  if (number == 0) return;
  if (next_numbers_.size() >= kMaxRemembered) next_numbers_.clear();
  next_numbers_[wanted] = number;
}

// What this round is about to make is compared by what is known of it; the next round reads it.
FileWriter::Twin FileWriter::find_twin(const std::string& file, const Work& work) {
  const auto found = names_.find(file);
  if (found == names_.end()) {
    return parts_.is_same(file, work.item->delivery) ? Twin::kThere : Twin::kNone;
  }
  if (found->second->row.name != file) return Twin::kNone;  // a file beside another
  const Message& one = work.item->delivery.message();
  const Message& other = found->second->item->delivery.message();
  return one.body == other.body && one.large_body == other.large_body ? Twin::kInThisRound
                                                                      : Twin::kNone;
}

// The names of the temporaries are durable before the rows that speak of them.
void FileWriter::record() {
  std::vector<ExportRow> rows;
  for (const Work& work : work_) {
    if (work.is_pending() && !work.is_recorded) rows.push_back(work.row);
  }
  if (rows.empty()) return;
  target_.sync();
  identity_.update(rows, acked_);
  acked_.clear();
  for (Work& work : work_) work.is_recorded |= work.is_pending();
}

// A row without its temporaries would mean "exported", and whether a failed transaction left one
// is known only by looking.
void FileWriter::drop_unrecorded() {
  for (const Work& work : work_) {
    if (work.row.nonce == 0 || work.is_recorded) continue;
    try {
      const auto row = identity_.find(work.row.id);
      if (!row || row->nonce != work.row.nonce) parts_.remove(work.row);
    } catch (const Error& error) {
      // Most likely for the reason that is being thrown; the next start sweeps.
      log::debug("could not remove a temporary file", {{"why", error.what()}});
    }
  }
}

// ---- After them

void FileWriter::place_all() {
  if (parts_.has_done() && settings_.if_taken == IfTaken::kReplace) remove_old_done_files();
  if (parts_.has_checksum()) {
    for (Work& work : work_) place_checksum(work);
    target_.sync();
  }
  for (Work& work : work_) place_file(work);
  target_.sync();
  if (!parts_.has_done()) return;
  for (Work& work : work_) place_done(work);
  target_.sync();
}

// Who waits for the done file must not take the new file by the old one's.
void FileWriter::remove_old_done_files() {
  for (const Work& work : work_) {
    if (!work.is_pending() || work.has_name) continue;
    target_.unlink(parts_.names(work.row.name)[static_cast<std::size_t>(ExportPart::kDone)]);
  }
  target_.sync();
}

void FileWriter::place_checksum(Work& work) {
  while (work.is_pending() && !work.has_name &&
         parts_.place(work.row, ExportPart::kChecksum) == Placed::kTaken) {
    next_name(work);
  }
}

void FileWriter::place_file(Work& work) {
  while (work.is_pending() && !work.has_name) {
    switch (parts_.place(work.row, ExportPart::kFile)) {
      case Placed::kPlaced:
        work.has_name = true;
        break;
      case Placed::kTaken:
        next_name(work);
        place_checksum(work);
        target_.sync();
        break;
      case Placed::kMissing:
        take_back(work, Outcome::kLeft, "its temporary file has disappeared");
        break;
    }
  }
}

void FileWriter::place_done(Work& work) {
  if (!work.is_pending()) return;
  // Somebody else has made it meanwhile: it says what ours would.
  if (parts_.place(work.row, ExportPart::kDone) == Placed::kTaken) parts_.remove(work.row);
}

// The name was free when it was chosen.
void FileWriter::next_name(Work& work) {
  switch (settings_.if_taken) {
    case IfTaken::kSkip:
      if (target_.status(work.row.name)) return take_back(work, Outcome::kSkipped, kNameTaken);
      return take_back(work, Outcome::kLeft, kNameTaken);
    case IfTaken::kSuffix:
    case IfTaken::kSkipEqual: {
      parts_.take_back_checksum(work.row);
      names_.erase(work.row.name);
      choose_number(work);
      if (!work.is_pending()) return take_back(work, work.item->outcome, work.item->why);
      reserve(work);
      identity_.update({&work.row, 1}, {});
      parts_.complete(work.row);
      return;
    }
    case IfTaken::kFail:
    case IfTaken::kReplace:
      return take_back(work, Outcome::kLeft, kNameTaken);
  }
}

// A row without its temporaries would mean "exported": the row goes before them.
void FileWriter::take_back(Work& work, Outcome outcome, std::string_view why) {
  const std::string reason(why);
  if (parts_.has_temporary(work.row, ExportPart::kFile)) parts_.take_back_checksum(work.row);
  identity_.update({}, {&work.row.id, 1});
  work.is_recorded = false;
  parts_.remove(work.row);
  work.item->end(outcome, reason);
}

}  // namespace spoolmq::adapters
