#include "adapters/split_xml_scanner.h"

#include <algorithm>

#include "core/xml_chars.h"

namespace spoolmq::adapters {
namespace {

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }
// A byte above ASCII may be part of a letter in whatever encoding this is.
bool may_start_name(char c) { return !is_ascii(c) || xml::starts_name(static_cast<char32_t>(c)); }
bool may_be_in_name(char c) {
  return !is_ascii(c) || xml::continues_name(static_cast<char32_t>(c));
}

}  // namespace

XmlScanner::Token XmlScanner::broken(std::string_view why) {
  if (why_.empty()) why_ = std::string(why) + " (byte " + std::to_string(reader_.offset()) + ")";
  return Token::kBroken;
}

XmlScanner::Token XmlScanner::next() {
  if (reader_.front() != '<') return text();
  if (reader_.take_if("</")) return end_tag();
  if (reader_.take_if("<?")) {
    return reader_.take_through("?>") ? Token::kOther
                                      : broken("a processing instruction is not closed");
  }
  if (reader_.take_if("<!--")) {
    return reader_.take_through("-->") ? Token::kOther : broken("a comment is not closed");
  }
  if (reader_.take_if("<![CDATA[")) {
    return reader_.take_through("]]>") ? Token::kCdata : broken("a CDATA section is not closed");
  }
  if (reader_.take_if("<!DOCTYPE")) return doctype();
  reader_.take(1);
  return start_tag();
}

XmlScanner::Token XmlScanner::text() {
  bool blank = true;
  while (!reader_.at_end() && reader_.front() != '<') {
    const std::string_view bytes = reader_.window();
    const std::string_view run = bytes.substr(0, bytes.find('<'));
    blank = blank && std::ranges::all_of(run, xml::is_space);
    reader_.take(run.size());
  }
  return blank ? Token::kSpace : Token::kText;
}

// [40] STag, [44] EmptyElemTag
XmlScanner::Token XmlScanner::start_tag() {
  namespaces_.clear();
  namespace_bytes_ = 0;
  if (!read_name(name_)) return broken("a tag has no name");
  while (true) {
    const bool spaced = read_space();
    if (reader_.take_if("/>")) return Token::kEmptyTag;
    if (reader_.take_if(">")) return Token::kStartTag;
    if (!spaced) return broken("a start tag is malformed");
    if (!read_attribute()) return broken("an attribute is malformed");
  }
}

// [42] ETag
XmlScanner::Token XmlScanner::end_tag() {
  if (!read_name(name_)) return broken("an end tag has no name");
  read_space();
  return reader_.take_if(">") ? Token::kEndTag : broken("an end tag is malformed");
}

// [28] doctypedecl
XmlScanner::Token XmlScanner::doctype() {
  bool internal = false;  // between [ and ]
  while (!reader_.at_end()) {
    if (reader_.sees("<!ENTITY")) return broken("it declares entities");
    if (internal && reader_.take_if("<!--")) {
      if (!reader_.take_through("-->")) break;
      continue;
    }
    if (internal && reader_.take_if("<?")) {
      if (!reader_.take_through("?>")) break;
      continue;
    }
    const char c = reader_.front();
    reader_.take(1);
    if ((c == '"' || c == '\'') && !reader_.take_through(c)) break;
    if (c == '[') internal = true;
    if (c == ']') internal = false;
    if (c == '>' && !internal) return Token::kDoctype;
  }
  return broken("the DOCTYPE is not closed");
}

bool XmlScanner::read_space() {
  const std::uint64_t start = reader_.offset();
  while (!reader_.at_end() && xml::is_space(reader_.front())) reader_.take(1);
  return reader_.offset() != start;
}

// [5] Name
bool XmlScanner::read_name(std::string& name) {
  name.clear();
  while (!reader_.at_end()) {
    const char c = reader_.front();
    if (!(name.empty() ? may_start_name(c) : may_be_in_name(c))) break;
    if (name.size() == kMaxNameBytes) {
      broken("a name is too long");
      return false;
    }
    name += c;
    reader_.take(1);
  }
  return !name.empty();
}

// [41] Attribute
bool XmlScanner::read_attribute() {
  NamespaceDeclaration attribute;
  if (!read_name(attribute.name)) return false;
  read_space();
  if (!reader_.take_if("=")) return false;
  read_space();
  if (reader_.at_end()) return false;
  const char quote = reader_.front();
  if (quote != '"' && quote != '\'') return false;
  reader_.take(1);
  const bool declares = attribute.name == "xmlns" || attribute.name.starts_with("xmlns:");
  if (declares) attribute.value = quote;
  const char ends[] = {quote, '<'};
  while (!reader_.at_end()) {
    const std::string_view bytes = reader_.window();
    const std::string_view run =
        bytes.substr(0, bytes.find_first_of(std::string_view(ends, sizeof ends)));
    if (declares) {
      namespace_bytes_ += run.size();
      if (namespace_bytes_ > kMaxNamespaceBytes) {
        broken("its namespace declarations are too long");
        return false;
      }
      attribute.value += run;
    }
    const bool ended = run.size() < bytes.size();
    const bool closed = ended && bytes[run.size()] == quote;
    reader_.take(run.size() + (closed ? 1 : 0));
    if (closed) break;
    if (ended) {
      broken("< stands in the value of an attribute");
      return false;
    }
  }
  if (!declares) return true;
  attribute.value += quote;
  namespaces_.push_back(std::move(attribute));
  return true;
}

}  // namespace spoolmq::adapters
