#pragma once
// Why a frame cannot be obeyed, for the `message` of an ERROR. One line.

#include <string>

namespace spoolmq::adapters {

struct StompRefusal {
  std::string why;
};

}  // namespace spoolmq::adapters
