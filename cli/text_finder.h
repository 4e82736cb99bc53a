#pragma once
// Looks for a text in bytes that come in pieces, also where it stands across two of them.
// Remembers one byte less than the text is long. Not thread-safe.

#include <functional>
#include <string>
#include <string_view>

namespace spoolmq::cli {

class TextFinder {
 public:
  // `text` is not empty.
  explicit TextFinder(std::string text);
  TextFinder(const TextFinder&) = delete;  // the searcher refers to the text
  TextFinder& operator=(const TextFinder&) = delete;

  // Whether it stands in this text as a whole; pieces fed before do not count.
  [[nodiscard]] bool in(std::string_view whole) const;
  // Begins with the first piece of something new.
  void restart() { kept_.clear(); }
  // True as soon as the text has ended in this piece.
  bool feed(std::string_view piece);

 private:
  const std::string text_;
  const std::boyer_moore_horspool_searcher<std::string::const_iterator> searcher_;
  std::string kept_;
};

}  // namespace spoolmq::cli
