#include "adapters/stomp_frame.h"

#include <algorithm>

namespace spoolmq::adapters {

std::string_view stomp_version_text(StompVersion version) {
  switch (version) {
    case StompVersion::k10:
      return "1.0";
    case StompVersion::k11:
      return "1.1";
    case StompVersion::k12:
      break;
  }
  return "1.2";
}

const std::string* StompFrame::header(std::string_view name) const {
  const auto found =
      std::ranges::find_if(headers, [name](const StompHeader& one) { return one.name == name; });
  return found == headers.end() ? nullptr : &found->value;
}

}  // namespace spoolmq::adapters
