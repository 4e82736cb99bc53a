#include "adapters/last_words.h"

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostAtOnce = 64 << 10;
constexpr std::size_t kMostLoggedLine = 1024;
constexpr std::int64_t kMostLinesPerSecond = 50;

}  // namespace

LastWords::LastWords(std::string speaker)
    : speaker_(std::move(speaker)), pipe_(Pipe::Ours::kReads) {}

void LastWords::read(std::int64_t now_boot_ms) {
  if (!pipe_.ours.is_open()) return;
  const auto take = [this, now_boot_ms](std::string_view bytes) { hear(bytes, now_boot_ms); };
  if (read_pieces(pipe_.ours, kMostAtOnce, take) != ReadEnd::kEnded) return;
  pipe_.ours.close();
  if (!line_.empty()) log_line(std::exchange(line_, {}), now_boot_ms);
}

void LastWords::hear(std::string_view bytes, std::int64_t now_boot_ms) {
  kept_.append(bytes);
  if (kept_.size() > kMostLastWords) kept_.erase(0, kept_.size() - kMostLastWords);
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    // The rest of a line that is too long is not logged.
    line_.append(bytes.substr(0, std::min(end, kMostLoggedLine - line_.size())));
    if (end == bytes.size()) return;
    log_line(std::exchange(line_, {}), now_boot_ms);
    bytes.remove_prefix(end + 1);
  }
}

void LastWords::log_line(std::string_view line, std::int64_t now_boot_ms) {
  if (now_boot_ms >= second_boot_ms_ + 1000) {
    if (lines_in_second_ > kMostLinesPerSecond) {
      log::warn("a program said more than is logged",
                {{"adapter", speaker_}, {"lines", lines_in_second_ - kMostLinesPerSecond}});
    }
    second_boot_ms_ = now_boot_ms;
    lines_in_second_ = 0;
  }
  if (++lines_in_second_ > kMostLinesPerSecond) return;
  log::warn("a program says", {{"adapter", speaker_}, {"line", printable(line)}});
}

std::string LastWords::text() const {
  std::string text;
  std::string_view rest = kept_;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) text.append(text.empty() ? "" : "; ").append(printable(line));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return text;
}

std::string with_words(std::string why, const std::string& words) {
  return words.empty() ? why : std::move(why) + ": " + words;
}

}  // namespace spoolmq::adapters
