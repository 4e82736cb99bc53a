#include "core/names.h"

#include <charconv>

#include "core/check.h"
#include "core/text.h"

namespace spoolmq::names {
namespace {

constexpr std::string_view kEscapedSlash = "%2F";
constexpr std::string_view kTemporaryPrefix = ".tmp-";
constexpr std::string_view kIndexPrefix = "index.";
constexpr std::string_view kIndexSuffix = ".db";
constexpr std::string_view kAcksPrefix = "acks-";
constexpr std::size_t kHex16Length = 16;
constexpr std::size_t kSlotLength = 4;

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

std::string_view suffix(SpoolKind kind) {
  switch (kind) {
    case SpoolKind::kXml:
      return ".xml";
    case SpoolKind::kBinary:
      return ".seg";
    case SpoolKind::kBody:
      return ".body";
  }
  SPOOLMQ_CHECK(!"a spool kind");
}

bool drop_suffix(std::string_view& text, std::string_view end) {
  if (!text.ends_with(end)) return false;
  text.remove_suffix(end.size());
  return true;
}

}  // namespace

std::optional<std::string> refuse_queue_name(std::string_view name) {
  if (name.empty()) return "the name is empty";
  if (name.size() > kMaxQueueNameBytes) {
    return "the name is longer than " + std::to_string(kMaxQueueNameBytes) + " bytes";
  }
  bool at_segment_start = true;
  for (const char c : name) {
    if (c == '/') {
      if (at_segment_start) return "a segment between '/' is empty";
      at_segment_start = true;
      continue;
    }
    if (!is_alphanumeric(c)) {
      if (c != '.' && c != '_' && c != '-') {
        return "only A-Z a-z 0-9 . _ - and '/' may be used, not '" + printable({&c, 1}) + "'";
      }
      if (at_segment_start) return "a segment must begin with a letter or digit";
    }
    at_segment_start = false;
  }
  if (at_segment_start) return "a segment between '/' is empty";
  return std::nullopt;
}

std::string queue_directory(std::string_view queue_name) {
  SPOOLMQ_CHECK(!refuse_queue_name(queue_name));
  std::string directory;
  directory.reserve(queue_name.size() + 2 * kEscapedSlash.size());
  for (const char c : queue_name) {
    if (c == '/') {
      directory += kEscapedSlash;
    } else {
      directory += c;
    }
  }
  return directory;
}

std::optional<std::string> queue_of_directory(std::string_view directory_name) {
  std::string name;
  name.reserve(directory_name.size());
  while (!directory_name.empty()) {
    if (directory_name.starts_with(kEscapedSlash)) {
      name += '/';
      directory_name.remove_prefix(kEscapedSlash.size());
      continue;
    }
    if (directory_name.front() == '/') return std::nullopt;
    name += directory_name.front();
    directory_name.remove_prefix(1);
  }
  if (refuse_queue_name(name)) return std::nullopt;
  return name;
}

std::string spool_file(const MessageId& file, SpoolKind kind) {
  return file.text().append(suffix(kind));
}

std::optional<SpoolName> parse_spool_file(std::string_view name) {
  const auto file = MessageId::parse(name.substr(0, MessageId::kTextLength));
  if (!file) return std::nullopt;
  for (const auto kind : {SpoolKind::kXml, SpoolKind::kBinary, SpoolKind::kBody}) {
    if (name == spool_file(*file, kind)) return SpoolName{*file, kind};
  }
  return std::nullopt;
}

std::string shard_directory(std::uint8_t shard) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  return {kDigits[shard >> 4], kDigits[shard & 0xf]};
}

std::string temporary(std::uint64_t incarnation, std::uint64_t serial) {
  return std::string(kTemporaryPrefix) + hex16(incarnation) + "-" + hex16(serial);
}

std::optional<std::uint64_t> parse_temporary(std::string_view name) {
  if (name.size() != kTemporaryPrefix.size() + 2 * kHex16Length + 1) return std::nullopt;
  const auto incarnation = parse_hex16(name.substr(kTemporaryPrefix.size(), kHex16Length));
  const auto serial = parse_hex16(name.substr(name.size() - kHex16Length));
  if (!incarnation || !serial || name != temporary(*incarnation, *serial)) return std::nullopt;
  return incarnation;
}

std::string acks_file(std::uint32_t slot) {
  return std::string(kAcksPrefix) + hex16(slot).substr(kHex16Length - kSlotLength);
}

bool is_acks_file(std::string_view name) {
  if (!name.starts_with(kAcksPrefix)) return false;
  const auto slot = parse_hex16(std::string(kHex16Length - kSlotLength, '0') +
                                std::string(name.substr(kAcksPrefix.size())));
  return slot && name == acks_file(static_cast<std::uint32_t>(*slot));
}

std::string index_file(std::uint64_t generation) {
  return std::string(kIndexPrefix) + std::to_string(generation) + std::string(kIndexSuffix);
}

std::optional<std::uint64_t> parse_index_file(std::string_view name) {
  if (!drop_suffix(name, "-wal")) drop_suffix(name, "-shm");
  const std::string_view main_file = name;
  if (!name.starts_with(kIndexPrefix) || !drop_suffix(name, kIndexSuffix)) return std::nullopt;
  if (name.size() <= kIndexPrefix.size()) return std::nullopt;
  name.remove_prefix(kIndexPrefix.size());
  std::uint64_t generation = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), generation);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  if (main_file != index_file(generation)) return std::nullopt;  // leading zeros
  return generation;
}

}  // namespace spoolmq::names
