#include "adapters/dead_letter_name.h"

#include <algorithm>

#include "adapters/export_name.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kLongestName = kMaxFileNameBytes - kReasonSuffix.size();
constexpr std::size_t kMaxRecordDigits = 20;

struct Parts {
  std::string_view stem;
  std::string_view extension;  // with its dot
};

Parts parts_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return {name, {}};
  return {name.substr(0, dot), name.substr(dot)};
}

// Cut between characters.
std::string_view first_bytes(std::string_view text, std::size_t count) {
  if (text.size() <= count) return text;
  while (count > 0 && (static_cast<unsigned char>(text[count]) & 0xC0U) == 0x80U) --count;
  return text.substr(0, count);
}

// `middle` goes before the extension; where it is too long, the stem is cut.
std::string with_middle(std::string_view name, std::string_view middle) {
  auto [stem, extension] = parts_of(name);
  if (extension.size() + middle.size() >= kLongestName) {
    stem = name;
    extension = {};
  }
  stem = first_bytes(stem, kLongestName - extension.size() - middle.size());
  return std::string(stem) + std::string(middle) + std::string(extension);
}

bool is_record_number(std::string_view text) {
  return !text.empty() && text.size() <= kMaxRecordDigits &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string dead_letter_name(const Message& message) {
  const std::string* const given = message.header("name");
  const std::string name = safe_file_name(given != nullptr ? *given : "", message.id.text());
  const std::string* const record = message.header("record");
  if (record == nullptr || !is_record_number(*record)) return with_middle(name, {});
  return with_middle(name, ".record-" + *record);
}

std::string numbered_letter_name(std::string_view name, std::uint64_t number) {
  return with_middle(name, "." + std::to_string(number));
}

}  // namespace spoolmq::adapters
