// Durations, sizes, numbers and times: what was read is written and read again as the same.

#include "core/units.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {

void units(std::string_view input) {
  if (const auto duration = parse_duration(input)) {
    SPOOLMQ_CHECK(duration->count() >= 0);
    SPOOLMQ_CHECK(parse_duration(format_duration(*duration)) == duration);
  }
  if (const auto size = parse_size(input)) {
    SPOOLMQ_CHECK(*size >= 0);
    SPOOLMQ_CHECK(parse_size(format_size(*size)) == size);
  }
  if (const auto number = parse_integer(input)) {
    SPOOLMQ_CHECK(parse_integer(std::to_string(*number)) == number);
  }
  if (const auto time = parse_time(input)) {
    SPOOLMQ_CHECK(parse_time(format_time(*time)) == time);
  }
}

}  // namespace spoolmq::fuzz
