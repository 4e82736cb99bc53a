#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "adapters/piece_reader.h"
#include "adapters/split_kinds.h"
#include "adapters/split_xml_namespaces.h"
#include "adapters/split_xml_prolog.h"
#include "adapters/split_xml_scanner.h"
#include "core/text.h"
#include "core/xml_codec.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMaxXmlDepth = 1000;
constexpr std::size_t kShownNameBytes = 64;

std::string shown(std::string_view name) {
  return "<" + printable(name.substr(0, kShownNameBytes)) + ">";
}

class XmlSplitter final : public Splitter {
 public:
  XmlSplitter(XmlPath path, std::size_t limit, BodySource source)
      : path_(std::move(path)), limit_(limit), reader_(std::move(source), kept_bytes(limit)) {}

  std::optional<SplitRecord> next() override {
    if (done_) return std::nullopt;
    if (!std::exchange(begun_, true)) {
      if (auto why = begin()) return last_bad(std::move(*why));
    }
    while (!reader_.at_end()) {
      if (!in_record()) reader_.begin_piece();
      const Token token = scanner_.next();
      if (auto why = enter(token)) return last_bad(std::move(*why));
      const bool leaves = token == Token::kEndTag || token == Token::kEmptyTag;
      if (leaves && leave()) return record();
    }
    if (!in_record()) reader_.begin_piece();
    if (!open_.empty()) {
      return last_bad("the element " + shown(open_.back()) + " is not closed");
    }
    if (!root_seen_) return last_bad("it has no element");
    return std::nullopt;
  }

 private:
  using Token = XmlScanner::Token;

  [[nodiscard]] bool in_record() const { return record_depth_ != 0; }

  // Each of these returns why nothing can be read from there on.
  using Broken = std::optional<std::string>;

  Broken begin() {
    if (reader_.at_end()) return std::nullopt;
    reader_.begin_piece();
    auto prolog = read_xml_prolog(reader_);
    if (const auto* refusal = std::get_if<XmlRefusal>(&prolog)) return refusal->why;
    const auto& [bytes, declared] = std::get<XmlEncoding>(prolog);
    bytes_ = bytes;
    if (bytes != XmlBytes::kUtf8) {
      declaration_ = "<?xml version=\"1.0\" encoding=\"" + declared + "\"?>";
    }
    return std::nullopt;
  }

  Broken enter(Token token) {
    const bool outside = open_.empty();
    switch (token) {
      case Token::kBroken:
        return scanner_.why();
      case Token::kText:
      case Token::kCdata:
        if (outside) return "there is text outside the root element";
        break;
      case Token::kDoctype:
        if (!outside || root_seen_) return "a DOCTYPE stands behind the beginning";
        break;
      case Token::kStartTag:
      case Token::kEmptyTag:
        return open();
      case Token::kEndTag:
        if (outside) return "the end tag " + shown("/" + scanner_.name()) + " has no start tag";
        if (open_.back() != scanner_.name()) {
          return "the end tag " + shown("/" + scanner_.name()) + " does not match " +
                 shown(open_.back());
        }
        break;
      case Token::kSpace:
      case Token::kOther:
        break;
    }
    return std::nullopt;
  }

  Broken open() {
    if (open_.empty() && std::exchange(root_seen_, true)) return "there is a second root element";
    if (open_.size() == kMaxXmlDepth) return "its elements are nested too deep";
    const std::size_t depth = open_.size() + 1;
    if (!in_record()) {
      if (path_.matches(open_, scanner_.name())) {
        record_depth_ = depth;
        namespaces_place_ = 1 + scanner_.name().size();
        namespaces_ = scope_.in_force(scanner_.namespaces());
      } else if (auto why = declare(depth)) {
        return why;
      }
    }
    open_.push_back(scanner_.name());
    return std::nullopt;
  }

  // They will stand in every record within, so they are looked at as those are.
  Broken declare(std::size_t depth) {
    const auto& declared = scanner_.namespaces();
    if (declared.empty()) return std::nullopt;
    if (!scope_.enter(depth, declared)) return "its namespace declarations are too long";
    const std::string element = "<a" + written(declared) + "/>";
    if (fault_inside(element)) return "its namespace declarations are malformed";
    return std::nullopt;
  }

  // Whether that ended a record.
  bool leave() {
    const std::size_t depth = open_.size();
    open_.pop_back();
    scope_.leave(depth);
    if (record_depth_ != depth) return false;
    record_depth_ = 0;
    return true;
  }

  SplitRecord record() {
    const std::size_t added = declaration_.size() + namespaces_.size();
    if (added > limit_ || reader_.piece_size() > limit_ - added) {
      return reader_.bad_record(too_long(limit_));
    }
    if (auto why = fault_inside(reader_.piece())) return reader_.bad_record(std::move(*why));
    SplitRecord made = reader_.good_record();
    if (added != 0) {
      made.body.insert(namespaces_place_, namespaces_);
      made.body.insert(0, declaration_);
    }
    return made;
  }

  // What the scanner does not look at; it says nothing about what comes behind the record.
  std::optional<std::string> fault_inside(std::string_view element) const {
    if (bytes_ == XmlBytes::kContainsAscii) return std::nullopt;
    if (const auto refusal = xml::check_well_formed(element, element.size())) {
      return refusal->why + " (byte " + std::to_string(refusal->offset) + " of it)";
    }
    const auto ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
    if (bytes_ == XmlBytes::kAscii && !std::ranges::all_of(element, ascii)) {
      return "the file declares US-ASCII, and it is not";
    }
    return std::nullopt;
  }

  SplitRecord last_bad(std::string why) {
    done_ = true;
    reader_.take_rest();
    return reader_.bad_record(std::move(why));
  }

  XmlPath path_;
  std::size_t limit_;
  PieceReader reader_;
  XmlScanner scanner_{reader_};
  XmlBytes bytes_ = XmlBytes::kUtf8;
  std::string declaration_;  // what goes before each record
  bool begun_ = false;
  bool done_ = false;
  bool root_seen_ = false;
  std::vector<std::string> open_;  // names, outermost first
  NamespaceScope scope_;
  std::size_t record_depth_ = 0;  // of the element that becomes a record; 0: none is open
  std::size_t namespaces_place_ = 0;
  std::string namespaces_;  // what goes into its start tag there
};

}  // namespace

std::unique_ptr<Splitter> make_xml_splitter(XmlPath path, std::size_t max_record_bytes,
                                            BodySource source) {
  return std::make_unique<XmlSplitter>(std::move(path), max_record_bytes, std::move(source));
}

}  // namespace spoolmq::adapters
