#include "adapters/tail_piece.h"

#include <utility>

#include "core/check.h"

namespace spoolmq::adapters {

void PieceCursor::load(TailPiece& piece) {
  SPOOLMQ_CHECK(is_done());
  std::swap(piece_, piece);
  written_ = 0;
  ended_ = 0;
  if (skipping_) {
    skip_to_end_of_message();
  } else {
    count_ended();
  }
}

void PieceCursor::wrote(std::size_t bytes) {
  SPOOLMQ_CHECK(bytes <= rest().size());
  if (bytes == 0) return;
  written_ += bytes;
  moved_.bytes += bytes;
  inside_ = true;
  count_ended();
}

// The end of a message may have come without a byte of its own.
void PieceCursor::count_ended() {
  while (ended_ < piece_.ends.size() && piece_.ends[ended_] <= written_) {
    inside_ = piece_.ends[ended_] != written_;
    ++ended_;
    ++moved_.messages;
  }
}

bool PieceCursor::cut() {
  if (!inside_) return false;
  skipping_ = true;
  skip_to_end_of_message();
  return true;
}

void PieceCursor::skip_to_end_of_message() {
  inside_ = false;
  if (ended_ == piece_.ends.size()) {
    written_ = piece_.bytes.size();
    return;
  }
  written_ = piece_.ends[ended_++];
  skipping_ = false;
}

TailMoved PieceCursor::take_moved() { return std::exchange(moved_, {}); }

}  // namespace spoolmq::adapters
