#include "spoolmq/message.h"

#include <algorithm>

namespace spoolmq {

const std::string* Message::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &Header::first);
  return found == headers.end() ? nullptr : &found->second;
}

}  // namespace spoolmq
