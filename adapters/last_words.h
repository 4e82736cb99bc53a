#pragma once
// What a program says on its standard error: each line goes to our log (bounded in length and in
// number), and the last 4 KiB stay, as the reason why it failed. Not thread-safe.

#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/pipe.h"

namespace spoolmq::adapters {

inline constexpr std::size_t kMostLastWords = 4096;

class LastWords {
 public:
  // `speaker` is the adapter, for the log. Throws Error.
  explicit LastWords(std::string speaker);

  [[nodiscard]] int their_end() const { return pipe_.theirs.number(); }
  void close_their_end() { pipe_.theirs.close(); }
  // To be polled for; -1: it has ended.
  [[nodiscard]] int descriptor() const { return pipe_.ours.number(); }
  // Takes what is there, a bounded piece of it.
  void read(std::int64_t now_boot_ms);

  // Likewise of bytes that came another way.
  void hear(std::string_view bytes, std::int64_t now_boot_ms);
  // One line of text, "; " between the lines; empty: it said nothing.
  [[nodiscard]] std::string text() const;

 private:
  void log_line(std::string_view line, std::int64_t now_boot_ms);

  const std::string speaker_;
  Pipe pipe_;
  std::string kept_;
  std::string line_;  // not ended yet
  std::int64_t second_boot_ms_ = 0;
  std::int64_t lines_in_second_ = 0;
};

// "WHY: WORDS", or WHY alone where there are none.
std::string with_words(std::string why, const std::string& words);

}  // namespace spoolmq::adapters
