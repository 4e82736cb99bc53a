#pragma once
// The tokens of an XML file, for one who looks for its elements: tags with their names and
// namespace declarations; of everything else only where it ends. Nothing but ASCII is understood,
// so it fits every encoding that contains ASCII.
// Memory: the name of a tag and its namespace declarations, at most kMaxNameBytes each and
// kMaxNamespaceBytes together. Untrusted bytes: nothing throws for their sake.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/piece_reader.h"
#include "adapters/split_xml_namespaces.h"

namespace spoolmq::adapters {

class XmlScanner {
 public:
  static constexpr std::size_t kMaxNameBytes = 1024;

  enum class Token : std::uint8_t {
    kSpace,
    kText,  // more than white space
    kStartTag,
    kEmptyTag,
    kEndTag,
    kCdata,
    kDoctype,
    kOther,   // a comment or processing instruction
    kBroken,  // not well-formed here: why() says so, and nothing can be read behind it
  };

  explicit XmlScanner(PieceReader& reader) : reader_(reader) {}

  // Takes the next one. Not at the end of the file.
  Token next();

  // Of the last tag.
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<NamespaceDeclaration>& namespaces() const { return namespaces_; }
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  Token broken(std::string_view why);
  Token text();
  Token start_tag();
  Token end_tag();
  Token doctype();
  bool read_space();  // false: there is none
  bool read_name(std::string& name);
  bool read_attribute();

  PieceReader& reader_;
  std::string name_;
  std::vector<NamespaceDeclaration> namespaces_;
  std::size_t namespace_bytes_ = 0;
  std::string why_;
};

}  // namespace spoolmq::adapters
