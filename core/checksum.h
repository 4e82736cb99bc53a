#pragma once
// XXH3-64: the checksum of everything spoolmq writes. It finds damage; it is no proof of origin.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

struct XXH3_state_s;

namespace spoolmq {

std::uint64_t checksum(std::span<const std::byte> bytes, std::uint64_t seed = 0);

// The same of bytes that come in pieces, seed 0. Not thread-safe.
class ChecksumStream {
 public:
  ChecksumStream();
  void add(std::span<const std::byte> bytes);
  [[nodiscard]] std::uint64_t value() const;  // of all bytes so far; more may follow

 private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace spoolmq
