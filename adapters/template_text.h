#pragma once
// What the templates of file names and of paths have in common: text with {placeholders}, where
// "{{" and "}}" are braces. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spoolmq/error.h"

namespace spoolmq::adapters {

// kUsage, naming the template, the column (from 1) and why.
Error template_refusal(std::string_view whole, std::size_t column, std::string_view why);

struct TemplatePart {
  enum class Kind : std::uint8_t { kText, kPlaceholder };
  Kind kind = Kind::kText;
  std::string text;        // of a placeholder what its braces hold
  std::size_t column = 1;  // of its brace
};
// In order; two texts never follow each other. Throws template_refusal for a brace without its
// other one.
std::vector<TemplatePart> cut_template(std::string_view whole);

// "date:%Y" → "date" and "%Y"; without a colon the second is nullopt.
std::pair<std::string_view, std::optional<std::string_view>> cut_placeholder(
    std::string_view inside);

// Throws template_refusal for what is no format of strftime(3), or gives more than kMaxDateBytes.
inline constexpr std::size_t kMaxDateBytes = 256;
void check_date_format(std::string_view format, std::string_view whole, std::size_t column);
enum class DateZone : std::uint8_t { kUtc, kLocal };
// Of a checked format. Empty where the calendar has no such moment.
std::string format_date(std::int64_t wall_ms, const std::string& format, DateZone zone);

// A file name's stem, and its extension with the dot: empty where it has none ("Makefile",
// ".profile", "end.") and where what stands behind the dot is too long to be one.
std::pair<std::string_view, std::string_view> split_extension(std::string_view name);

}  // namespace spoolmq::adapters
