#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "core/text.h"
#include "core/utf8.h"
#include "core/xml_chars.h"
#include "core/xml_codec.h"

namespace spoolmq::xml {
namespace {

constexpr std::size_t kMaxAttributes = 256;  // of one element
constexpr std::size_t kShownNameBytes = 64;  // of a name, in a refusal
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

// One pass over the bytes, front to back, without recursion. Every step returns whether to go on;
// the first that does not has set refusal_. Numbers in brackets are productions of XML 1.0.
class Scanner {
 public:
  Scanner(std::string_view bytes, std::size_t max_nodes) : bytes_(bytes), max_nodes_(max_nodes) {}

  std::optional<Refusal> run() {
    skip(kByteOrderMark);
    if (!declaration()) return refusal_;
    while (!at_end()) {
      if (!(bytes_[at_] == '<' ? markup() : depth_ > 0 ? text() : space_outside_root())) {
        return refusal_;
      }
    }
    if (depth_ > 0) {
      fail("the element " + shown(open_[depth_ - 1]) + " is not closed");
    } else if (!root_seen_) {
      fail("there is no element");
    }
    return refusal_;
  }

 private:
  [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }
  [[nodiscard]] std::string_view rest() const { return bytes_.substr(at_); }
  [[nodiscard]] bool sees(char c) const { return !at_end() && bytes_[at_] == c; }

  static std::string shown(std::string_view name) {
    return "<" + printable(name.substr(0, kShownNameBytes)) + ">";
  }

  bool fail(std::string why) {
    refusal_ = Refusal{at_, std::move(why)};
    return false;
  }

  bool skip(std::string_view literal) {
    const bool found = rest().starts_with(literal);
    if (found) at_ += literal.size();
    return found;
  }

  bool skip_space() {
    const std::size_t start = at_;
    while (!at_end() && is_space(bytes_[at_])) ++at_;
    return at_ != start;
  }

  bool count_node() {
    return ++nodes_ <= max_nodes_ || fail("it has too many elements, attributes and texts");
  }

  // Any character but those the caller looks for first. [2]
  bool one_char() {
    if (at_end()) return fail("it ends too early");
    const Utf8Char c = front_utf8(rest());
    if (c.length == 0) return fail("it is not UTF-8");
    if (!is_char(c.code)) return fail("it has a character that XML forbids");
    if (c.length > 1 && ascii_only_) return fail("it declares US-ASCII and is not");
    at_ += c.length;
    return true;
  }

  // [5] Name
  bool name(std::string_view& found) {
    const std::size_t start = at_;
    while (!at_end()) {
      const Utf8Char c = front_utf8(rest());
      const bool fits = at_ == start ? starts_name(c.code) : continues_name(c.code);
      if (c.length == 0 || !fits) break;
      if (!one_char()) return false;
    }
    found = bytes_.substr(start, at_ - start);
    return !found.empty() || fail("a name is missing or malformed");
  }

  // [23] XMLDecl
  bool declaration() {
    constexpr std::string_view kOpening = "<?xml";
    if (!rest().starts_with(kOpening) || rest().size() == kOpening.size() ||
        !is_space(rest()[kOpening.size()])) {
      return true;
    }
    at_ += kOpening.size();
    std::string_view value;
    if (!pseudo_attribute("version", value)) return fail("the declaration has no version");
    if (value.size() < 3 || !value.starts_with("1.") ||
        value.find_first_not_of("0123456789", 2) != std::string_view::npos) {
      return fail("the declared version is not 1.0");
    }
    if (pseudo_attribute("encoding", value)) {
      ascii_only_ = equals_ignoring_case(value, "us-ascii");
      if (!ascii_only_ && !equals_ignoring_case(value, "utf-8")) {
        return fail("the declared encoding is not UTF-8");
      }
    }
    if (pseudo_attribute("standalone", value) && value != "yes" && value != "no") {
      return fail("the declared standalone is neither yes nor no");
    }
    skip_space();
    return skip("?>") || fail("the declaration is malformed");
  }

  // White space, then `wanted` = a quoted value. Where it is something else nothing is consumed.
  bool pseudo_attribute(std::string_view wanted, std::string_view& value) {
    const std::size_t start = at_;
    bool found = skip_space() && skip(wanted);
    skip_space();
    found = found && skip("=");
    skip_space();
    if (found && (sees('"') || sees('\''))) {
      const std::size_t end = bytes_.find(bytes_[at_], at_ + 1);
      if (end != std::string_view::npos) {
        value = bytes_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
        return true;
      }
    }
    at_ = start;
    return false;
  }

  bool space_outside_root() { return skip_space() || fail("there is text outside the root"); }

  bool markup() {
    if (skip("</")) return end_tag();
    if (skip("<?")) return processing_instruction();
    if (skip("<!--")) return comment();
    if (depth_ > 0 && skip("<![CDATA[")) return cdata();
    if (rest().starts_with("<!")) return fail("a DOCTYPE or other declaration is not accepted");
    return start_tag();
  }

  // [14] CharData and references, up to the next '<'
  bool text() {
    if (!count_node()) return false;
    while (true) {
      skip_plain_text();
      if (at_end() || bytes_[at_] == '<') return true;
      if (rest().starts_with("]]>")) return fail("]]> stands in text");
      if (!(bytes_[at_] == '&' ? reference() : one_char())) return false;
    }
  }

  // What most text consists of; where speed counts.
  void skip_plain_text() {
    const char* at = bytes_.data() + at_;
    const char* const end = bytes_.data() + bytes_.size();
    while (at != end && is_plain(*at) && *at != '<' && *at != '&' && *at != ']') ++at;
    at_ = static_cast<std::size_t>(at - bytes_.data());
  }

  // [40] STag, [44] EmptyElemTag
  bool start_tag() {
    if (depth_ == 0 && root_seen_) return fail("there is a second root");
    if (depth_ == kMaxDepth) return fail("its elements are nested too deep");
    if (!count_node()) return false;
    ++at_;
    std::string_view element;
    if (!name(element)) return false;
    root_seen_ = true;
    attribute_count_ = 0;
    while (true) {
      const bool spaced = skip_space();
      if (skip("/>")) return true;
      if (skip(">")) {
        open_[depth_++] = element;
        return true;
      }
      if (!spaced) return fail("the start tag of " + shown(element) + " is malformed");
      if (!attribute()) return false;
    }
  }

  // [42] ETag
  bool end_tag() {
    if (depth_ == 0) return fail("an end tag has no start tag");
    const std::string_view element = open_[depth_ - 1];
    bool matches = skip(element);
    if (matches) {
      skip_space();
      matches = skip(">");
    }
    if (!matches) return fail("the end tag of " + shown(element) + " does not match");
    --depth_;
    return true;
  }

  // [41] Attribute
  bool attribute() {
    std::string_view key;
    if (!count_node() || !name(key)) return false;
    if (attribute_count_ == kMaxAttributes) return fail("an element has too many attributes");
    auto* const end = attributes_.begin() + attribute_count_;
    auto* const place = std::lower_bound(attributes_.begin(), end, key);
    if (place != end && *place == key) return fail("an attribute is given twice");
    std::move_backward(place, end, end + 1);
    *place = key;
    ++attribute_count_;

    skip_space();
    if (!skip("=")) return fail("an attribute has no value");
    skip_space();
    if (!sees('"') && !sees('\'')) return fail("the value of an attribute has no quotes");
    const char quote = bytes_[at_++];
    while (!sees(quote)) {
      if (sees('<')) return fail("< stands in the value of an attribute");
      if (!(sees('&') ? reference() : one_char())) return false;
    }
    ++at_;
    return true;
  }

  // [66] CharRef, [68] EntityRef of the five predefined
  bool reference() {
    for (const std::string_view predefined : {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"}) {
      if (skip(predefined)) return true;
    }
    if (!rest().starts_with("&#")) return fail("a reference names no predefined entity");
    at_ += 2;
    const unsigned base = skip("x") ? 16 : 10;
    char32_t code = 0;
    const std::size_t start = at_;
    for (; !at_end(); ++at_) {
      const char c = bytes_[at_];
      const bool digit = c >= '0' && c <= '9';
      const char lower = static_cast<char>(c | 0x20);
      if (!digit && (base == 10 || lower < 'a' || lower > 'f')) break;
      const auto value = static_cast<unsigned>(digit ? c - '0' : lower - 'a' + 10);
      code = std::min<char32_t>(code * base + value, 0x110000);
    }
    if (at_ == start || !sees(';')) return fail("a character reference is malformed");
    if (!is_char(code)) return fail("a reference names a character that XML forbids");
    ++at_;
    return true;
  }

  // [15] Comment
  bool comment() {
    if (!count_node()) return false;
    while (!skip("--")) {
      if (!one_char()) return false;
    }
    return skip(">") || fail("-- stands in a comment");
  }

  // [16] PI
  bool processing_instruction() {
    std::string_view target;
    if (!count_node() || !name(target)) return false;
    if (equals_ignoring_case(target, "xml")) {
      return fail("an XML declaration stands behind the beginning");
    }
    if (skip("?>")) return true;
    if (!skip_space()) return fail("a processing instruction is malformed");
    while (!skip("?>")) {
      if (!one_char()) return false;
    }
    return true;
  }

  // [18] CDSect
  bool cdata() {
    if (!count_node()) return false;
    while (!skip("]]>")) {
      if (!one_char()) return false;
    }
    return true;
  }

  std::string_view bytes_;
  std::size_t max_nodes_;
  std::size_t at_ = 0;
  std::size_t nodes_ = 0;
  std::size_t depth_ = 0;
  std::size_t attribute_count_ = 0;
  bool root_seen_ = false;
  bool ascii_only_ = false;
  std::array<std::string_view, kMaxDepth> open_;             // names, outermost first
  std::array<std::string_view, kMaxAttributes> attributes_;  // names of one element, sorted
  std::optional<Refusal> refusal_;
};

}  // namespace

std::optional<Refusal> check_well_formed(std::string_view bytes, std::size_t max_nodes) {
  return Scanner(bytes, max_nodes).run();
}

}  // namespace spoolmq::xml
