#include "adapters/fifo_pair.h"

#include <unistd.h>

#include <utility>

namespace spoolmq::adapters {
namespace {

enum class Writers : std::uint8_t { kNone, kSilent, kHaveWritten };

// Of an end that was just opened.
Writers writers_of(const Descriptor& end) {
  if (unread_bytes(end.number()) > 0) return Writers::kHaveWritten;
  char byte = 0;
  const ssize_t got = ::read(end.number(), &byte, 1);
  if (got > 0) return Writers::kHaveWritten;
  return got == 0 ? Writers::kNone : Writers::kSilent;
}

}  // namespace

// One that waits in open(2) until we come counts as a writer, or reader, too. It has only one of
// the two open: the second look is right behind the first, before it can have gone on.
std::optional<FifoEnds> open_fifo_pair(const FifoFile& read, const FifoFile& write) {
  FifoEnds ends;
  ends.read = read.open_reader();
  const Writers writers = writers_of(ends.read);
  if (writers == Writers::kHaveWritten) return std::nullopt;
  std::optional<Descriptor> write_end = write.open_writer();
  if (writers == Writers::kSilent && write_end) return std::nullopt;
  if (write_end) ends.write = std::move(*write_end);
  return ends;
}

}  // namespace spoolmq::adapters
