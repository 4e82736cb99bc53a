#pragma once
// Reads a file from front to back for those that cut it into pieces: it knows where it stands, and
// keeps the bytes of the piece begun last. A UTF-8 byte order mark at the start is passed over; it
// counts in offsets.
// Memory: kWindowBytes, and of a piece at most `keep` bytes. What the source throws goes through.
// Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/split.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

class PieceReader {
 public:
  static constexpr std::size_t kWindowBytes = 64 << 10;

  PieceReader(BodySource source, std::size_t keep);

  // ---- The bytes that come next
  bool at_end();
  // At least one, unless the file is at its end; until the next call of any other function.
  std::string_view window();
  char front() { return window().front(); }  // not at the end
  // Whether `literal`, no longer than a window, comes next.
  bool sees(std::string_view literal);
  void take(std::size_t bytes) { at_ += bytes; }  // at most what window() or sees() has shown
  bool take_if(std::string_view literal);
  // Up to and with the first `terminator`; false: it does not come, and the file is at its end.
  bool take_through(char terminator);
  bool take_through(std::string_view terminator);
  void take_rest();

  [[nodiscard]] std::uint64_t offset() const { return window_offset_ + at_; }
  [[nodiscard]] bool had_byte_order_mark() const { return had_byte_order_mark_; }

  // ---- The piece: what was taken since it was begun
  void begin_piece();
  [[nodiscard]] std::uint64_t piece_size();
  // Its first bytes, all where piece_size() is at most `keep`.
  [[nodiscard]] std::string_view piece();
  // The piece as the next record, without its last `end` bytes, and a new one begun.
  SplitRecord good_record(std::size_t end = 0);
  // Says so where it is cut to kMaxShownBadBytes.
  SplitRecord bad_record(std::string why, std::size_t end = 0);

 private:
  bool fill();    // more bytes behind those in the window; false at the end
  void settle();  // accounts for what was taken
  void drop_taken();
  SplitRecord record(std::uint64_t size);

  BodySource source_;
  std::size_t keep_;
  std::vector<char> buffer_;
  std::size_t settled_ = 0;  // settled_ <= at_ <= end_
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  bool begun_ = false;
  bool ended_ = false;
  bool had_byte_order_mark_ = false;
  std::uint64_t window_offset_ = 0;  // of buffer_[0]
  std::uint64_t line_ = 1;           // of buffer_[settled_]
  std::uint64_t records_ = 0;

  std::string piece_;
  std::uint64_t piece_size_ = 0;
  std::uint64_t piece_offset_ = 0;
  std::uint64_t piece_line_ = 1;
};

}  // namespace spoolmq::adapters
