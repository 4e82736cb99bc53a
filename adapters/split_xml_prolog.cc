#include "adapters/split_xml_prolog.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "core/text.h"
#include "core/xml_chars.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMaxDeclarationBytes = 1024;

using std::string_view_literals::operator""sv;

// Byte order marks and "<?" or "<" of XML 1.0 appendix F that are no ASCII.
constexpr std::string_view kWideBeginnings[] = {"\xFE\xFF"sv, "\xFF\xFE"sv, "\0\0\xFE\xFF"sv,
                                                "\0<"sv,      "<\0"sv,      "\0\0\0<"sv};

// Encodings whose bytes below 0x80 are ASCII and whose other characters have none of them that
// XML markup consists of. In lower case; patterns of glob_match.
constexpr std::string_view kContainAscii[] = {
    "iso-8859-*", "latin1", "latin-1", "windows-125?", "cp125?", "windows-874", "koi8-?",
    "tis-620",    "euc-jp", "euc-kr",  "gb2312",       "big5",   "gbk",         "gb18030"};

// The pseudo-attributes of an XML declaration, front to back. [23] XMLDecl
class Declaration {
 public:
  explicit Declaration(std::string_view inside) : rest_(inside) {}

  // White space, then `wanted` = a quoted value. Where it is something else nothing is consumed.
  std::optional<std::string_view> take(std::string_view wanted) {
    std::string_view rest = rest_;
    if (!skip_space(rest) || !rest.starts_with(wanted)) return std::nullopt;
    rest.remove_prefix(wanted.size());
    skip_space(rest);
    if (!rest.starts_with('=')) return std::nullopt;
    rest.remove_prefix(1);
    skip_space(rest);
    if (!rest.starts_with('"') && !rest.starts_with('\'')) return std::nullopt;
    const std::size_t end = rest.find(rest.front(), 1);
    if (end == std::string_view::npos) return std::nullopt;
    rest_ = rest.substr(end + 1);
    return rest.substr(1, end - 1);
  }

  [[nodiscard]] bool at_end() const { return std::ranges::all_of(rest_, xml::is_space); }

 private:
  static bool skip_space(std::string_view& text) {
    const std::size_t before = text.size();
    while (!text.empty() && xml::is_space(text.front())) text.remove_prefix(1);
    return text.size() != before;
  }

  std::string_view rest_;
};

// [81] EncName
bool is_encoding_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !text.empty() && letter(text.front()) && std::ranges::all_of(text, [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

std::optional<XmlBytes> bytes_of(std::string_view encoding) {
  const std::string name = ascii_lower(encoding);
  if (name == "utf-8" || name == "utf8") return XmlBytes::kUtf8;
  if (name == "us-ascii" || name == "ascii") return XmlBytes::kAscii;
  for (const std::string_view pattern : kContainAscii) {
    if (glob_match(pattern, name)) return XmlBytes::kContainsAscii;
  }
  return std::nullopt;
}

std::variant<XmlEncoding, XmlRefusal> understand(std::string_view declaration, bool marked) {
  Declaration rest(declaration);
  const auto version = rest.take("version");
  const auto encoding = rest.take("encoding");
  rest.take("standalone");
  if (!version || !version->starts_with("1.") || !rest.at_end() ||
      (encoding && !is_encoding_name(*encoding))) {
    return XmlRefusal{"the XML declaration is malformed"};
  }
  if (!encoding) return XmlEncoding{};
  const auto bytes = bytes_of(*encoding);
  if (!bytes || (marked && *bytes != XmlBytes::kUtf8)) {
    return XmlRefusal{"it declares the encoding " + std::string(*encoding) +
                      (bytes ? " behind a byte order mark of UTF-8"
                             : ", which is not one of those that are split (UTF-8, ISO-8859-1, "
                               "windows-1252 and others that contain ASCII)")};
  }
  return XmlEncoding{*bytes, std::string(*encoding)};
}

}  // namespace

std::variant<XmlEncoding, XmlRefusal> read_xml_prolog(PieceReader& reader) {
  for (const std::string_view beginning : kWideBeginnings) {
    if (reader.sees(beginning)) {
      return XmlRefusal{"it is UTF-16 or UTF-32; only encodings that contain ASCII are split"};
    }
  }
  constexpr std::string_view kOpening = "<?xml";
  bool declared = false;
  for (const char space : " \t\r\n"sv) {
    declared = declared || reader.sees(std::string(kOpening) + space);
  }
  if (!declared) return XmlEncoding{};
  reader.take(kOpening.size());
  std::string inside;
  while (!inside.ends_with("?>")) {
    if (reader.at_end() || inside.size() == kMaxDeclarationBytes) {
      return XmlRefusal{"the XML declaration is not closed"};
    }
    inside += reader.front();
    reader.take(1);
  }
  return understand(std::string_view(inside).substr(0, inside.size() - 2),
                    reader.had_byte_order_mark());
}

}  // namespace spoolmq::adapters
