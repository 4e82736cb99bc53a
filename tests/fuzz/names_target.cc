// Every name that reaches a path: a queue's name and its directory are each other's inverse, and
// no name that is taken leads anywhere else.

#include "core/names.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {

void names(std::string_view input) {
  namespace n = spoolmq::names;
  if (const auto why = n::refuse_queue_name(input)) {
    SPOOLMQ_CHECK(!why->empty());
  } else {
    const std::string directory = n::queue_directory(input);
    SPOOLMQ_CHECK(directory.find('/') == std::string::npos && !directory.starts_with('.'));
    SPOOLMQ_CHECK(directory.size() <= 255);
    SPOOLMQ_CHECK(n::queue_of_directory(directory) == input);
  }
  if (const auto queue = n::queue_of_directory(input)) {
    SPOOLMQ_CHECK(!n::refuse_queue_name(*queue) && n::queue_directory(*queue) == input);
  }
  if (const auto spool = n::parse_spool_file(input)) {
    SPOOLMQ_CHECK(n::spool_file(spool->file, spool->kind) == input);
  }
  if (const auto id = MessageId::parse(input)) SPOOLMQ_CHECK(MessageId::parse(id->text()) == id);
  if (n::parse_temporary(input)) SPOOLMQ_CHECK(input.starts_with(".tmp-"));
  if (const auto generation = n::parse_index_file(input)) {
    SPOOLMQ_CHECK(input.starts_with(n::index_file(*generation)));
  }
}

}  // namespace spoolmq::fuzz
