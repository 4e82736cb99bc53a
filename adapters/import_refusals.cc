#include "adapters/import_refusals.h"

#include <array>
#include <memory>

#include "adapters/export_name.h"
#include "core/id_source.h"
#include "core/text.h"
#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kReasonSuffix = ".reason";
constexpr std::size_t kMaxStemBytes = kMaxFileNameBytes - kReasonSuffix.size();
constexpr std::uint64_t kNumbersInTurn = 100;  // then random ones
constexpr std::uint64_t kMaxTries = 200;
constexpr std::uint32_t kOwnerReadWrite = 0600;
constexpr std::size_t kPieceBytes = 1 << 16;

// Room for the suffix; the bytes of the name are otherwise the producer's own.
std::string fitting(std::string_view name) {
  if (name.size() <= kMaxStemBytes) return std::string(name);
  return std::string(name.substr(0, kMaxStemBytes));
}

std::string record_name(std::string_view name, std::uint64_t number) {
  const std::size_t dot = name.rfind('.');
  const bool has_extension = dot != std::string_view::npos && dot > 0;
  const std::string_view stem = name.substr(0, has_extension ? dot : name.size());
  return std::string(stem) + ".record-" + std::to_string(number) +
         std::string(has_extension ? name.substr(dot) : std::string_view());
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

std::string ImportRefusals::write_reason(Dir& errors, const std::string& name,
                                         const std::string& text) {
  const std::string wanted = fitting(name);
  std::string free = wanted;
  for (std::uint64_t tries = 1; tries <= kMaxTries; ++tries) {
    if (!errors.status(free) && !errors.status(free + std::string(kReasonSuffix))) {
      replace_file(errors, free + std::string(kReasonSuffix), text, kOwnerReadWrite);
      return free;
    }
    free = fitting(numbered_file_name(wanted, tries <= kNumbersInTurn ? tries : random_bits()));
  }
  throw Error(ErrorCode::kCannotCreate, "put aside", errors.path() + "/" + name,
              "every numbered name is taken");
}

bool ImportRefusals::move(const std::string& path, std::string_view why) {
  if (errors_ == nullptr) return false;
  const SplitPath split = split_path(path);
  Dir* const from = source_.changing(split.directory);
  if (from == nullptr || !from->status(split.name)) return false;
  Dir& errors = errors_->at(path, clock_.wall_ms());
  const std::string name =
      write_reason(errors, std::string(split.name), reason_text(path, why, nullptr));
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
  if (!moved) errors.unlink(name + std::string(kReasonSuffix));
  errors_->sync();
  source_.sync();
  return moved;
}

bool ImportRefusals::copy(File& file, const std::string& path, std::string_view why) {
  if (errors_ == nullptr) return false;
  Dir& errors = errors_->at(path, clock_.wall_ms());
  const std::string name =
      write_reason(errors, std::string(split_path(path).name), reason_text(path, why, nullptr));
  const std::unique_ptr<File> copied = errors.create(name, kOwnerReadWrite, IfExists::kFail);
  std::array<std::byte, kPieceBytes> piece{};
  std::uint64_t offset = 0;
  while (const std::size_t got = file.read_at(piece, offset)) {
    copied->write_at(std::span(piece).first(got), offset);
    offset += got;
  }
  copied->sync();
  errors_->sync();
  return true;
}

bool ImportRefusals::put_record(const std::string& path, const SplitRecord& record,
                                std::string_view why) {
  if (errors_ == nullptr) return false;
  Dir& errors = errors_->at(path, clock_.wall_ms());
  const std::string wanted = fitting(record_name(split_path(path).name, record.number));
  const auto there = errors.status(wanted);
  if (there && there->kind == FileKind::kRegular && there->size == record.body.size() &&
      read_file(errors, wanted, record.body.size() + 1) == record.body) {
    return true;
  }
  const std::string name = write_reason(errors, wanted, reason_text(path, why, &record));
  const std::unique_ptr<File> made = errors.create(name, kOwnerReadWrite, IfExists::kFail);
  made->write_at(as_bytes(record.body), 0);
  made->sync();
  errors_->sync();
  return true;
}

}  // namespace spoolmq::adapters
