#include "adapters/template_text.h"

#include <array>
#include <ctime>

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMaxExtensionBytes = 64;  // its dot included
constexpr std::int64_t kMsPerSecond = 1000;
constexpr std::size_t kMaxWidthDigits = 3;

// As strftime(3) of glibc writes them: %, flags, a width, E or O, and one of these.
constexpr std::string_view kConversions = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ+%";
constexpr std::string_view kFlags = "_-0^#";
constexpr std::string_view kDigits = "0123456789";

// `rest` begins behind a '%'; the size of the conversion, 0 if it is none.
std::size_t conversion_size(std::string_view rest) {
  std::size_t at = std::min(rest.find_first_not_of(kFlags), rest.size());
  const std::size_t width = at;
  at = std::min(rest.find_first_not_of(kDigits, at), rest.size());
  if (at - width > kMaxWidthDigits) return 0;
  if (at < rest.size() && (rest[at] == 'E' || rest[at] == 'O')) ++at;
  const bool known = at < rest.size() && kConversions.find(rest[at]) != std::string_view::npos;
  return known ? at + 1 : 0;
}

// nullopt: longer than kMaxDateBytes.
std::optional<std::string> formatted(const std::tm& parts, const std::string& format) {
  // strftime answers 0 both for nothing and for too much; one character more tells them apart.
  std::array<char, kMaxDateBytes + 2> text{};
  const std::string marked = format + ".";
  const std::size_t length = std::strftime(text.data(), text.size(), marked.c_str(), &parts);
  if (length == 0) return std::nullopt;
  return std::string(text.data(), length - 1);
}

}  // namespace

Error template_refusal(std::string_view whole, std::size_t column, std::string_view why) {
  return {ErrorCode::kUsage, "read the template", whole,
          "column " + std::to_string(column) + ": " + std::string(why)};
}

std::vector<TemplatePart> cut_template(std::string_view whole) {
  using Kind = TemplatePart::Kind;
  std::vector<TemplatePart> parts;
  const auto add_text = [&](char c, std::size_t column) {
    if (parts.empty() || parts.back().kind != Kind::kText) {
      parts.push_back({Kind::kText, {}, column});
    }
    parts.back().text += c;
  };
  for (std::size_t at = 0; at < whole.size(); ++at) {
    const char c = whole[at];
    const bool doubled = at + 1 < whole.size() && whole[at + 1] == c;
    if ((c == '{' || c == '}') && doubled) {
      add_text(c, at + 1);
      ++at;
    } else if (c == '}') {
      throw template_refusal(whole, at + 1, "'}' without '{'; a brace itself is written twice");
    } else if (c == '{') {
      const std::size_t close = whole.find('}', at);
      if (close == std::string_view::npos) {
        throw template_refusal(whole, at + 1, "'{' without '}'");
      }
      parts.push_back(
          {Kind::kPlaceholder, std::string(whole.substr(at + 1, close - at - 1)), at + 1});
      at = close;
    } else {
      add_text(c, at + 1);
    }
  }
  return parts;
}

std::pair<std::string_view, std::optional<std::string_view>> cut_placeholder(
    std::string_view inside) {
  const std::size_t colon = inside.find(':');
  if (colon == std::string_view::npos) return {inside, std::nullopt};
  return {inside.substr(0, colon), inside.substr(colon + 1)};
}

void check_date_format(std::string_view format, std::string_view whole, std::size_t column) {
  if (format.empty()) {
    throw template_refusal(whole, column, "a format is missing, as in {date:%Y%m%d}");
  }
  for (std::size_t at = format.find('%'); at != std::string_view::npos; at = format.find('%', at)) {
    const std::size_t size = conversion_size(format.substr(at + 1));
    if (size == 0) {
      throw template_refusal(whole, column,
                             "the date's format has a '%' that strftime(3) does not know, or a "
                             "width of more than " +
                                 std::to_string(kMaxWidthDigits) + " digits");
    }
    at += 1 + size;
  }
  if (format.find('\0') != std::string_view::npos) {
    throw template_refusal(whole, column, "the date's format has a NUL byte");
  }
  std::tm any{};
  any.tm_mday = 1;
  if (!formatted(any, std::string(format))) {
    throw template_refusal(whole, column,
                           "the date is longer than " + std::to_string(kMaxDateBytes) + " bytes");
  }
}

std::string format_date(std::int64_t wall_ms, const std::string& format, DateZone zone) {
  std::int64_t seconds = wall_ms / kMsPerSecond;
  if (wall_ms % kMsPerSecond < 0) --seconds;
  const std::time_t when = seconds;
  std::tm parts{};
  const std::tm* const filled =
      zone == DateZone::kUtc ? gmtime_r(&when, &parts) : localtime_r(&when, &parts);
  if (filled == nullptr) return {};
  return formatted(parts, format).value_or(std::string());
}

std::pair<std::string_view, std::string_view> split_extension(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size()) return {name, {}};
  if (name.size() - dot > kMaxExtensionBytes) return {name, {}};
  return {name.substr(0, dot), name.substr(dot)};
}

}  // namespace spoolmq::adapters
