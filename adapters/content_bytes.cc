#include "adapters/content_bytes.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "core/text.h"
#include "core/utf8.h"
#include "core/xml_chars.h"

namespace spoolmq::adapters {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::size_t kMaxHeadBytes = 512;

struct Beginning {
  std::string_view bytes;
  std::string_view type;
};
constexpr Beginning kBeginnings[] = {
    {"%PDF-"sv, "application/pdf"},
    {"\x89PNG\r\n\x1A\n"sv, "image/png"},
    {"\xFF\xD8\xFF"sv, "image/jpeg"},
    {"GIF87a"sv, "image/gif"},
    {"GIF89a"sv, "image/gif"},
    {"PK\x03\x04"sv, "application/zip"},
    {"PK\x05\x06"sv, "application/zip"},  // without a member
    {"\x1F\x8B\x08"sv, "application/gzip"},
    {"MSH|"sv, "x-application/hl7-v2+er7"},
    {"<\0?\0x\0m\0l\0"sv, "application/xml"},  // UTF-16, with or without its mark
    {"\0<\0?\0x\0m\0l"sv, "application/xml"},
    {"\xFF\xFE<\0"sv, "application/xml"},
    {"\xFE\xFF\0<"sv, "application/xml"},
};

bool is_word_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

// The interchange's first segment, and behind its name what separates elements, which is no letter.
std::string_view as_edi(std::string_view head) {
  constexpr std::size_t kServiceStringBytes = 9;  // UNA and six characters; ISO 9735
  if (head.size() < 4 || is_word_char(head[3])) return {};
  if (head.starts_with("UNB")) return "application/EDIFACT";
  if (head.starts_with("UNA") && head.size() >= kServiceStringBytes) return "application/EDIFACT";
  if (head.starts_with("ISA") && !xml::is_space(head[3])) return "application/EDI-X12";
  return {};
}

void skip_space(std::string_view& text) {
  while (!text.empty() && xml::is_space(text.front())) text.remove_prefix(1);
}

std::string_view as_markup(std::string_view text) {
  if (!text.starts_with('<')) return {};
  const std::string start = ascii_lower(text.substr(0, 14));
  if (start.starts_with("<!doctype html") || start.starts_with("<html")) return "text/html";
  if (start.starts_with("<?xml") || start.starts_with("<!doctype") || start.starts_with("<!--")) {
    return "application/xml";
  }
  if (text.size() < 3 || !xml::starts_name(static_cast<unsigned char>(text[1]))) return {};
  std::size_t at = 2;
  while (at < text.size() && xml::continues_name(static_cast<unsigned char>(text[at]))) ++at;
  const bool tag =
      at < text.size() && (text[at] == '>' || text[at] == '/' || xml::is_space(text[at]));
  return tag ? "application/xml"sv : std::string_view();
}

// A number in the front, and what may follow one in a list.
bool starts_number_list(std::string_view text) {
  const std::size_t end = std::min(text.find_first_not_of("-+.0123456789eE"), text.size());
  if (end == 0) return false;
  text.remove_prefix(end);
  skip_space(text);
  return text.starts_with(',');
}

// Its first two tokens: "[section]" and "{name}" are none of JSON.
bool is_json(std::string_view text) {
  if (!text.starts_with('{') && !text.starts_with('[')) return false;
  const bool object = text.front() == '{';
  text.remove_prefix(1);
  skip_space(text);
  if (text.starts_with('"')) return true;
  if (object) return text.starts_with('}');
  for (const std::string_view value : {"{", "[", "]", "true", "false", "null"}) {
    if (text.starts_with(value)) return true;
  }
  return starts_number_list(text);
}

// UTF-8 without control characters but those of text; its last character may be cut off.
bool is_text(std::string_view head, bool cut) {
  constexpr std::string_view kTextControls = "\t\n\r\f\v\b\x1B";
  constexpr std::size_t kMaxCharacterBytes = 4;
  while (!head.empty()) {
    const Utf8Char c = front_utf8(head);
    if (c.length == 0) return cut && head.size() < kMaxCharacterBytes;
    const bool control = c.code < 0x20 || c.code == 0x7F;
    if (control && kTextControls.find(head.front()) == std::string_view::npos) return false;
    head.remove_prefix(c.length);
  }
  return true;
}

}  // namespace

std::string_view content_type_of_bytes(std::string_view head) {
  head = head.substr(0, kMaxHeadBytes);
  for (const auto& [bytes, type] : kBeginnings) {
    if (head.starts_with(bytes)) return type;
  }
  if (const std::string_view edi = as_edi(head); !edi.empty()) return edi;
  std::string_view text = head;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  skip_space(text);
  if (text.empty()) return {};
  if (const std::string_view markup = as_markup(text); !markup.empty()) return markup;
  if (!is_text(head, head.size() == kMaxHeadBytes)) return {};
  return is_json(text) ? "application/json" : "text/plain";
}

}  // namespace spoolmq::adapters
