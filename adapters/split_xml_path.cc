#include "adapters/split_xml_path.h"

#include <algorithm>

#include "core/utf8.h"
#include "core/xml_chars.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kAnyName = "*";

// The first byte of `step` that no qualified name has there; its size: it is one.
std::size_t first_outside_name(std::string_view step) {
  std::size_t at = 0;
  while (at < step.size()) {
    const Utf8Char c = front_utf8(step.substr(at));
    const bool fits = at == 0 ? xml::starts_name(c.code) : xml::continues_name(c.code);
    if (c.length == 0 || !fits) break;
    at += c.length;
  }
  return at;
}

}  // namespace

std::variant<XmlPath, XmlPath::Refusal> XmlPath::parse(std::string_view text) {
  XmlPath path;
  path.from_root_ = text.starts_with('/');
  std::size_t at = path.from_root_ ? 1 : 0;
  while (true) {
    const std::size_t end = std::min(text.find('/', at), text.size());
    const std::string_view step = text.substr(at, end - at);
    if (step.empty()) return Refusal{at + 1, "a name or * is missing"};
    if (const std::size_t odd = first_outside_name(step); odd != step.size() && step != kAnyName) {
      return Refusal{at + odd + 1, "a step is a name such as order or eb:order, or *"};
    }
    path.steps_.emplace_back(step);
    if (end == text.size()) return path;
    at = end + 1;
  }
}

bool XmlPath::matches(std::span<const std::string> around, std::string_view name) const {
  const std::size_t before = steps_.size() - 1;
  if (from_root_ ? around.size() != before : around.size() < before) return false;
  const auto same = [](std::string_view step, std::string_view seen) {
    return step == kAnyName || step == seen;
  };
  return same(steps_.back(), name) &&
         std::equal(steps_.begin(), steps_.end() - 1,
                    around.end() - static_cast<std::ptrdiff_t>(before), around.end(), same);
}

}  // namespace spoolmq::adapters
