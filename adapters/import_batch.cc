#include "adapters/import_batch.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <utility>

#include "adapters/import_split.h"
#include "core/log.h"
#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kBatchFiles = 256;
constexpr std::uint64_t kBatchBytes = 16 << 20;
constexpr std::size_t kHeadBytes = 512;  // guess_content_type looks at no more

// All bytes; nullopt if there were not exactly `size`, so that it changed meanwhile.
std::optional<std::string> read_exactly(File& file, std::uint64_t size) {
  std::string content(static_cast<std::size_t>(size) + 1, '\0');
  const std::size_t got = file.read_at(std::as_writable_bytes(std::span(content)), 0);
  if (got != size) return std::nullopt;
  content.pop_back();
  return content;
}

std::string read_head(File& file) {
  std::array<char, kHeadBytes> head{};
  const std::size_t got = file.read_at(std::as_writable_bytes(std::span(head)), 0);
  return {head.data(), got};
}

}  // namespace

ImportBatch::ImportBatch(const ImportParts& parts, const ImportReactions& reactions,
                         ImportReport& report, std::unordered_set<std::uint64_t>& rows)
    : parts_(parts),
      reactions_(reactions),
      report_(report),
      rows_(rows),
      directory_(identify(parts.source.root())),
      source_text_(parts.source.root().path()),
      inline_bytes_(std::min<std::uint64_t>(
          static_cast<std::uint64_t>(parts.queue.settings().body_inline), kMaxInlineBodyBytes)),
      ids_(parts.clock, static_cast<std::uint8_t>(random_bits())),
      refusals_(parts.source, parts.errors, parts.clock),
      removal_(parts.source,
               parts.settings.after == AfterImport::kMoveToDone ? parts.done : nullptr,
               parts.identity, parts.clock, parts.settings.ready) {}

bool ImportBatch::is_full() const {
  return entries_.size() + departing_.size() >= kBatchFiles || entries_bytes_ >= kBatchBytes;
}

void ImportBatch::add_known(KnownImport known, const std::string& path) {
  departing_.push_back({known.id, known.file, path});
}

void ImportBatch::add(const std::string& path, std::unique_ptr<File> file,
                      const FileStatus& status) {
  ImportEntry entry;
  entry.claim.file = identity_of(status);
  // The same file once more, or another name of it: once the first has gone, that one is a file of
  // its own.
  if (entries_inodes_.contains(entry.claim.file.inode)) {
    if (status.links > 1) unsettled_.push_back(path);
    return;
  }
  entry.claim.name = path;
  entry.claim.id = ids_.next();
  const bool alone = status.size > inline_bytes_ || parts_.settings.split.kind != SplitKind::kNone;
  std::string content;
  std::string head;
  try {
    if (!alone) {
      auto read = read_exactly(*file, status.size);
      if (!read || identity_of(file->status()) != entry.claim.file) {
        unsettled_.push_back(path);
        return;
      }
      content = std::move(*read);
    } else if (parts_.settings.content_type == kGuess) {
      head = read_head(*file);
    }
  } catch (const Error& error) {
    log_unreadable(path, error);
    unreadable_.push_back(path);
    return;
  }
  if (!alone) entry.claim.content = XXH3_64bits(content.data(), content.size());
  entry.message = message_of(path, status, source_text_, alone ? head : content,
                             parts_.clock.wall_ms(), parts_.settings);
  entry.message.body = std::move(content);
  if (alone) {
    flush();  // what is older goes first
    if (report_.stopped) return;
    entry.large = std::move(file);
  }
  entries_bytes_ += entry.message.body.size();
  entries_inodes_.insert(entry.claim.file.inode);
  entries_.push_back(std::move(entry));
  if (alone) flush();
}

void ImportBatch::flush() {
  const bool keep = parts_.settings.after == AfterImport::kKeep;
  removal_.sync();  // a row goes only after its file has
  const std::vector<MessageId> forgotten = std::exchange(departed_, {});
  std::vector<Sent> leaving = std::exchange(sent_, {});
  std::ranges::move(std::exchange(departing_, {}), std::back_inserter(leaving));
  std::vector<ImportIdentity::Sent> done;
  for (const Sent& one : leaving) done.push_back({one.id, one.file.ctime_ns});
  std::vector<ImportClaim> claims;
  claims.reserve(entries_.size());
  for (ImportEntry& entry : entries_) claims.push_back(std::move(entry.claim));
  ImportIdentity::Step step;
  step.forgotten = forgotten;
  step.done = done;
  step.done_as = keep ? ImportState::kKept : ImportState::kDone;
  step.claims = claims;
  parts_.identity.take(directory_, step, parts_.clock.wall_ms());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    rows_.insert(claims[i].file.inode);
    entries_[i].claim = std::move(claims[i]);
  }

  if (!keep) {
    for (const Sent& one : leaving) depart(one);
  }
  drop_vanished();
  send();
  entries_.clear();
  entries_inodes_.clear();
  entries_bytes_ = 0;
}

void ImportBatch::finish() {
  while (!entries_.empty() || !sent_.empty() || !departing_.empty()) flush();
  removal_.sync();
  parts_.identity.forget(std::exchange(departed_, {}));
}

bool ImportBatch::is_still_there(const ImportClaim& claim) {
  const SplitPath split = split_path(claim.name);
  Dir* const directory = parts_.source.directory(split.directory);
  const auto status = directory != nullptr ? directory->status(split.name) : std::nullopt;
  return status && identity_of(*status) == claim.file;
}

// Another pass may have imported, removed and forgotten a file between our opening it and our row:
// it forgets after the file is gone, so a file that is still there with a row is ours to send.
void ImportBatch::drop_vanished() {
  std::erase_if(entries_, [&](const ImportEntry& entry) {
    if (is_still_there(entry.claim)) return false;
    // An older row may speak of a message that was sent: it stays, in case the file was renamed.
    if (entry.claim.is_new) departed_.push_back(entry.claim.id);
    return true;
  });
}

void ImportBatch::send() {
  if (entries_.empty()) return;
  const bool as_records = parts_.settings.split.kind != SplitKind::kNone &&
                          entries_.front().claim.state == ImportState::kIntent;
  if (as_records) {
    send_as_records(entries_.front());
  } else {
    report_.stopped = send_entries(parts_.queue, entries_, parts_.settings);
    for (ImportEntry& entry : entries_) settle(entry, entry.claim.id);
  }
}

void ImportBatch::send_as_records(ImportEntry& entry) {
  const SplitSent result =
      send_split(parts_.queue, entry, parts_.settings, refusals_, reactions_.on_refused);
  report_.refused += result.refused;
  report_.stopped = result.stopped;
  const ImportClaim& claim = entry.claim;
  if (entry.outcome != SendOutcome::kSent && result.settled > claim.records) {
    parts_.identity.note_records(claim.id, result.settled);
  }
  // The file is all that is left of its bad records.
  if (entry.outcome == SendOutcome::kSent && result.refused > 0 && !refusals_.has_place() &&
      parts_.settings.after == AfterImport::kRemove) {
    ++report_.kept_for_records;
    tell(result.first, claim.file, claim.name);
    refused_.push_back(claim.file);
    return;
  }
  // Nothing of it would be anywhere.
  const bool is_empty = result.records == 0 && result.refused == 0 && claim.records == 0;
  if (is_empty && entry.outcome == SendOutcome::kSent && claim.file.size > 0 &&
      parts_.settings.split.kind == SplitKind::kXml) {
    entry.outcome = SendOutcome::kRefused;
    entry.refusal = Error(ErrorCode::kBadData, "split", entry.claim.name,
                          "no element at " + parts_.settings.split.path);
  } else if (is_empty && entry.outcome == SendOutcome::kSent) {
    ++report_.without_records;
  }
  settle(entry, result.first);
}

void ImportBatch::settle(ImportEntry& entry, const std::optional<MessageId>& first) {
  const ImportClaim& claim = entry.claim;
  switch (entry.outcome) {
    case SendOutcome::kNotTried:
      return;
    case SendOutcome::kRefused:
      return refuse(entry);
    case SendOutcome::kChanged:
      unsettled_.push_back(claim.name);
      return;
    case SendOutcome::kUnreadable:
      unreadable_.push_back(claim.name);
      return;
    case SendOutcome::kKnown:
      if (parts_.settings.after == AfterImport::kKeep) return;
      departing_.push_back({claim.id, claim.file, claim.name});
      return;
    case SendOutcome::kSent:
      break;
  }
  tell(first, claim.file, claim.name);
  sent_.push_back({claim.id, claim.file, claim.name, true});
}

void ImportBatch::tell(const std::optional<MessageId>& first, const FileIdentity& file,
                       const std::string& path) {
  ++report_.imported;
  if (reactions_.on_imported) reactions_.on_imported(first, path, file.size);
}

void ImportBatch::refuse(ImportEntry& entry) {
  const ImportClaim& claim = entry.claim;
  const Error& why = *entry.refusal;
  ++report_.refused;
  if (reactions_.on_refused) reactions_.on_refused(claim.name, why);
  const bool there = is_still_there(claim);
  if (parts_.settings.after == AfterImport::kKeep && refusals_.has_place() && there) {
    // Its row stays, so that it is not tried again.
    const SplitPath split = split_path(claim.name);
    Dir* const directory = parts_.source.directory(split.directory);
    const auto file = directory != nullptr ? directory->open(split.name, Access::kRead) : nullptr;
    if (file && refusals_.copy(*file, claim.name, why.why())) {
      parts_.identity.mark({&claim.id, 1}, ImportState::kKept);
      return;
    }
  }
  departed_.push_back(claim.id);  // nothing bears that id
  if (!there || refusals_.move(claim.name, claim.file, why.why())) return;
  refused_.push_back(claim.file);
}

// What an earlier pass has sent counts when it leaves: it was cut short before, or it may not be
// removed and is met at every look.
void ImportBatch::depart(const Sent& one) {
  const Departure departure = removal_.depart(one.id, one.file, one.path);
  const bool is_told = one.is_told || told_.contains(one.id);
  if (departure == Departure::kStays && stuck_.insert(one.id).second) {
    log::warn("an imported file stays: it may not be removed, or is being changed",
              {{"file", printable(one.path)}, {"id", one.id.text()}});
  }
  if (departure == Departure::kStays && is_told) told_.insert(one.id);
  if (departure == Departure::kGone && !is_told) {
    const bool has_records = parts_.settings.split.kind != SplitKind::kNone;
    tell(has_records ? std::nullopt : std::optional(one.id), one.file, one.path);
  }
  if (departure != Departure::kStays) {
    told_.erase(one.id);
    stuck_.erase(one.id);
  }
  note(departure, one.id);
}

void ImportBatch::resume(std::string_view directory, const MessageId& id) {
  const auto known = parts_.identity.find(id);
  if (!known || known->state == ImportState::kIntent) {
    log::warn("left a file that another queue's import was removing",
              {{"file", printable(join_path(directory, departing_name(id)))}});
    ++report_.left_unfinished;
    return;
  }
  note(removal_.resume(*known, directory), id);
}

void ImportBatch::forget_departed(const std::unordered_set<std::uint64_t>& present) {
  std::vector<MessageId> gone;
  for (const KnownImport& known : parts_.identity.done_and_absent(directory_, present)) {
    if (has_left(known)) gone.push_back(known.id);
  }
  if (gone.empty()) return;
  removal_.sync();  // its directories are among those that changed
  parts_.identity.forget(gone);
}

// Where its directory is away, it may come back with the file. Another pass may be about to remove
// it: the departing name comes before the old one has gone.
bool ImportBatch::has_left(const KnownImport& known) {
  const SplitPath split = split_path(known.name);
  Dir* const directory = parts_.source.changing(split.directory);
  return directory != nullptr && !directory->status(split.name) &&
         !directory->status(departing_name(known.id));
}

void ImportBatch::note(Departure departure, const MessageId& id) {
  switch (departure) {
    case Departure::kGone:
      departed_.push_back(id);
      break;
    case Departure::kNotOurs:  // the row goes when its inode is absent (forget_absent)
      break;
    case Departure::kStays:
      ++report_.left_stuck;
      break;
  }
}

}  // namespace spoolmq::adapters
