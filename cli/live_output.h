#pragma once
// stdout of a command that goes on until its reader has had enough. Written without stdio, so that
// a reader who went away is an outcome and no error, and so that a signal also ends a write that
// nobody takes. Belongs to one thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace spoolmq::cli {

class LiveOutput {
 public:
  // `stop` becomes readable when it is to end (-1: never). Both stay the caller's.
  explicit LiveOutput(int descriptor, int stop = -1) : descriptor_(descriptor), stop_(stop) {}

  // Bytes may wait in memory, at most 64 KiB, until flush(). Dropped once it is over. Throws
  // Error(kIo).
  void put(std::string_view bytes);
  void flush();
  // The reader went away, or a write was stopped: nothing will be taken any more.
  [[nodiscard]] bool is_over() const { return over_; }
  // The same, and looks whether the reader is still there.
  bool ask_reader();

 private:
  enum class Ready : std::uint8_t { kYes, kOver };
  Ready wait();
  void write(std::string_view bytes);

  const int descriptor_;
  const int stop_;
  std::string buffer_;
  bool over_ = false;
};

}  // namespace spoolmq::cli
