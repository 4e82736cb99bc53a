#pragma once
// A piece of the stream of bytes that a tail adapter makes of messages, and how much of it has been
// written. Pure values.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace spoolmq::adapters {

struct TailPiece {
  std::string bytes;
  std::vector<std::size_t> ends;  // behind which bytes a message is over, ascending
  // It goes on with a message of which an earlier piece had the beginning.
  bool begins_inside = false;
};

// What went through, since somebody asked.
struct TailMoved {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

// A piece on its way to one reader.
class PieceCursor {
 public:
  // Swaps it in; the last one must have been written wholly.
  void load(TailPiece& piece);
  [[nodiscard]] std::string_view rest() const {
    return std::string_view(piece_.bytes).substr(written_);
  }
  [[nodiscard]] bool is_done() const { return written_ == piece_.bytes.size(); }
  void wrote(std::size_t bytes);
  // The reader is another now: it gets no second half of a message, be it in the next pieces. True:
  // a message was cut off.
  bool cut();
  [[nodiscard]] std::size_t messages_left() const { return piece_.ends.size() - ended_; }
  TailMoved take_moved();

 private:
  void count_ended();
  void skip_to_end_of_message();

  TailPiece piece_;
  std::size_t written_ = 0;
  std::size_t ended_ = 0;  // of piece_.ends, those that were written
  bool inside_ = false;    // the bytes written last end in a message
  bool skipping_ = false;  // to the end of a message that a former reader had the beginning of
  TailMoved moved_;
};

}  // namespace spoolmq::adapters
