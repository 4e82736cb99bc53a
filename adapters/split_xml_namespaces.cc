#include "adapters/split_xml_namespaces.h"

#include <algorithm>
#include <string_view>

namespace spoolmq::adapters {
namespace {

std::size_t size_of(const NamespaceDeclaration& one) { return one.name.size() + one.value.size(); }

// xmlns="", which is what holds where nothing is declared.
bool undeclares(const NamespaceDeclaration& one) {
  constexpr std::size_t kQuotes = 2;
  return one.value.size() == kQuotes;
}

}  // namespace

std::string written(std::span<const NamespaceDeclaration> declarations) {
  std::string made;
  for (const auto& [name, value] : declarations) {
    made.append(" ").append(name).append("=").append(value);
  }
  return made;
}

bool NamespaceScope::enter(std::size_t depth, std::span<const NamespaceDeclaration> declared) {
  for (const NamespaceDeclaration& one : declared) {
    bytes_ += size_of(one);
    declarations_.push_back({depth, one});
  }
  return bytes_ <= kMaxNamespaceBytes;
}

void NamespaceScope::leave(std::size_t depth) {
  while (!declarations_.empty() && declarations_.back().depth >= depth) {
    bytes_ -= size_of(declarations_.back().declaration);
    declarations_.pop_back();
  }
}

std::string NamespaceScope::in_force(std::span<const NamespaceDeclaration> own) const {
  std::vector<std::string_view> known;
  for (const NamespaceDeclaration& one : own) known.push_back(one.name);
  std::string made;
  for (auto at = declarations_.rbegin(); at != declarations_.rend(); ++at) {
    const NamespaceDeclaration& one = at->declaration;
    if (std::ranges::find(known, one.name) != known.end()) continue;
    known.push_back(one.name);
    if (!undeclares(one)) made += written({&one, 1});
  }
  return made;
}

}  // namespace spoolmq::adapters
