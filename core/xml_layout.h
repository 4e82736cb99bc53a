#pragma once
// What the encoder and the decoder of XML spool files must agree on besides their element names.

#include <cstddef>
#include <cstdint>

#include "core/record_fields.h"
#include "spoolmq/message.h"

namespace spoolmq::xml {

inline constexpr char kNamespace[] = "urn:spoolmq:message:1";

// A time is written as ISO 8601 in the years 0001 to 9999, else as milliseconds in an attribute
// whose name ends in kMillisecondsSuffix.
inline constexpr std::int64_t kFirstDateMs = -62'135'596'800'000;
inline constexpr std::int64_t kLastDateMs = 253'402'300'799'999;
inline constexpr char kMillisecondsSuffix[] = "-ms";
// An attribute that holds what XML cannot carry.
inline constexpr char kBase64Suffix[] = "-base64";

static_assert(kMaxInlineBodyBytes / 3 * 4 / 76 * 77 < kMaxEscapedBodyBytes, "base64 fits as well");

// The limits of message.h. Whoever accepts a message sees to them; a file with another is refused.
inline bool within_limits(const Message& message) {
  return message.priority <= kMaxPriority && message.body.size() <= kMaxInlineBodyBytes &&
         (!message.large_body || message.body.empty()) && record::fields_within_limits(message);
}

}  // namespace spoolmq::xml
