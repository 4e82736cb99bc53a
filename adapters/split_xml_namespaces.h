#pragma once
// The namespace declarations of the elements that are open around the records of an XML file: what
// a record needs to mean the same as a document of its own. A plain value.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace spoolmq::adapters {

inline constexpr std::size_t kMaxNamespaceBytes = 64 << 10;  // of all that are in force at once

struct NamespaceDeclaration {
  std::string name;   // "xmlns" or "xmlns:eb"
  std::string value;  // as it stands, with its quotes
};

// As they stand in a start tag, a space before each.
std::string written(std::span<const NamespaceDeclaration> declarations);

class NamespaceScope {
 public:
  // Those of the element at `depth`. false: all together they are too many.
  [[nodiscard]] bool enter(std::size_t depth, std::span<const NamespaceDeclaration> declared);
  void leave(std::size_t depth);

  // What goes into the start tag of an element that makes `own` itself: the innermost of each
  // prefix that it does not declare.
  [[nodiscard]] std::string in_force(std::span<const NamespaceDeclaration> own) const;

 private:
  struct Scoped {
    std::size_t depth;
    NamespaceDeclaration declaration;
  };
  std::vector<Scoped> declarations_;
  std::size_t bytes_ = 0;
};

}  // namespace spoolmq::adapters
