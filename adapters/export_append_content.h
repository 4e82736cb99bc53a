#pragma once
// The bytes that messages become in a growing file: each body, and the separator behind one that
// does not end in it.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/file_system.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

// visit(bytes) for each piece; false from it ends the reading and is returned.
using VisitBytes = std::function<bool(std::span<const std::byte> bytes)>;
using OpenBody = std::function<std::unique_ptr<BodyReader>()>;

// Throws Error(kBadData) where a large body is damaged, behind some of its pieces.
bool read_appended(const Message& message, const OpenBody& open_body, const std::string& separator,
                   const VisitBytes& visit);
// At most so many bytes.
std::uint64_t most_appended(const Message& message, const std::string& separator);

// Compares the bytes of a file from some place on with those that were to be written there.
class AppendComparison {
 public:
  AppendComparison(File& file, std::uint64_t start);
  void expect(std::span<const std::byte> bytes);

  [[nodiscard]] std::uint64_t end() const { return at_; }
  [[nodiscard]] bool is_whole() const { return is_equal_; }
  // What a kill or a power cut can leave: to the end of the file every sector (512 bytes) holds
  // what was expected, or zeros.
  [[nodiscard]] bool is_torn() const { return is_torn_ && at_ >= size_; }

 private:
  File& file_;
  const std::uint64_t size_;
  std::uint64_t at_;
  bool is_equal_ = true;
  bool is_torn_ = true;
};

}  // namespace spoolmq::adapters
