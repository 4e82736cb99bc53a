// XML spool files: a message that was read is written and read again as the same, and what we
// write is well-formed.

#include "core/xml_codec.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {

void xml(std::string_view input) {
  namespace x = spoolmq::xml;
  if (const auto refusal = x::check_well_formed(input)) {
    SPOOLMQ_CHECK(!refusal->why.empty() && refusal->offset <= input.size());
  }
  const auto decoded = x::decode(input);
  if (const auto* const refusal = std::get_if<x::Refusal>(&decoded)) {
    SPOOLMQ_CHECK(!refusal->why.empty() && refusal->offset <= input.size());
  } else {
    const auto& read = std::get<x::Decoded>(decoded);
    const auto again = x::decode(x::encode(read.message, read.flags));
    SPOOLMQ_CHECK(std::get<x::Decoded>(again).message == read.message);
  }

  // And a message of these bytes: any body there is.
  Message message;
  message.sent_at_ms = 1;
  message.body = input;
  const std::string written = x::encode(message, 0);
  SPOOLMQ_CHECK(!x::check_well_formed(written));
  const auto back = x::decode(written);
  SPOOLMQ_CHECK(std::get<x::Decoded>(back).message == message);
}

}  // namespace spoolmq::fuzz
