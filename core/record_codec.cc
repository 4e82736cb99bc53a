#include "core/record_codec.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/bytes.h"
#include "core/check.h"
#include "core/checksum.h"
#include "core/record_fields.h"

namespace spoolmq::record {
namespace {

// File header: all offsets in bytes.
constexpr std::array<char, 8> kFileMagic{'S', 'P', 'O', 'O', 'L', 'M', 'Q', '1'};
namespace file_at {
constexpr std::size_t kMagic = 0;
constexpr std::size_t kVersion = 8;  // u32
constexpr std::size_t kUse = 12;     // u32
constexpr std::size_t kFile = 16;    // uuid
constexpr std::size_t kIncarnation = 32;
constexpr std::size_t kCreatedAt = 40;  // i64
constexpr std::size_t kReserved = 48;   // u64, 0
constexpr std::size_t kChecksum = 56;   // of all before
}  // namespace file_at

constexpr std::array<char, 4> kGroupMagic{'S', 'P', 'G', 'R'};
namespace group_at {
constexpr std::size_t kMagic = 0;
constexpr std::size_t kNumber = 4;       // u32
constexpr std::size_t kRecordCount = 8;  // u32
constexpr std::size_t kReserved = 12;    // u32, 0
constexpr std::size_t kLength = 16;      // u64
constexpr std::size_t kChecksum = 24;    // of all before
}  // namespace group_at
constexpr std::uint64_t kGroupLengthEnd = std::uint64_t{1} << 40;

namespace record_at {
constexpr std::size_t kLength = 0;    // u32, of the whole record, padding included
constexpr std::size_t kFlags = 4;     // u16
constexpr std::size_t kPriority = 6;  // u16
constexpr std::size_t kId = 8;
constexpr std::size_t kSentAt = 24;           // i64
constexpr std::size_t kUid = 32;              // u32
constexpr std::size_t kPid = 36;              // u32
constexpr std::size_t kFieldsLength = 40;     // u32
constexpr std::size_t kBodyLength = 44;       // u32
constexpr std::size_t kContentChecksum = 48;  // of fields and body
constexpr std::size_t kHeaderChecksum = 56;   // of all before
}  // namespace record_at
constexpr std::uint16_t kKnownFlags = kOsDurability | kLargeBodyRecord;

constexpr std::size_t padded(std::size_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

std::uint64_t seed_of(const MessageId& file, std::uint64_t offset) {
  std::array<std::byte, MessageId::kBytes + sizeof offset> place{};
  std::memcpy(place.data(), file.bytes().data(), MessageId::kBytes);
  store_le(std::span<std::byte>(place), MessageId::kBytes, offset);
  return checksum(place);
}

template <std::size_t N>
void store_magic(std::span<std::byte> out, std::size_t offset, const std::array<char, N>& magic) {
  SPOOLMQ_CHECK(offset + N <= out.size());
  std::memcpy(out.data() + offset, magic.data(), N);
}

template <std::size_t N>
bool has_magic(std::span<const std::byte> bytes, std::size_t offset,
               const std::array<char, N>& magic) {
  return std::memcmp(bytes.subspan(offset, N).data(), magic.data(), N) == 0;
}

// Whether the checksum at `at` is that of the bytes before it.
bool verifies(std::span<const std::byte> bytes, std::size_t at, std::uint64_t seed) {
  return load_le<std::uint64_t>(bytes, at) == checksum(bytes.first(at), seed);
}

bool is_sound(const GroupHeader& header) {
  return header.number > 0 && header.length % kAlignment == 0 && header.length < kGroupLengthEnd &&
         header.length / kRecordHeaderBytes >= header.record_count;
}

// The record header up to its checksums.
void store_record_header(const Message& message, std::uint16_t flags, std::size_t fields_length,
                         std::span<std::byte> out) {
  const std::size_t length = padded(kRecordHeaderBytes + fields_length + message.body.size());
  store_le(out, record_at::kLength, static_cast<std::uint32_t>(length));
  store_le(out, record_at::kFlags, flags);
  store_le(out, record_at::kPriority, message.priority);
  store_id(out, record_at::kId, message.id);
  store_le(out, record_at::kSentAt, message.sent_at_ms);
  store_le(out, record_at::kUid, message.from.uid);
  store_le(out, record_at::kPid, message.from.pid);
  store_le(out, record_at::kFieldsLength, static_cast<std::uint32_t>(fields_length));
  store_le(out, record_at::kBodyLength, static_cast<std::uint32_t>(message.body.size()));
}

std::uint16_t large_body_flag(const Message& message) {
  return message.large_body ? std::uint16_t{kLargeBodyRecord} : std::uint16_t{0};
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

void encode_file_header(const FileHeader& header, std::span<std::byte> out) {
  SPOOLMQ_CHECK(out.size() >= kFileHeaderBytes);
  store_magic(out, file_at::kMagic, kFileMagic);
  store_le(out, file_at::kVersion, kVersion);
  store_le(out, file_at::kUse, static_cast<std::uint32_t>(header.use));
  store_id(out, file_at::kFile, header.file);
  store_le(out, file_at::kIncarnation, header.incarnation);
  store_le(out, file_at::kCreatedAt, header.created_at_ms);
  store_le(out, file_at::kReserved, std::uint64_t{0});
  store_le(out, file_at::kChecksum,
           checksum(out.first(file_at::kChecksum), seed_of(header.file, 0)));
}

std::optional<FileHeader> decode_file_header(std::span<const std::byte> bytes,
                                             const MessageId& file) {
  if (bytes.size() < kFileHeaderBytes || !has_magic(bytes, file_at::kMagic, kFileMagic) ||
      load_le<std::uint32_t>(bytes, file_at::kVersion) != kVersion ||
      load_id(bytes, file_at::kFile) != file ||
      load_le<std::uint64_t>(bytes, file_at::kReserved) != 0 ||
      !verifies(bytes, file_at::kChecksum, seed_of(file, 0))) {
    return std::nullopt;
  }
  const auto use = static_cast<FileUse>(load_le<std::uint32_t>(bytes, file_at::kUse));
  if (use != FileUse::kSegment && use != FileUse::kSingle) return std::nullopt;
  return FileHeader{.file = file,
                    .incarnation = load_le<std::uint64_t>(bytes, file_at::kIncarnation),
                    .created_at_ms = load_le<std::int64_t>(bytes, file_at::kCreatedAt),
                    .use = use};
}

void encode_group_header(const GroupHeader& header, const MessageId& file, std::uint64_t offset,
                         std::span<std::byte> out) {
  SPOOLMQ_CHECK(out.size() >= kGroupHeaderBytes && offset % kAlignment == 0 && is_sound(header));
  store_magic(out, group_at::kMagic, kGroupMagic);
  store_le(out, group_at::kNumber, header.number);
  store_le(out, group_at::kRecordCount, header.record_count);
  store_le(out, group_at::kReserved, std::uint32_t{0});
  store_le(out, group_at::kLength, header.length);
  store_le(out, group_at::kChecksum,
           checksum(out.first(group_at::kChecksum), seed_of(file, offset)));
}

std::optional<GroupHeader> decode_group_header(std::span<const std::byte> bytes,
                                               const MessageId& file, std::uint64_t offset) {
  if (bytes.size() < kGroupHeaderBytes || !has_magic(bytes, group_at::kMagic, kGroupMagic) ||
      load_le<std::uint32_t>(bytes, group_at::kReserved) != 0 ||
      !verifies(bytes, group_at::kChecksum, seed_of(file, offset))) {
    return std::nullopt;
  }
  const GroupHeader header{.number = load_le<std::uint32_t>(bytes, group_at::kNumber),
                           .record_count = load_le<std::uint32_t>(bytes, group_at::kRecordCount),
                           .length = load_le<std::uint64_t>(bytes, group_at::kLength)};
  if (!is_sound(header)) return std::nullopt;
  return header;
}

std::size_t encoded_size(const Message& message) {
  return padded(kRecordHeaderBytes + fields_size(message) + message.body.size());
}

void encode(const Message& message, std::uint16_t flags, const MessageId& file,
            std::uint64_t offset, std::vector<std::byte>& out) {
  SPOOLMQ_CHECK(offset % kAlignment == 0);
  // Whoever accepts a message refuses these first; no record may be written that cannot be read.
  SPOOLMQ_CHECK(message.priority <= kMaxPriority && fields_within_limits(message));
  SPOOLMQ_CHECK(message.body.size() <= kMaxInlineBodyBytes);
  SPOOLMQ_CHECK(!message.large_body || message.body.empty());
  flags |= large_body_flag(message);
  SPOOLMQ_CHECK((flags & ~kKnownFlags) == 0);
  SPOOLMQ_CHECK((flags & kLargeBodyRecord) == large_body_flag(message));

  const std::size_t start = out.size();
  const std::size_t fields_length = fields_size(message);
  out.resize(start + kRecordHeaderBytes + fields_length);
  write_fields(message, std::span(out).subspan(start + kRecordHeaderBytes));
  const auto body = bytes_of(message.body);
  out.insert(out.end(), body.begin(), body.end());
  const std::size_t content_length = out.size() - start - kRecordHeaderBytes;
  out.resize(start + padded(out.size() - start));

  const auto record = std::span(out).subspan(start);
  const std::uint64_t seed = seed_of(file, offset);
  store_record_header(message, flags, fields_length, record);
  store_le(record, record_at::kContentChecksum,
           checksum(record.subspan(kRecordHeaderBytes, content_length), seed));
  store_le(record, record_at::kHeaderChecksum,
           checksum(record.first(record_at::kHeaderChecksum), seed));
}

namespace {

// The header alone, its checksum known to be right.
std::optional<Header> sound_header(std::span<const std::byte> bytes) {
  const std::size_t fields_length = load_le<std::uint32_t>(bytes, record_at::kFieldsLength);
  const std::size_t body_length = load_le<std::uint32_t>(bytes, record_at::kBodyLength);
  const Header header{.id = load_id(bytes, record_at::kId),
                      .size = load_le<std::uint32_t>(bytes, record_at::kLength),
                      .flags = load_le<std::uint16_t>(bytes, record_at::kFlags)};
  if (fields_length > kMaxEncodedFieldBytes || body_length > kMaxInlineBodyBytes ||
      header.size != padded(kRecordHeaderBytes + fields_length + body_length) ||
      (header.flags & ~kKnownFlags) != 0 ||
      ((header.flags & kLargeBodyRecord) != 0 && body_length != 0) ||
      load_le<std::uint16_t>(bytes, record_at::kPriority) > kMaxPriority) {
    return std::nullopt;
  }
  return header;
}

}  // namespace

std::optional<Header> decode_header(std::span<const std::byte> bytes, const MessageId& file,
                                    std::uint64_t offset) {
  if (bytes.size() < kRecordHeaderBytes ||
      !verifies(bytes, record_at::kHeaderChecksum, seed_of(file, offset))) {
    return std::nullopt;
  }
  return sound_header(bytes);
}

std::optional<View> verify(std::span<const std::byte> bytes, const MessageId& file,
                           std::uint64_t offset) {
  if (bytes.size() < kRecordHeaderBytes) return std::nullopt;
  const std::uint64_t seed = seed_of(file, offset);
  if (!verifies(bytes, record_at::kHeaderChecksum, seed)) return std::nullopt;
  const std::optional<Header> header = sound_header(bytes);
  if (!header || header->size > bytes.size()) return std::nullopt;
  const std::size_t fields_length = load_le<std::uint32_t>(bytes, record_at::kFieldsLength);
  const std::size_t body_length = load_le<std::uint32_t>(bytes, record_at::kBodyLength);
  const auto content = bytes.subspan(kRecordHeaderBytes, fields_length + body_length);
  const auto padding = bytes.first(header->size).subspan(kRecordHeaderBytes + content.size());
  if (load_le<std::uint64_t>(bytes, record_at::kContentChecksum) != checksum(content, seed) ||
      !std::ranges::all_of(padding, [](std::byte b) { return b == std::byte{0}; })) {
    return std::nullopt;
  }
  return View{.id = header->id,
              .flags = header->flags,
              .size = header->size,
              .header = bytes.first(kRecordHeaderBytes),
              .fields = content.first(fields_length),
              .body = content.subspan(fields_length)};
}

std::optional<Decoded> decode(const View& view) {
  std::optional<Decoded> decoded(std::in_place);
  decoded->flags = view.flags;
  decoded->size = view.size;
  Message& message = decoded->message;
  message.id = view.id;
  message.priority = load_le<std::uint16_t>(view.header, record_at::kPriority);
  message.sent_at_ms = load_le<std::int64_t>(view.header, record_at::kSentAt);
  message.from.uid = load_le<std::uint32_t>(view.header, record_at::kUid);
  message.from.pid = load_le<std::uint32_t>(view.header, record_at::kPid);
  if (!read_fields(view.fields, message) ||
      (view.flags & kLargeBodyRecord) != large_body_flag(message)) {
    return std::nullopt;
  }
  message.body.assign(reinterpret_cast<const char*>(view.body.data()), view.body.size());
  return decoded;
}

std::optional<Decoded> decode(std::span<const std::byte> bytes, const MessageId& file,
                              std::uint64_t offset) {
  const std::optional<View> view = verify(bytes, file, offset);
  if (!view) return std::nullopt;
  return decode(*view);
}

std::uint64_t content_checksum(const Message& message) {
  std::vector<std::byte> head(record_at::kContentChecksum + fields_size(message));
  const std::span<std::byte> all(head);
  const auto fields = all.subspan(record_at::kContentChecksum);
  store_record_header(message, large_body_flag(message), fields.size(), all);
  write_fields(message, fields);
  ChecksumStream stream;
  stream.add(all);
  stream.add(bytes_of(message.body));
  return stream.value();
}

}  // namespace spoolmq::record
