#include "adapters/webhook_answer.h"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "adapters/curl_library.h"
#include "core/text.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kMsPerSecond = 1000;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") + 1 - begin);
}

Verdict verdict_of(long status) {
  if (status >= 200 && status < 300) return Verdict::kAck;
  switch (status) {
    case 429:
    case 502:
    case 503:
    case 504:
      return Verdict::kPause;
    case 408:
    case 425:
      return Verdict::kNack;
    default:
      break;
  }
  if (status >= 300 && status < 400) return Verdict::kStop;
  return status >= 400 && status < 500 ? Verdict::kReject : Verdict::kNack;
}

}  // namespace

std::optional<std::int64_t> parse_retry_after(std::string_view text, std::int64_t now_wall_ms) {
  text = trimmed(text);
  if (text.empty()) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (stop == text.data() + text.size()) {
    if (error == std::errc::result_out_of_range) return kMostRetryMs;
    if (seconds < 0) return std::nullopt;
    return std::clamp(std::min(seconds, kMostRetryMs / kMsPerSecond) * kMsPerSecond, kLeastRetryMs,
                      kMostRetryMs);
  }
  const std::time_t date = Curl::get().getdate(std::string(text).c_str(), nullptr);
  if (date < 0) return std::nullopt;
  return std::clamp(std::int64_t{date} * kMsPerSecond - now_wall_ms, kLeastRetryMs, kMostRetryMs);
}

WebhookVerdict verdict_of_status(long status, std::string_view body, std::string_view retry_after,
                                 std::int64_t now_wall_ms) {
  WebhookVerdict made;
  made.verdict = verdict_of(status);
  if (made.verdict == Verdict::kAck) return made;
  made.why = "HTTP " + std::to_string(status);
  body = trimmed(body);
  const std::string_view line = trimmed(body.substr(0, body.find('\n')));
  if (!line.empty()) made.why += ": " + printable(line.substr(0, kMostReasonBytes));
  if (made.verdict == Verdict::kNack || made.verdict == Verdict::kPause) {
    made.wait_ms = parse_retry_after(retry_after, now_wall_ms).value_or(0);
  }
  return made;
}

}  // namespace spoolmq::adapters
