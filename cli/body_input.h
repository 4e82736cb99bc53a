#pragma once
// Where a body comes from: standard input or a file. Not thread-safe.

#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace spoolmq::cli {

class Input {
 public:
  // "-" is standard input. Throws Error(kNotFound, kPermission, …).
  static Input open(const std::string& path);
  Input(Input&& other) noexcept;
  Input& operator=(Input&&) = delete;
  ~Input();

  // The bytes put into `into`, 0 at the end. Throws Error.
  std::size_t read(std::span<char> into);
  // Whether read() would have to wait for somebody to write.
  [[nodiscard]] bool would_wait() const;
  [[nodiscard]] int descriptor() const { return descriptor_; }
  // Of a regular file that is not standard input: its length now; else -1.
  [[nodiscard]] std::int64_t file_size() const;

 private:
  Input(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}
  int descriptor_;
  std::string name_;
};

// At most `limit` bytes; fewer mean that the input has ended.
std::string read_up_to(Input& input, std::size_t limit);

}  // namespace spoolmq::cli
