#pragma once
// A nameless file of mode 0600 under $TMPDIR that takes a command's standard output, up to a limit
// that is looked at, not enforced by the file: whoever runs the command ends it when is_full().
// Gone with its descriptors. Not thread-safe.

#include <cstdint>

namespace spoolmq::cli {

class CapturedOutput {
 public:
  explicit CapturedOutput(std::uint64_t most_bytes);  // throws Error
  CapturedOutput(const CapturedOutput&) = delete;
  CapturedOutput& operator=(const CapturedOutput&) = delete;
  ~CapturedOutput();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] bool is_full() const;  // there are more bytes in it than allowed

 private:
  const std::uint64_t most_bytes_;
  int descriptor_ = -1;
};

}  // namespace spoolmq::cli
