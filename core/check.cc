#include "core/check.h"

#include <string>

#include "spoolmq/error.h"

namespace spoolmq {

void check_failed(const char* condition, const char* file, int line) {
  throw Error(ErrorCode::kInternal, "check", std::string(file) + ":" + std::to_string(line),
              std::string("this must hold: ") + condition);
}

}  // namespace spoolmq
