#include <algorithm>
#include <charconv>
#include <new>
#include <optional>
#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "core/record_codec.h"
#include "core/text.h"
#include "core/units.h"
#include "core/xml_chars.h"
#include "core/xml_codec.h"
#include "core/xml_layout.h"

namespace spoolmq::xml {
namespace {

// What every XML reader does to references, line ends and the white space of attributes; text is
// kept whole, a header of nothing but spaces too. Comments and the like do not enter the tree.
constexpr unsigned kParseFlags = pugi::parse_cdata | pugi::parse_escapes | pugi::parse_eol |
                                 pugi::parse_wconv_attribute | pugi::parse_ws_pcdata;

// The first thing found wrong. Reading goes on behind it, with values that nobody will see.
class Verdict {
 public:
  void refuse(pugi::xml_node where, std::string why) {
    if (refusal_) return;
    const auto offset = std::max<std::ptrdiff_t>(0, where.offset_debug());
    refusal_ = Refusal{static_cast<std::size_t>(offset), std::move(why)};
  }
  [[nodiscard]] const std::optional<Refusal>& refusal() const { return refusal_; }

 private:
  std::optional<Refusal> refusal_;
};

std::string described(pugi::xml_node element, std::string_view attribute) {
  return std::string("<").append(element.name()).append("> ").append(attribute);
}

// The attributes of one element. Each is taken once; those left at the end are unknown.
class Attributes {
 public:
  Attributes(pugi::xml_node element, Verdict& verdict) : element_(element), verdict_(verdict) {}

  std::optional<std::string_view> take(const std::string& name) {
    const pugi::xml_attribute attribute = element_.attribute(name.c_str());
    if (!attribute) return std::nullopt;
    ++taken_;
    return attribute.value();
  }

  std::string_view required(const std::string& name) {
    const auto value = take(name);
    if (!value) verdict_.refuse(element_, described(element_, name) + " is missing");
    return value.value_or(std::string_view());
  }

  template <typename Integer>
  Integer number(const std::string& name) {
    return number_in<Integer>(name, required(name));
  }

  std::optional<std::int64_t> time(const std::string& name) {
    const auto date = take(name);
    const auto ms = take(name + kMillisecondsSuffix);
    if (date && ms) verdict_.refuse(element_, described(element_, name) + " is given twice");
    if (ms) return number_in<std::int64_t>(name + kMillisecondsSuffix, *ms);
    if (!date) return std::nullopt;
    const auto wall_ms = parse_time(*date);
    if (!wall_ms) verdict_.refuse(element_, described(element_, name) + " is not a time");
    return wall_ms;
  }

  // Empty where there is none.
  std::string field(const std::string& name) {
    const auto plain = take(name);
    const auto base64 = take(name + kBase64Suffix);
    if (plain && base64) verdict_.refuse(element_, described(element_, name) + " is given twice");
    if (!base64) return std::string(plain.value_or(std::string_view()));
    auto value = base64_decode(*base64);
    if (!value) verdict_.refuse(element_, described(element_, name) + " is not base64");
    return std::move(value).value_or(std::string());
  }

  // The bytes of `text`, which is base64 where the attribute says so.
  std::string bytes(const std::string& encoding_name, std::string text) {
    const auto encoding = take(encoding_name);
    if (!encoding) return text;
    auto value = *encoding == "base64" ? base64_decode(text) : std::nullopt;
    if (!value) verdict_.refuse(element_, described(element_, encoding_name) + " does not fit");
    return std::move(value).value_or(std::string());
  }

  void end() {
    const auto all = element_.attributes();
    if (taken_ != std::distance(all.begin(), all.end())) {
      verdict_.refuse(element_, described(element_, "has an unknown attribute"));
    }
  }

 private:
  template <typename Integer>
  Integer number_in(const std::string& name, std::string_view text) {
    Integer value{};
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stop != end) {
      verdict_.refuse(element_, described(element_, name) + " is not a number of its range");
    }
    return value;
  }

  pugi::xml_node element_;
  Verdict& verdict_;
  std::ptrdiff_t taken_ = 0;
};

// The elements within one that has no text of its own, in the order they must have.
class Children {
 public:
  Children(pugi::xml_node parent, Verdict& verdict)
      : parent_(parent), next_(parent.first_child()), verdict_(verdict) {
    skip_space();
  }

  // The next one if it has that name, else a null node.
  pugi::xml_node take(std::string_view name) {
    if (next_.type() != pugi::node_element || next_.name() != name) return {};
    const pugi::xml_node found = std::exchange(next_, next_.next_sibling());
    skip_space();
    return found;
  }

  pugi::xml_node required(std::string_view name) {
    const pugi::xml_node found = take(name);
    if (!found) refuse_next(std::string("<").append(name).append("> is missing or out of place"));
    return found;
  }

  void end() {
    if (next_) refuse_next(described(parent_, "has something that does not belong there"));
  }

 private:
  void skip_space() {
    while (next_.type() == pugi::node_pcdata &&
           std::ranges::all_of(std::string_view(next_.value()), is_space)) {
      next_ = next_.next_sibling();
    }
  }
  void refuse_next(std::string why) { verdict_.refuse(next_ ? next_ : parent_, std::move(why)); }

  pugi::xml_node parent_;
  pugi::xml_node next_;
  Verdict& verdict_;
};

// Comments and CDATA sections may have split it.
std::string text_of(pugi::xml_node element, Verdict& verdict) {
  std::string text;
  for (const pugi::xml_node child : element.children()) {
    if (child.type() == pugi::node_element) {
      verdict.refuse(child, described(element, "has an element in its text"));
    }
    text += child.value();
  }
  return text;
}

Sender read_sender(pugi::xml_node element, Verdict& verdict) {
  Attributes attributes(element, verdict);
  Sender from;
  from.uid = attributes.number<std::uint32_t>("uid");
  from.pid = attributes.number<std::uint32_t>("pid");
  from.name = attributes.field("name");
  attributes.end();
  Children(element, verdict).end();
  return from;
}

Header read_header(pugi::xml_node element, Verdict& verdict) {
  Attributes attributes(element, verdict);
  std::string name = attributes.bytes("name-encoding", std::string(attributes.required("name")));
  std::string value = attributes.bytes("encoding", text_of(element, verdict));
  attributes.end();
  return {std::move(name), std::move(value)};
}

void read_body(pugi::xml_node element, Message& message, Verdict& verdict) {
  Attributes attributes(element, verdict);
  const auto length = attributes.number<std::uint64_t>("length");
  const std::string_view encoding = attributes.required("encoding");
  if (encoding == "file") {
    const auto checksum = parse_hex16(attributes.required("checksum"));
    if (!checksum) verdict.refuse(element, described(element, "checksum is not 16 digits"));
    message.large_body = LargeBody{length, checksum.value_or(0)};
    Children(element, verdict).end();
  } else if (encoding == "text") {
    message.body = text_of(element, verdict);
  } else if (auto bytes =
                 encoding == "base64" ? base64_decode(text_of(element, verdict)) : std::nullopt) {
    message.body = std::move(*bytes);
  } else {
    verdict.refuse(element, described(element, "encoding is unknown or does not fit"));
  }
  attributes.end();
  if (message.body_size() != length) verdict.refuse(element, "<body> is not of the stated length");
}

Decoded read_message(pugi::xml_node root, Verdict& verdict) {
  Decoded decoded;
  Message& message = decoded.message;
  Attributes attributes(root, verdict);
  if (root.name() != std::string_view("message") || attributes.required("xmlns") != kNamespace) {
    verdict.refuse(root, std::string("the root is no <message> of ") + kNamespace);
  }
  const auto id = MessageId::parse(attributes.required("id"));
  if (!id) verdict.refuse(root, described(root, "id is not a UUID"));
  message.id = id.value_or(MessageId());
  const auto sent = attributes.time("sent");
  if (!sent) verdict.refuse(root, described(root, "sent is missing"));
  message.sent_at_ms = sent.value_or(0);
  message.priority = attributes.number<std::uint16_t>("priority");
  message.not_before_ms = attributes.time("not-before").value_or(0);
  message.expires_at_ms = attributes.time("expires").value_or(0);
  message.dedupe_key = attributes.field("dedupe-key");
  message.order_key = attributes.field("order-key");
  message.reply_to = attributes.field("reply-to");
  message.correlation_id = attributes.field("correlation-id");
  if (const auto durability = attributes.take("durability")) {
    if (*durability != "os") verdict.refuse(root, described(root, "durability is unknown"));
    decoded.flags |= record::kOsDurability;
  }
  attributes.end();

  Children children(root, verdict);
  message.from = read_sender(children.required("from"), verdict);
  while (const pugi::xml_node header = children.take("header")) {
    message.headers.push_back(read_header(header, verdict));
  }
  read_body(children.required("body"), message, verdict);
  if (message.large_body) decoded.flags |= record::kLargeBodyRecord;
  const pugi::xml_node stated = children.required("checksum");
  Attributes(stated, verdict).end();
  const auto checksum = parse_hex16(text_of(stated, verdict));
  children.end();
  if (!within_limits(message)) verdict.refuse(root, "the message is beyond the limits of one");
  if (!verdict.refusal() && checksum != record::content_checksum(message)) {
    verdict.refuse(stated, "the checksum is wrong");
  }
  return decoded;
}

}  // namespace

std::variant<Decoded, Refusal> decode(std::string_view bytes) {
  if (bytes.size() > kMaxFileBytes) return Refusal{kMaxFileBytes, "it is too large"};
  if (auto refusal = check_well_formed(bytes)) return std::move(*refusal);
  pugi::xml_document document;
  const pugi::xml_parse_result parsed =
      document.load_buffer(bytes.data(), bytes.size(), kParseFlags, pugi::encoding_utf8);
  if (parsed.status == pugi::status_out_of_memory) throw std::bad_alloc();
  if (!parsed) return Refusal{static_cast<std::size_t>(parsed.offset), parsed.description()};
  Verdict verdict;
  Decoded decoded = read_message(document.document_element(), verdict);
  if (verdict.refusal()) return *verdict.refusal();
  return decoded;
}

}  // namespace spoolmq::xml
