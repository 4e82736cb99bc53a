#pragma once
// The fields of a record (store/FORMAT.md section 4): what of a message is neither in the record
// header nor its body. A sequence of
//
//   [ tag u8 ][ length, LEB128 ][ bytes ]
//
// in ascending order of tags, each but kHeader at most once, none empty: one message has one form.
// Pure; untrusted bytes give false, never an exception.

#include <cstddef>
#include <cstdint>
#include <span>

#include "spoolmq/message.h"

namespace spoolmq::record {

enum class Tag : std::uint8_t {
  kHeader = 1,     // length of the name (LEB128), name, value; in the message's order
  kNotBefore = 2,  // i64, milliseconds since the epoch, not 0
  kExpires = 3,    // likewise
  kDedupeKey = 4,
  kOrderKey = 5,
  kReplyTo = 6,
  kCorrelationId = 7,
  kSenderName = 8,
  kLargeBody = 9,  // length u64, checksum u64
};

inline constexpr std::size_t kMaxEncodedFieldBytes = 2 * kMaxFieldBytes;

// Whether headers and keys keep the limits of message.h, which read_fields insists on.
bool fields_within_limits(const Message& message);

std::size_t fields_size(const Message& message);
// Fills `out`, which has exactly fields_size(message) bytes.
void write_fields(const Message& message, std::span<std::byte> out);
// Sets the members that fields hold; they must be unset before. False: not what write_fields makes.
[[nodiscard]] bool read_fields(std::span<const std::byte> bytes, Message& message);

}  // namespace spoolmq::record
