#include "adapters/import_refusals.h"

#include <algorithm>
#include <array>
#include <memory>

#include "adapters/dead_letter_name.h"
#include "adapters/export_name.h"
#include "adapters/free_name.h"
#include "adapters/side_directory.h"
#include "adapters/source_removal.h"
#include "adapters/template_text.h"
#include "core/text.h"
#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMaxStemBytes = kMaxFileNameBytes - kReasonSuffix.size();
constexpr std::size_t kPieceBytes = 1 << 16;

// Room for the suffix; the bytes of the name are otherwise the producer's own.
std::string fitting(std::string_view name) {
  if (name.size() <= kMaxStemBytes) return std::string(name);
  return std::string(name.substr(0, kMaxStemBytes));
}

std::string record_name(std::string_view name, std::uint64_t number) {
  const auto [stem, extension] = split_extension(name);
  const std::string tail = ".record-" + std::to_string(number) + std::string(extension);
  return std::string(stem.substr(0, kMaxStemBytes - tail.size())) + tail;
}

// All of it under its name, or nothing; false: the name is taken. Not durable before the directory
// is synced.
bool put_whole(Dir& errors, const std::string& name, const std::function<void(File&)>& write) {
  std::unique_ptr<File> made = errors.create_unnamed(file_mode_in(errors));
  const bool is_unnamed = made != nullptr;
  if (!is_unnamed) made = errors.create(name, file_mode_in(errors), IfExists::kFail);
  write(*made);
  made->sync();
  return !is_unnamed || errors.link_unnamed(*made, name);
}

bool put_text(Dir& errors, const std::string& name, std::string_view text) {
  return put_whole(errors, name, [&](File& file) { file.write_at(as_bytes(text), 0); });
}

bool has_bytes(Dir& errors, const std::string& name, std::string_view bytes) {
  const auto there = errors.status(name);
  return there && there->kind == FileKind::kRegular && there->size == bytes.size() &&
         read_file(errors, name, bytes.size() + 1) == bytes;
}

void copy_bytes(File& from, File& to) {
  std::array<std::byte, kPieceBytes> piece{};
  std::uint64_t offset = 0;
  while (const std::size_t got = from.read_at(piece, offset)) {
    to.write_at(std::span(piece).first(got), offset);
    offset += got;
  }
}

bool have_same_bytes(File& one, File& other) {
  std::array<std::byte, kPieceBytes> a{};
  std::array<std::byte, kPieceBytes> b{};
  std::uint64_t offset = 0;
  while (true) {
    const std::size_t got = one.read_at(a, offset);
    if (other.read_at(b, offset) != got || !std::equal(a.begin(), a.begin() + got, b.begin())) {
      return false;
    }
    if (got == 0) return true;
    offset += got;
  }
}

// The same but for when it was written.
bool is_same_reason(Dir& errors, const std::string& name, const std::string& text) {
  constexpr std::size_t kAtBytes = 64;
  const auto there = errors.status(name);
  if (!there || there->kind != FileKind::kRegular || there->size > text.size() + kAtBytes) {
    return false;
  }
  const std::string found = read_file(errors, name, text.size() + kAtBytes + 1).value_or("");
  const std::size_t same = text.rfind("\nat: ");
  return found.compare(0, found.rfind("\nat: "), text, 0, same) == 0;
}

Error taken_meanwhile(const Dir& errors, const std::string& name) {
  return {ErrorCode::kTryAgain, "put aside", errors.path() + "/" + name,
          "the name was taken meanwhile"};
}

}  // namespace

ImportRefusals::ImportRefusals(SourceTree& source, SideDirectory* errors, const Clock& clock)
    : source_(source), errors_(errors), clock_(clock) {}

std::string ImportRefusals::reason_text(const std::string& path, std::string_view why,
                                        const SplitRecord* record) const {
  std::string text = "file: " + printable(source_.root().path() + "/" + path) + "\n";
  if (record != nullptr) {
    text += "record: " + std::to_string(record->number) +
            "\nline: " + std::to_string(record->line) +
            "\noffset: " + std::to_string(record->offset) + "\n";
  }
  return text + "reason: " + printable(why) + "\nat: " + format_time(clock_.wall_ms()) + "\n";
}

std::optional<std::string> ImportRefusals::write_reason(Dir& errors, const std::string& name,
                                                        const std::string& text,
                                                        const IsThere& is_there) {
  const auto number = [](const std::string& wanted, std::uint64_t of) {
    return fitting(numbered_file_name(wanted, of));
  };
  bool found = false;
  auto taken = take_free_name(fitting(name), number, [&](const std::string& free) {
    const std::string reason = free + std::string(kReasonSuffix);
    if (errors.status(free)) return found = is_there(free);
    if (is_same_reason(errors, reason, text)) return true;
    if (errors.status(reason) || !put_text(errors, reason, text)) return false;
    errors.sync();
    return true;
  });
  if (found) return std::nullopt;
  if (taken) return taken;
  throw Error(ErrorCode::kCannotCreate, "put aside", errors.path() + "/" + name,
              "every numbered name is taken");
}

bool ImportRefusals::move(const std::string& path, const FileIdentity& file, std::string_view why) {
  if (errors_ == nullptr) return false;
  const SplitPath split = split_path(path);
  Dir* const from = source_.changing(split.directory);
  if (from == nullptr || !from->status(split.name)) return false;
  Dir& errors = errors_->at(path, clock_.wall_ms());
  const std::string name =
      *write_reason(errors, std::string(split.name), reason_text(path, why, nullptr),
                    [](const std::string&) { return false; });
  bool moved = false;
  try {
    moved = from->rename_new(split.name, errors, name);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) {
      errors.unlink(name + std::string(kReasonSuffix));
      if (error.code() == ErrorCode::kPermission) return false;
      throw;
    }
  }
  // A program put another file under that name at that moment.
  const auto caught = moved ? errors.status(name) : std::nullopt;
  if (caught && !identity_of(*caught).same_content_as(file)) {
    rename_to_free_name(errors, name, *from, std::string(split.name));
    moved = false;
  }
  if (!moved) errors.unlink(name + std::string(kReasonSuffix));
  errors_->sync();
  source_.sync();
  return moved;
}

bool ImportRefusals::copy(File& file, const std::string& path, std::string_view why) {
  if (errors_ == nullptr) return false;
  Dir& errors = errors_->at(path, clock_.wall_ms());
  const auto is_there = [&](const std::string& name) {
    const auto there = errors.status(name);
    if (!there || there->kind != FileKind::kRegular) return false;
    const std::unique_ptr<File> found = errors.open(name, Access::kRead);
    return found && have_same_bytes(*found, file);
  };
  const auto name = write_reason(errors, std::string(split_path(path).name),
                                 reason_text(path, why, nullptr), is_there);
  if (name && !put_whole(errors, *name, [&](File& copied) { copy_bytes(file, copied); })) {
    throw taken_meanwhile(errors, *name);
  }
  errors_->sync();
  return true;
}

bool ImportRefusals::put_record(const std::string& path, const SplitRecord& record,
                                std::string_view why) {
  if (errors_ == nullptr) return false;
  Dir& errors = errors_->at(path, clock_.wall_ms());
  const auto name = write_reason(
      errors, record_name(split_path(path).name, record.number), reason_text(path, why, &record),
      [&](const std::string& taken) { return has_bytes(errors, taken, record.body); });
  if (name && !put_text(errors, *name, record.body)) throw taken_meanwhile(errors, *name);
  errors_->sync();
  return true;
}

}  // namespace spoolmq::adapters
