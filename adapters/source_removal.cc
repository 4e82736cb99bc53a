#include "adapters/source_removal.h"

#include <memory>

#include "adapters/export_name.h"
#include "adapters/source_file.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kDepartingPrefix = ".spoolmq-import-";
constexpr std::uint64_t kMaxNumber = 100'000;  // of names tried before giving up

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
  std::string target = wanted;
  try {
    for (std::uint64_t number = 1; !from.rename_new(name, to, target); ++number) {
      if (number > kMaxNumber) {
        throw Error(ErrorCode::kCannotCreate, "rename", from.path() + "/" + std::string(name),
                    "every numbered name is taken in " + to.path());
      }
      target = numbered_file_name(wanted, number);
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound && !from.status(name)) return std::nullopt;
    throw;
  }
  return target;
}

SourceRemoval::SourceRemoval(Dir& source, Dir* done, ImportIdentity& identity)
    : source_(source), done_(done), identity_(identity) {}

Departure SourceRemoval::depart(const MessageId& id, const FileIdentity& file,
                                const std::string& name) {
  const auto status = source_.status(name);
  if (!status) return Departure::kNotOurs;
  const FileIdentity now = identity_of(*status);
  if (now != file) {
    if (!now.same_content_as(file)) return Departure::kNotOurs;
    keep(id);
    return Departure::kStays;
  }
  unsynced_ = true;
  try {
    if (!source_.rename_new(name, source_, departing_name(id))) return Departure::kStays;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    return Departure::kNotOurs;  // another pass over the same directory was faster
  }
  return finish(id, file, name);
}

Departure SourceRemoval::resume(const KnownImport& known) {
  unsynced_ = true;
  return finish(known.id, known.file, known.name);
}

Departure SourceRemoval::finish(const MessageId& id, const FileIdentity& file,
                                const std::string& name) {
  const std::string departing = departing_name(id);
  const std::unique_ptr<File> opened = source_.open(departing, Access::kRead);
  if (!opened) return Departure::kNotOurs;
  const bool is_it = identity_of(opened->status()).same_content_as(file);
  if (is_it && ReadLease(*opened).writers() != Writers::kSome) {
    if (done_ != nullptr) {
      rename_to_free_name(source_, departing, *done_, name);
    } else {
      source_.unlink(departing);
    }
    return Departure::kGone;
  }
  if (!is_it) {
    rename_to_free_name(source_, departing, source_, name);
    return Departure::kNotOurs;
  }
  keep(id);
  rename_to_free_name(source_, departing, source_, name);
  return Departure::kStays;
}

// Its time of change has moved; only a kept row still knows the file by its content then.
void SourceRemoval::keep(const MessageId& id) { identity_.mark({&id, 1}, ImportState::kKept); }

void SourceRemoval::sync() {
  if (!unsynced_) return;
  if (done_ != nullptr) done_->sync();  // its new name before its old one goes
  source_.sync();
  unsynced_ = false;
}

}  // namespace spoolmq::adapters
