#pragma once
// The one reader behind a pipe: bytes are written as far as they are taken, the rest waits. Of the
// messages that wait for a reader who went away the next one gets all but a half one. Belongs to
// one thread.

#include <cstdint>

#include "adapters/descriptor.h"
#include "adapters/tail_piece.h"
#include "core/clock.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

class TailPipe {
 public:
  enum class Reader : std::uint8_t { kThere, kGone };

  [[nodiscard]] bool is_open() const { return end_.is_open(); }
  [[nodiscard]] int descriptor() const { return end_.number(); }
  void open(Descriptor end) { end_ = std::move(end); }
  // True: a message was cut off.
  bool close();
  void load(TailPiece& piece) { cursor_.load(piece); }
  // As much as is taken. kGone: nobody will ever read it. Throws Error.
  [[nodiscard]] Reader write(const std::string& subject);
  [[nodiscard]] const PieceCursor& cursor() const { return cursor_; }
  TailMoved take_moved() { return cursor_.take_moved(); }
  // Until it takes more, where something waits, or `other` (-1: none) is readable.
  void wait(int other, Milliseconds longest) const;

 private:
  Descriptor end_;  // does not block
  PieceCursor cursor_;
};

}  // namespace spoolmq::adapters
