#pragma once
// What a slot of the hot cache says of its message, as eight words and back. The last is a checksum
// seeded with the ticket: words of two messages mixed, or of another ticket, do not verify.

#include <array>
#include <cstring>
#include <optional>
#include <span>

#include "core/checksum.h"
#include "core/record_codec.h"
#include "spoolmq/id.h"
#include "store/hot_cache_layout.h"

namespace spoolmq::hot_cache {

struct SlotWords {
  using Raw = std::array<std::uint64_t, kSlotWords + 1>;

  std::uint64_t place = kNoPlace;  // of the record; kNoPlace: it is in its file only
  std::uint32_t length = 0;        // of the record, bytes
  std::uint32_t marks = 0;
  MessageId id;
  MessageId file;
  std::uint64_t offset = 0;

  [[nodiscard]] Raw encode(std::uint64_t ticket) const {
    Raw raw{place, length | std::uint64_t{marks} << 32, 0, 0, 0, 0, offset, 0};
    std::memcpy(&raw[2], id.bytes().data(), MessageId::kBytes);
    std::memcpy(&raw[4], file.bytes().data(), MessageId::kBytes);
    raw[kSlotWords] = sum(raw, ticket);
    return raw;
  }

  // nullopt: they are not of that ticket, or say what cannot be.
  static std::optional<SlotWords> decode(const Raw& raw, std::uint64_t ticket) {
    if (raw[kSlotWords] != sum(raw, ticket)) return std::nullopt;
    SlotWords words;
    words.place = raw[0];
    words.length = static_cast<std::uint32_t>(raw[1]);
    words.marks = static_cast<std::uint32_t>(raw[1] >> 32);
    words.id = id_in(raw, 2);
    words.file = id_in(raw, 4);
    words.offset = raw[6];
    const bool in_arena = words.place != kNoPlace;
    if (words.marks >= kMarksEnd || words.offset % record::kAlignment != 0 ||
        (in_arena &&
         (words.place % kWordBytes != 0 || words.length % kWordBytes != 0 ||
          words.length < record::kRecordHeaderBytes || words.length > record::kMaxRecordBytes))) {
      return std::nullopt;
    }
    return words;
  }

 private:
  static std::uint64_t sum(const Raw& raw, std::uint64_t ticket) {
    return checksum(std::as_bytes(std::span(raw).first(kSlotWords)), ticket);
  }
  static MessageId id_in(const Raw& raw, std::size_t at) {
    std::array<std::uint8_t, MessageId::kBytes> bytes;
    std::memcpy(bytes.data(), &raw[at], bytes.size());
    return MessageId(bytes);
  }
};

}  // namespace spoolmq::hot_cache
