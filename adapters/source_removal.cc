#include "adapters/source_removal.h"

#include <memory>

#include "adapters/export_name.h"
#include "adapters/free_name.h"
#include "spoolmq/error.h"
#include "watcher/readiness.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kDepartingPrefix = ".spoolmq-import-";

}  // namespace

std::string departing_name(const MessageId& id) {
  return std::string(kDepartingPrefix) + id.text();
}

std::optional<MessageId> parse_departing_name(std::string_view name) {
  if (!name.starts_with(kDepartingPrefix)) return std::nullopt;
  return MessageId::parse(name.substr(kDepartingPrefix.size()));
}

std::optional<std::string> rename_to_free_name(Dir& from, std::string_view name, Dir& to,
                                               const std::string& wanted) {
  try {
    auto target = take_free_name(wanted, numbered_file_name, [&](const std::string& free) {
      return from.rename_new(name, to, free);
    });
    if (target) return target;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound && !from.status(name)) return std::nullopt;
    throw;
  }
  throw Error(ErrorCode::kCannotCreate, "rename", from.path() + "/" + std::string(name),
              "every numbered name is taken in " + to.path());
}

SourceRemoval::SourceRemoval(SourceTree& source, SideDirectory* done, ImportIdentity& identity,
                             const Clock& clock, const watcher::ReadinessOptions& ready)
    : source_(source), done_(done), identity_(identity), clock_(clock), ready_(ready) {}

Departure SourceRemoval::depart(const MessageId& id, const FileIdentity& file,
                                const std::string& path) {
  const SplitPath split = split_path(path);
  Dir* const directory = source_.changing(split.directory);
  const auto status = directory != nullptr ? directory->status(split.name) : std::nullopt;
  if (!status) return Departure::kNotOurs;
  const FileIdentity now = identity_of(*status);
  if (now != file) {
    if (!now.same_content_as(file)) return Departure::kNotOurs;
    keep(id);
    return Departure::kStays;
  }
  try {
    if (!directory->rename_new(split.name, *directory, departing_name(id))) {
      return Departure::kStays;
    }
  } catch (const Error& error) {
    // Another pass over the same directory was faster, or the file is not ours to remove (a sticky
    // directory).
    if (error.code() == ErrorCode::kNotFound) return Departure::kNotOurs;
    if (error.code() != ErrorCode::kPermission) throw;
    keep(id);
    return Departure::kStays;
  }
  return finish(*directory, id, file, path);
}

Departure SourceRemoval::resume(const KnownImport& known, std::string_view directory) {
  Dir* const found = source_.changing(directory);
  if (found == nullptr) return Departure::kNotOurs;
  return finish(*found, known.id, known.file, join_path(directory, split_path(known.name).name));
}

// Whether what bears the name now is the imported file, and nobody writes to it.
bool SourceRemoval::is_let_go(Dir& directory, const std::string& name, const FileIdentity& file,
                              bool* is_it) {
  if (!ready_.has(watcher::Rule::kClosed)) {
    const auto status = directory.status(name);
    return *is_it = status && identity_of(*status).same_content_as(file);
  }
  const std::unique_ptr<File> opened = directory.open(name, Access::kRead);
  *is_it = opened && identity_of(opened->status()).same_content_as(file);
  return *is_it && watcher::ReadLease(*opened).writers() != watcher::Writers::kSome;
}

Departure SourceRemoval::finish(Dir& directory, const MessageId& id, const FileIdentity& file,
                                const std::string& path) {
  const std::string departing = departing_name(id);
  const std::string name(split_path(path).name);
  bool is_it = false;
  if (is_let_go(directory, departing, file, &is_it)) {
    // Before the file: left behind, it would vouch for the next file of that name.
    if (ready_.has(watcher::Rule::kDoneFile)) {
      directory.unlink(watcher::done_file_of(ready_, name));
    }
    if (done_ != nullptr) {
      rename_to_free_name(directory, departing, done_->at(path, clock_.wall_ms()), name);
    } else {
      directory.unlink(departing);
    }
    return Departure::kGone;
  }
  if (is_it) keep(id);
  rename_to_free_name(directory, departing, directory, name);
  return is_it ? Departure::kStays : Departure::kNotOurs;
}

// Its time of change has moved; only a kept row still knows the file by its content then.
void SourceRemoval::keep(const MessageId& id) { identity_.mark({&id, 1}, ImportState::kKept); }

void SourceRemoval::sync() {
  if (done_ != nullptr) done_->sync();  // its new name before its old one goes
  source_.sync();
}

}  // namespace spoolmq::adapters
