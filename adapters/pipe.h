#pragma once
// A pipe between us and a child: our end never blocks, the child's is as programs expect it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "adapters/descriptor.h"

namespace spoolmq::adapters {

struct Pipe {
  enum class Ours : std::uint8_t { kReads, kWrites };
  explicit Pipe(Ours what);  // throws Error

  Descriptor ours;
  Descriptor theirs;  // to be closed once the child has it
};

enum class ReadEnd : std::uint8_t {
  kLater,  // nothing more for now
  kMore,   // there may be more: `most` was reached
  kEnded,  // nothing more will come
};
// What one read(2) gave; 0: the end; nullopt: nothing for now. A terminal whose other side is gone
// (EIO) is at its end. Throws Error.
std::optional<std::size_t> read_some(const Descriptor& from, std::span<char> into);

// Reads what is there, `most` bytes and a piece at most, and hands it on piece by piece.
template <typename Sink>
ReadEnd read_pieces(const Descriptor& from, std::size_t most, const Sink& sink) {
  std::array<char, 16 << 10> piece;
  for (std::size_t total = 0; total < most;) {
    const std::optional<std::size_t> count = read_some(from, piece);
    if (!count) return ReadEnd::kLater;
    if (*count == 0) return ReadEnd::kEnded;
    sink(std::string_view(piece.data(), *count));
    total += *count;
  }
  return ReadEnd::kMore;
}

// Writes what the other side has room for, and cuts it off the front of `bytes`. False: nobody will
// read any more. Throws Error.
bool write_some(const Descriptor& to, std::string_view& bytes);

}  // namespace spoolmq::adapters
