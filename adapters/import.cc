#include "adapters/import.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "adapters/import_send.h"
#include "adapters/source_file.h"
#include "adapters/source_removal.h"
#include "core/id_source.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kBatchFiles = 256;
constexpr std::uint64_t kBatchBytes = 16 << 20;
constexpr std::int64_t kForgetAbsentAfterMs = std::int64_t{7} * 24 * 60 * 60 * 1000;
constexpr std::size_t kMaxNoteStemBytes = 240;
constexpr std::uint32_t kReadWriteBits = 0666;

class Pass {
 public:
  Pass(Queue& queue, Dir& source, ImportIdentity& identity, const Clock& clock,
       const ImportOptions& options)
      : queue_(queue),
        source_(source),
        identity_(identity),
        clock_(clock),
        options_(options),
        directory_(identify(source)),
        ids_(clock, static_cast<std::uint8_t>(random_bits())),
        removal_(source, options.after == AfterImport::kMoveToDone ? options.done : nullptr,
                 identity) {
    const Settings settings = queue.settings();
    inline_bytes_ = std::min<std::uint64_t>(static_cast<std::uint64_t>(settings.body_inline),
                                            kMaxInlineBodyBytes);
  }

  ImportReport run() {
    for (const std::string& name : look()) {
      consider(name);
      if (batch_.size() + departing_.size() >= kBatchFiles || batch_bytes_ >= kBatchBytes) flush();
      if (report_.stopped) break;
    }
    if (!report_.stopped) flush();
    removal_.sync();
    identity_.forget(departed_);
    if (!report_.stopped) {
      identity_.forget_absent(directory_, clock_.wall_ms() - kForgetAbsentAfterMs, present_);
    }
    return report_;
  }

 private:
  std::vector<std::string> look();
  void resume_departure(const std::string& name, const MessageId& id);
  std::unique_ptr<File> open(const std::string& name);
  void consider(const std::string& name);
  void flush();
  void drop_vanished();
  void refuse(const ImportEntry& entry);
  void finish_sent();
  void depart(const MessageId& id, const FileIdentity& file, const std::string& name);
  [[nodiscard]] bool is_still_there(const ImportClaim& claim);

  Queue& queue_;
  Dir& source_;
  ImportIdentity& identity_;
  const Clock& clock_;
  const ImportOptions& options_;
  const DirectoryIdentity directory_;
  IdSource ids_;
  SourceRemoval removal_;
  std::uint64_t inline_bytes_ = 0;

  std::unordered_set<std::uint64_t> present_;  // inodes of the regular files here
  std::vector<ImportEntry> batch_;
  std::uint64_t batch_bytes_ = 0;
  std::vector<KnownImport> departing_;  // imported by an earlier pass, still here
  std::vector<MessageId> departed_;     // files gone or never sent: their rows may go
  ImportReport report_;
};

// The names to try, oldest file first.
std::vector<std::string> Pass::look() {
  std::vector<std::string> names;
  source_.list([&](std::string_view name) {
    names.emplace_back(name);
    return true;
  });
  std::vector<std::pair<std::int64_t, std::string>> by_age;
  for (std::string& name : names) {
    const auto status = source_.status(name);
    if (!status || status->kind != FileKind::kRegular) continue;
    present_.insert(status->inode);
    if (const auto id = parse_departing_name(name)) {
      resume_departure(name, *id);
    } else if (!is_selected(name, options_.include, options_.exclude)) {
      continue;
    } else if (looks_unfinished(name)) {
      ++report_.left_unfinished;
    } else {
      by_age.emplace_back(status->mtime_ns, std::move(name));
    }
  }
  std::sort(by_age.begin(), by_age.end());
  names.clear();
  for (auto& [mtime_ns, name] : by_age) names.push_back(std::move(name));
  return names;
}

void Pass::resume_departure(const std::string& name, const MessageId& id) {
  const auto known = identity_.find(id);
  if (!known || known->state == ImportState::kIntent) {
    log::warn("left a file that another queue's import was removing", {{"file", name}});
    ++report_.left_unfinished;
    return;
  }
  switch (removal_.resume(*known)) {
    case Departure::kGone:
      departed_.push_back(id);
      break;
    case Departure::kNotOurs:  // the row goes when its inode is absent (forget_absent)
      break;
    case Departure::kStays:
      ++report_.left_unsettled;
      break;
  }
}

std::unique_ptr<File> Pass::open(const std::string& name) {
  try {
    return source_.open(name, Access::kRead);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kPermission) throw;
    log::warn("left a file that may not be read", {{"file", name}, {"why", error.why()}});
    ++report_.left_unreadable;
    return nullptr;
  }
}

void Pass::consider(const std::string& name) {
  std::unique_ptr<File> file = open(name);
  if (!file) return;
  const FileStatus status = file->status();
  if (status.kind != FileKind::kRegular) return;
  const FileIdentity identity = identity_of(status);

  if (auto known = identity_.find(identity, std::nullopt);
      known && known->state != ImportState::kIntent) {
    if (options_.after == AfterImport::kKeep) return;
    known->file = identity;
    known->name = name;
    departing_.push_back(std::move(*known));
    return;
  }
  // Another name of a file that is on its way: once that one has gone, this one is a file of its
  // own.
  const bool is_linked_twice = std::any_of(
      batch_.begin(), batch_.end(),
      [&](const ImportEntry& entry) { return entry.claim.file.inode == identity.inode; });
  const Writers writers = ReadLease(*file).writers();
  if (is_linked_twice || !is_settled(status, writers, clock_.wall_ms(), options_.quiet_for)) {
    ++report_.left_unsettled;
    return;
  }

  ImportEntry entry;
  entry.claim.file = identity;
  entry.claim.name = name;
  entry.claim.id = ids_.next();
  entry.message = message_of(name, status);
  if (status.size > inline_bytes_) {
    flush();  // what is older goes first
    if (report_.stopped) return;
    entry.large = std::move(file);
    batch_.push_back(std::move(entry));
    flush();
    return;
  }
  auto content = read_exactly(*file, status.size);
  if (!content || identity_of(file->status()) != identity) {
    ++report_.left_unsettled;
    return;
  }
  entry.claim.content = XXH3_64bits(content->data(), content->size());
  entry.message.body = std::move(*content);
  batch_bytes_ += status.size;
  batch_.push_back(std::move(entry));
}

void Pass::flush() {
  if (!batch_.empty()) {
    std::vector<ImportClaim> claims;
    claims.reserve(batch_.size());
    for (ImportEntry& entry : batch_) claims.push_back(std::move(entry.claim));
    removal_.sync();  // a row goes only after its file has
    identity_.claim(directory_, claims, clock_.wall_ms(), std::exchange(departed_, {}));
    for (std::size_t i = 0; i < batch_.size(); ++i) batch_[i].claim = std::move(claims[i]);
    drop_vanished();
    report_.stopped = send_entries(queue_, batch_, options_.after);
    finish_sent();
  }
  for (const KnownImport& known : std::exchange(departing_, {})) {
    ++report_.imported;
    if (options_.on_imported) options_.on_imported(known.id, known.name, known.file.size);
    depart(known.id, known.file, known.name);
  }
  batch_.clear();
  batch_bytes_ = 0;
}

bool Pass::is_still_there(const ImportClaim& claim) {
  const auto status = source_.status(claim.name);
  return status && identity_of(*status) == claim.file;
}

// Another pass may have imported, removed and forgotten a file between our opening it and our row:
// it forgets after the file is gone, so a file that is still there with a row is ours to send.
void Pass::drop_vanished() {
  std::erase_if(batch_, [&](const ImportEntry& entry) {
    if (is_still_there(entry.claim)) return false;
    // An older row may speak of a message that was sent: it stays, in case the file was renamed.
    if (entry.claim.is_new) departed_.push_back(entry.claim.id);
    if (source_.status(entry.claim.name)) ++report_.left_unsettled;
    return true;
  });
}

void Pass::refuse(const ImportEntry& entry) {
  const Error& why = *entry.refusal;
  ++report_.refused;
  departed_.push_back(entry.claim.id);  // nothing bears that id
  if (options_.on_refused) options_.on_refused(entry.claim.name, why);
  if (options_.errors == nullptr || !is_still_there(entry.claim)) return;
  Dir& errors = *options_.errors;
  const auto target = rename_to_free_name(source_, entry.claim.name, errors, entry.claim.name);
  if (!target) return;
  const auto status = errors.status(*target);
  const std::uint32_t mode = status ? status->mode & kReadWriteBits : 0600;
  replace_file(errors, target->substr(0, kMaxNoteStemBytes) + ".error.txt",
               std::string(why.what()) + "\n", mode);
  errors.sync();
  source_.sync();
}

void Pass::finish_sent() {
  const bool keep = options_.after == AfterImport::kKeep;
  std::vector<MessageId> ids;
  for (const ImportEntry& entry : batch_) {
    if (entry.outcome == SendOutcome::kSent) ids.push_back(entry.claim.id);
  }
  identity_.mark(ids, keep ? ImportState::kKept : ImportState::kDone);
  for (const ImportEntry& entry : batch_) {
    if (entry.outcome == SendOutcome::kRefused) refuse(entry);
    if (entry.outcome == SendOutcome::kChanged) ++report_.left_unsettled;
    const bool leaves = !keep && entry.outcome == SendOutcome::kKnown;
    if (entry.outcome != SendOutcome::kSent && !leaves) continue;
    ++report_.imported;
    if (options_.on_imported) {
      options_.on_imported(entry.claim.id, entry.claim.name, entry.claim.file.size);
    }
    if (!keep) depart(entry.claim.id, entry.claim.file, entry.claim.name);
  }
}

void Pass::depart(const MessageId& id, const FileIdentity& file, const std::string& name) {
  switch (removal_.depart(id, file, name)) {
    case Departure::kGone:
      departed_.push_back(id);
      break;
    case Departure::kNotOurs:  // the row goes when its inode is absent (forget_absent)
      break;
    case Departure::kStays:
      ++report_.left_unsettled;
      break;
  }
}

}  // namespace

ImportReport import_pass(Queue& queue, Dir& source, ImportIdentity& identity, const Clock& clock,
                         const ImportOptions& options) {
  return Pass(queue, source, identity, clock, options).run();
}

}  // namespace spoolmq::adapters
