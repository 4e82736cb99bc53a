#pragma once
// The bytes on their way to one client, and how many went so far. Belongs to one thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace spoolmq::adapters {

class StompOutput {
 public:
  // To be appended to.
  [[nodiscard]] std::string& bytes() { return bytes_; }
  [[nodiscard]] std::string_view unwritten() const {
    return std::string_view(bytes_).substr(written_);
  }
  void wrote(std::size_t count) {
    written_ += count;
    total_ += count;
    if (written_ == bytes_.size() || written_ >= kGivenUpBytes) {
      bytes_.erase(0, written_);
      written_ = 0;
      if (bytes_.empty() && bytes_.capacity() > kKeptBytes) bytes_.shrink_to_fit();
    }
  }
  // Of all that was ever appended: how much went, and where its end is.
  [[nodiscard]] std::uint64_t written() const { return total_; }
  [[nodiscard]] std::uint64_t end() const { return total_ + unwritten().size(); }

 private:
  static constexpr std::size_t kGivenUpBytes = 256 << 10;  // moved about no more often than that
  static constexpr std::size_t kKeptBytes = 64 << 10;      // of memory, by an idle client

  std::string bytes_;
  std::size_t written_ = 0;  // of bytes_
  std::uint64_t total_ = 0;
};

}  // namespace spoolmq::adapters
