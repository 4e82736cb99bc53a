#include <array>
#include <charconv>
#include <string>
#include <string_view>

#include "core/check.h"
#include "core/record_codec.h"
#include "core/text.h"
#include "core/units.h"
#include "core/utf8.h"
#include "core/xml_chars.h"
#include "core/xml_codec.h"
#include "core/xml_layout.h"

namespace spoolmq::xml {
namespace {

constexpr std::size_t kBase64Columns = 76;

// What stands for a byte in text or in the value of an attribute; empty: itself.
struct Escapes {
  std::string_view of[256];
  [[nodiscard]] const std::string_view& operator()(char c) const {
    return of[static_cast<unsigned char>(c)];
  }
};
constexpr Escapes text_escapes() {
  Escapes escapes;
  escapes.of['&'] = "&amp;";
  escapes.of['<'] = "&lt;";
  escapes.of['>'] = "&gt;";
  return escapes;
}
// White space other than spaces would be turned into spaces by every reader.
constexpr Escapes attribute_escapes() {
  Escapes escapes = text_escapes();
  escapes.of['"'] = "&quot;";
  escapes.of['\t'] = "&#9;";
  escapes.of['\n'] = "&#10;";
  escapes.of['\r'] = "&#13;";
  return escapes;
}
constexpr Escapes kTextEscapes = text_escapes();
constexpr Escapes kAttributeEscapes = attribute_escapes();

// Whether it is UTF-8 of characters that XML has. As text there must be no CR either: readers make
// LF of it.
enum class Place { kText, kAttribute };
bool carries(std::string_view bytes, Place place) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (true) {
    while (at != end && is_plain(*at)) ++at;
    if (at == end) return true;
    const Utf8Char c = front_utf8({at, end});
    if (c.length == 0 || !is_char(c.code) || (c.code == '\r' && place == Place::kText)) {
      return false;
    }
    at += c.length;
  }
}

std::size_t escaped_size(std::string_view bytes) {
  std::size_t size = bytes.size();
  for (const char c : bytes) {
    if (const std::string_view& escape = kTextEscapes(c); !escape.empty()) {
      size += escape.size() - 1;
    }
  }
  return size;
}

class Writer {
 public:
  explicit Writer(std::size_t expected_size) { out_.reserve(expected_size); }

  Writer& raw(std::string_view text) {
    out_ += text;
    return *this;
  }

  Writer& escaped(std::string_view bytes, const Escapes& escapes = kTextEscapes) {
    const char* done = bytes.data();
    const char* const end = done + bytes.size();
    for (const char* at = done; at != end; ++at) {
      const std::string_view& escape = escapes(*at);
      if (escape.empty()) continue;
      out_.append(done, at).append(escape);
      done = at + 1;
    }
    out_.append(done, end);
    return *this;
  }

  Writer& attribute(std::string_view name, std::string_view value, std::string_view suffix = {}) {
    raw(" ").raw(name).raw(suffix).raw("=\"").escaped(value, kAttributeEscapes);
    return raw("\"");
  }

  template <typename Integer>
  Writer& number(std::string_view name, Integer value, std::string_view suffix = {}) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    return attribute(name, {digits.data(), end}, suffix);
  }

  Writer& time(std::string_view name, std::int64_t wall_ms) {
    if (wall_ms < kFirstDateMs || wall_ms > kLastDateMs) {
      return number(name, wall_ms, kMillisecondsSuffix);
    }
    return attribute(name, format_time(wall_ms));
  }

  // Nothing when it is empty.
  Writer& field(std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    if (carries(value, Place::kAttribute)) return attribute(name, value);
    return attribute(name, base64_encode(value), kBase64Suffix);
  }

  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

void write_header(Writer& out, const Header& header) {
  const auto& [name, value] = header;
  const bool plain_value = carries(value, Place::kText);
  out.raw("  <header");
  if (carries(name, Place::kAttribute)) {
    out.attribute("name", name);
  } else {
    out.attribute("name", base64_encode(name)).attribute("name-encoding", "base64");
  }
  if (plain_value) {
    out.raw(">").escaped(value);
  } else {
    out.attribute("encoding", "base64").raw(">").raw(base64_encode(value));
  }
  out.raw("</header>\n");
}

void write_body(Writer& out, const Message& message) {
  out.raw("  <body");
  if (message.large_body) {
    out.attribute("encoding", "file").number("length", message.large_body->length);
    out.attribute("checksum", hex16(message.large_body->checksum)).raw("/>\n");
    return;
  }
  const std::string& body = message.body;
  if (carries(body, Place::kText) && escaped_size(body) <= kMaxEscapedBodyBytes) {
    out.attribute("encoding", "text").number("length", body.size()).raw(">");
    out.escaped(body).raw("</body>\n");
    return;
  }
  out.attribute("encoding", "base64").number("length", body.size()).raw(">\n");
  const std::string text = base64_encode(body);
  for (std::size_t at = 0; at < text.size(); at += kBase64Columns) {
    out.raw(std::string_view(text).substr(at, kBase64Columns)).raw("\n");
  }
  out.raw("  </body>\n");
}

std::size_t expected_size(const Message& message) {
  std::size_t size = 1024 + message.body.size() + message.body.size() / 2;
  for (const auto& [name, value] : message.headers) size += 64 + name.size() + value.size();
  return size;
}

}  // namespace

std::string encode(const Message& message, std::uint16_t flags) {
  SPOOLMQ_CHECK(within_limits(message));  // else decode would refuse it
  Writer out(expected_size(message));
  out.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<message");
  out.attribute("xmlns", kNamespace).attribute("id", message.id.text());
  out.time("sent", message.sent_at_ms).number("priority", message.priority);
  if (message.not_before_ms != 0) out.time("not-before", message.not_before_ms);
  if (message.expires_at_ms != 0) out.time("expires", message.expires_at_ms);
  out.field("dedupe-key", message.dedupe_key).field("order-key", message.order_key);
  out.field("reply-to", message.reply_to).field("correlation-id", message.correlation_id);
  if ((flags & record::kOsDurability) != 0) out.attribute("durability", "os");
  out.raw(">\n  <from").number("uid", message.from.uid).number("pid", message.from.pid);
  out.field("name", message.from.name).raw("/>\n");
  for (const Header& header : message.headers) write_header(out, header);
  write_body(out, message);
  out.raw("  <checksum>").raw(hex16(record::content_checksum(message)));
  out.raw("</checksum>\n</message>\n");
  return out.take();
}

}  // namespace spoolmq::xml
