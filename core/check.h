#pragma once
// SPOOLMQ_CHECK: our own bugs, on in every build. Throws Error(kInternal) naming the place.

#include <string_view>

namespace spoolmq {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

#define SPOOLMQ_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::spoolmq::check_failed(#condition, __FILE__, __LINE__))
