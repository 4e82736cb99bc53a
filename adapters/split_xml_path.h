#pragma once
// Which elements of an XML file become messages:
//   /orders/order    from the root on, by qualified names as they are written in the file
//   order            at any depth; so are "orders/order" and its like
//   *                stands for one step of any name
// A plain value.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace spoolmq::adapters {

class XmlPath {
 public:
  struct Refusal {
    std::size_t column = 0;  // from 1, in bytes
    std::string why;
  };
  static std::variant<XmlPath, Refusal> parse(std::string_view text);

  // `around`: the names of the elements that are open, outermost first.
  [[nodiscard]] bool matches(std::span<const std::string> around, std::string_view name) const;

 private:
  bool from_root_ = false;
  std::vector<std::string> steps_;
};

}  // namespace spoolmq::adapters
