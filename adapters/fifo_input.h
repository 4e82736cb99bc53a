#pragma once
// The reading end of a FIFO. Whoever writes comes and goes; that the last of them has gone is told
// once, after all they wrote, and then it waits for the next: an end that has been hung up is
// replaced at once by a fresh one, which is not hung up (pipe(7) knows of it until then), with an
// overlap, so that nothing written in between is lost. What was written with no moment between
// without any writer cannot be told apart. Belongs to one thread.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "adapters/descriptor.h"
#include "adapters/fifo_file.h"

namespace spoolmq::adapters {

class FifoInput {
 public:
  enum class Got : std::uint8_t {
    kNothing,
    kBytes,
    kEnded,  // the last writer has gone, and everything was read
  };

  // `end` is of that file, which outlives it.
  FifoInput(const FifoFile& file, Descriptor end) : file_(file), end_(std::move(end)) {}

  // -1 while it is broken off.
  [[nodiscard]] int descriptor() const { return end_.number(); }
  // Never waits. `bytes` are there until the next call. Throws Error.
  [[nodiscard]] Got read(std::string_view& bytes);
  [[nodiscard]] bool has_bytes() const;
  // That writers came and went without a byte will not be told.
  void forget_ended();

  // What is in the pipe cannot be understood: closed, so that whoever writes meets EPIPE, until
  // resume(), which passes over what they had written till then, and nothing that came later.
  void break_off();
  void resume();
  [[nodiscard]] bool is_broken_off() const { return !end_.is_open(); }

 private:
  [[nodiscard]] short look() const;  // poll(2)'s events
  std::size_t read_into_buffer(std::size_t most);

  const FifoFile& file_;
  Descriptor end_;
  Descriptor stopper_;        // while broken off: a writing end of ours, which keeps the bytes
  std::size_t to_skip_ = 0;   // likewise: how many they are
  std::vector<char> buffer_;  // as large as a pipe
};

}  // namespace spoolmq::adapters
