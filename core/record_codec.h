#pragma once
// The bytes of binary spool files (store/FORMAT.md sections 3 and 4, normative): file header, group
// header and record. Pure: no I/O, no allocation beyond what is returned. Untrusted bytes give a
// value, never an exception. Little-endian throughout; record offsets are multiples of 8.
//
//   file   [ file header 64 ][ group ]…[ zeros up to the preallocated size ]
//   group  [ group header 32 ][ record ]…          all its bytes reach the disk by one sync
//   record [ record header 64 ][ fields ][ body ][ zeros to a multiple of 8 ]
//
// Checksums are XXH3-64, seeded with XXH3-64(file uuid, offset of the thing in the file), so bytes
// copied from another file or place never verify.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spoolmq/id.h"
#include "spoolmq/message.h"

namespace spoolmq::record {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kFileHeaderBytes = 64;
inline constexpr std::size_t kGroupHeaderBytes = 32;
inline constexpr std::size_t kRecordHeaderBytes = 64;
inline constexpr std::size_t kAlignment = 8;
inline constexpr std::size_t kMaxRecordBytes =
    kRecordHeaderBytes + 2 * kMaxFieldBytes + kMaxInlineBodyBytes + kAlignment;

enum class FileUse : std::uint32_t { kSegment = 1, kSingle = 2 };

struct FileHeader {
  MessageId file;
  std::uint64_t incarnation = 0;
  std::int64_t created_at_ms = 0;
  FileUse use = FileUse::kSegment;
};

// The number of the empty group at the end of a segment that is finished: whatever stands before it
// was confirmed, so that what does not verify there is damage.
inline constexpr std::uint32_t kSealNumber = 0xffffffff;

struct GroupHeader {
  std::uint32_t number = 0;  // 1, 2, … within the file
  std::uint32_t record_count = 0;
  std::uint64_t length = 0;  // bytes of its records, this header not counted
};

enum RecordFlags : std::uint16_t { kOsDurability = 1, kLargeBodyRecord = 2 };

void encode_file_header(const FileHeader& header, std::span<std::byte> out);
// nullopt: not one of ours, or its checksum is wrong.
std::optional<FileHeader> decode_file_header(std::span<const std::byte> bytes,
                                             const MessageId& file);

void encode_group_header(const GroupHeader& header, const MessageId& file, std::uint64_t offset,
                         std::span<std::byte> out);
std::optional<GroupHeader> decode_group_header(std::span<const std::byte> bytes,
                                               const MessageId& file, std::uint64_t offset);

// The whole record, padding included, in bytes. Known before its offset is.
std::size_t encoded_size(const Message& message);
// Appends one record that will stand at `offset` of file `file`.
void encode(const Message& message, std::uint16_t flags, const MessageId& file,
            std::uint64_t offset, std::vector<std::byte>& out);

struct Decoded {
  Message message;
  std::uint16_t flags = 0;
  std::size_t size = 0;  // bytes of the record, padding included
};
// What an unverified record header claims; enough to skip a record whose content is damaged.
struct Header {
  MessageId id;
  std::size_t size = 0;
  std::uint16_t flags = 0;
};
// nullopt: the header's own checksum is wrong, or its lengths do not fit.
std::optional<Header> decode_header(std::span<const std::byte> bytes, const MessageId& file,
                                    std::uint64_t offset);
// A record whose checksums are right; fields and body lie in the bytes it was verified in.
struct View {
  MessageId id;
  std::uint16_t flags = 0;
  std::size_t size = 0;  // bytes of the record, padding included
  std::span<const std::byte> header;
  std::span<const std::byte> fields;
  std::span<const std::byte> body;
};
// nullopt: header, content or padding is not what was written. `bytes` may be longer.
std::optional<View> verify(std::span<const std::byte> bytes, const MessageId& file,
                           std::uint64_t offset);
// nullopt: its fields are not a message's.
std::optional<Decoded> decode(const View& view);
// nullopt unless everything verifies. `bytes` may be longer than the record.
std::optional<Decoded> decode(std::span<const std::byte> bytes, const MessageId& file,
                              std::uint64_t offset);

// The checksum an XML spool file states of its message: XXH3-64, seed 0, over the record's header
// without checksums, its fields and its body. Equal messages have equal checksums.
std::uint64_t content_checksum(const Message& message);

}  // namespace spoolmq::record
