#pragma once
// Two FIFOs of which we read one and write the other, where what is read answers what was written,
// or the other way round. Nothing in the bytes says which answer belongs to what, only their order;
// so whoever was in the middle of an exchange when one side died must not go on with it.
//   - A program at the other end has both open for as long as it exchanges. One that still has both
//     open when we come is of before: we stay away, so that it meets the end of what it reads and
//     EPIPE where it writes, until it has closed them.
//   - Bytes that are in the pipe when we come are of before as well.

#include <cstdint>
#include <optional>

#include "adapters/descriptor.h"
#include "adapters/fifo_file.h"

namespace spoolmq::adapters {

// How often it is looked whether somebody reads: nothing tells that of a FIFO.
inline constexpr std::int64_t kLookForReaderMs = 100;
// How often it is looked whether a FIFO is still at its path.
inline constexpr std::int64_t kLookAtPathMs = 1000;

struct FifoEnds {
  Descriptor read;
  Descriptor write;  // may be closed: nobody reads there yet
};

// nullopt: somebody of before is there; nothing is open then. Never waits. Throws Error.
std::optional<FifoEnds> open_fifo_pair(const FifoFile& read, const FifoFile& write);

}  // namespace spoolmq::adapters
