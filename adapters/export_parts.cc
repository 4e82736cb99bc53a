#include "adapters/export_parts.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "adapters/export_checksum.h"
#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kPieceBytes = 1 << 20;
constexpr std::int64_t kNsPerMs = 1'000'000;
// Beyond these a time cannot be said in nanoseconds.
constexpr std::int64_t kMostMs = INT64_MAX / kNsPerMs;

constexpr std::size_t index(ExportPart part) { return static_cast<std::size_t>(part); }

std::string temporary(const ExportRow& row, ExportPart part) {
  return export_temporary(row.id, row.nonce, part);
}

// visit(bytes, offset) for each piece; false from it ends the reading and is returned.
using Visit = std::function<bool(std::span<const std::byte> bytes, std::uint64_t offset)>;

bool read_pieces(const Delivery& delivery, const Visit& visit) {
  const Message& message = delivery.message();
  if (!message.large_body) return message.body.empty() || visit(as_bytes(message.body), 0);
  const auto body = delivery.open_body();
  std::vector<char> piece(kPieceBytes);
  std::uint64_t offset = 0;
  while (const std::size_t got = body->read(piece)) {
    if (!visit(as_bytes({piece.data(), got}), offset)) return false;
    offset += got;
  }
  return true;
}

void restore_mtime(File& file, const Message& message) {
  const std::string* const text = message.header("mtime");
  if (text == nullptr) return;
  const auto mtime_ms = parse_time(*text);
  if (!mtime_ms || *mtime_ms > kMostMs || *mtime_ms < -kMostMs) return;
  file.set_mtime(*mtime_ms * kNsPerMs);
}

}  // namespace

ExportParts::ExportParts(Dir& target, const ExportSettings& settings)
    : target_(target), settings_(settings), access_(ExportAccess::of(settings)) {}

ExportParts::Names ExportParts::names(const std::string& file) const {
  Names all;
  all[index(ExportPart::kFile)] = file;
  if (has_checksum()) {
    all[index(ExportPart::kChecksum)] = safe_file_name(file + "." + settings_.checksum, file);
  }
  if (has_done()) all[index(ExportPart::kDone)] = name_beside(file, settings_.done_file);
  return all;
}

std::unique_ptr<File> ExportParts::create(const ExportRow& row, ExportPart part) {
  auto file = target_.create(temporary(row, part), access_.first_mode(), IfExists::kFail);
  access_.give(*file);
  return file;
}

bool ExportParts::write(const Delivery& delivery, const ExportRow& row,
                        const KeepGoing& keep_going) {
  const auto file = create(row, ExportPart::kFile);
  Sha256 sum;
  const bool whole =
      read_pieces(delivery, [&](std::span<const std::byte> bytes, std::uint64_t offset) {
        file->write_at(bytes, offset);
        if (has_checksum()) sum.add(bytes);
        return bytes.size() < kPieceBytes || keep_going();
      });
  if (!whole) return false;
  if (settings_.restore_mtime) restore_mtime(*file, delivery.message());
  file->sync();
  if (has_checksum()) write_checksum(row, sha256sum_line(sum.hex(), row.name));
  if (has_done()) make_done(row);
  return true;
}

bool ExportParts::has_temporary(const ExportRow& row, ExportPart part) {
  return target_.status(temporary(row, part)).has_value();
}

void ExportParts::complete(const ExportRow& row) {
  if (has_checksum()) {
    const std::string line = checksum_line(row);
    // It may have its name already; a temporary that was made behind the row may be torn.
    if (!holds(names(row.name)[index(ExportPart::kChecksum)], line)) {
      target_.unlink(temporary(row, ExportPart::kChecksum));
      write_checksum(row, line);
    }
  }
  if (has_done() && !has_temporary(row, ExportPart::kDone)) make_done(row);
}

bool ExportParts::holds(const std::string& name, const std::string& content) {
  const auto status = target_.status(name);
  return status && status->kind == FileKind::kRegular && status->size == content.size() &&
         read_file(target_, name, content.size()) == content;
}

std::string ExportParts::checksum_line(const ExportRow& row) {
  const auto file = target_.open(temporary(row, ExportPart::kFile), Access::kRead);
  if (file == nullptr) {
    throw Error(ErrorCode::kNotFound, "read", temporary(row, ExportPart::kFile),
                "the temporary file has disappeared");
  }
  Sha256 sum;
  std::vector<std::byte> piece(kPieceBytes);
  for (std::uint64_t offset = 0; const std::size_t got = file->read_at(piece, offset);
       offset += got) {
    sum.add(std::span(piece).first(got));
  }
  return sha256sum_line(sum.hex(), row.name);
}

void ExportParts::write_checksum(const ExportRow& row, const std::string& line) {
  const auto file = create(row, ExportPart::kChecksum);
  file->write_at(as_bytes(line), 0);
  file->sync();
}

void ExportParts::make_done(const ExportRow& row) { create(row, ExportPart::kDone)->sync(); }

void ExportParts::remove(const ExportRow& row) {
  for (const ExportPart part : kExportParts) target_.unlink(temporary(row, part));
}

Placed ExportParts::place(const ExportRow& row, ExportPart part) {
  const std::string name = names(row.name)[index(part)];
  const std::string from = temporary(row, part);
  if (name.empty()) {  // asked for when it was made, but no longer
    target_.unlink(from);
    return Placed::kMissing;
  }
  try {
    if (settings_.if_taken != IfTaken::kReplace) {
      return target_.rename_new(from, target_, name) ? Placed::kPlaced : Placed::kTaken;
    }
    target_.rename_over(from, target_, name);
    return Placed::kPlaced;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    return Placed::kMissing;
  }
}

void ExportParts::take_back_checksum(const ExportRow& row) {
  if (!has_checksum()) return;
  if (target_.unlink(temporary(row, ExportPart::kChecksum))) return;
  const std::string name = names(row.name)[index(ExportPart::kChecksum)];
  if (!holds(name, checksum_line(row))) return;
  target_.unlink(name);
  target_.sync();
}

bool ExportParts::is_same(const std::string& file, const Delivery& delivery) {
  const auto status = target_.status(file);
  if (!status || status->kind != FileKind::kRegular) return false;
  if (status->size != delivery.message().body_size()) return false;
  const auto there = target_.open(file, Access::kRead);
  if (there == nullptr) return false;
  std::vector<std::byte> piece;
  const bool same =
      read_pieces(delivery, [&](std::span<const std::byte> bytes, std::uint64_t offset) {
        piece.resize(bytes.size());
        return there->read_at(piece, offset) == bytes.size() && std::ranges::equal(piece, bytes);
      });
  if (same) there->sync();
  return same;
}

}  // namespace spoolmq::adapters
