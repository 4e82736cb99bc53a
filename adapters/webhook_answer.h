#pragma once
// What an HTTP answer says about the message that was posted. Pure.
//   2xx ack · 408 425 500 and other 5xx nack, counted · 429 502 503 504 pause: the message is
//   released and nothing counted · 3xx stop · other 4xx reject
// Retry-After (RFC 9110 section 10.2.3) of a nack or a pause holds everything back until then.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/verdict.h"

namespace spoolmq::adapters {

inline constexpr std::int64_t kLeastRetryMs = 1000;
inline constexpr std::int64_t kMostRetryMs = 3'600'000;
inline constexpr std::size_t kMostReasonBytes = 200;

struct WebhookVerdict {
  Verdict verdict = Verdict::kNack;
  std::string why;           // "410 Gone: the first line of the answer"
  std::int64_t wait_ms = 0;  // nothing is posted before that; 0: Retry-After said nothing
};

WebhookVerdict verdict_of_status(long status, std::string_view body, std::string_view retry_after,
                                 std::int64_t now_wall_ms);

// Seconds, or an HTTP date; clamped to kLeastRetryMs … kMostRetryMs. nullopt: it is neither.
std::optional<std::int64_t> parse_retry_after(std::string_view text, std::int64_t now_wall_ms);

}  // namespace spoolmq::adapters
