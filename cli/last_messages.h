#pragma once
// Where the last messages of a queue begin: found from the end of its index, so that the time does
// not depend on how many there are before them.

#include <cstddef>
#include <optional>

#include "spoolmq/queue.h"

namespace spoolmq::cli {

struct LastMessages {
  std::optional<MessageId> before;  // the one in front of them; none: they are all there are
  std::optional<MessageId> last;    // none: the queue holds nothing that could be read
};

// The last `count` in index order, those whose bytes are damaged left out. 0: `before` is the last.
LastMessages find_last_messages(Queue& queue, std::size_t count);

}  // namespace spoolmq::cli
