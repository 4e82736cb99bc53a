#pragma once
// A FIFO at a path: made where there is none, and opened only after a look at whose it is. What was
// looked at is what is opened: the look is through an O_PATH descriptor, which is then opened by
// its number (proc(5), /proc/self/fd), so that nobody can put another file in between.
// Belongs to one thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "adapters/descriptor.h"

namespace spoolmq::adapters {

inline constexpr std::uint32_t kDefaultFifoMode = 0600;

struct FifoRules {
  std::string path;
  std::optional<std::uint32_t> mode;   // given: set where the FIFO is ours; else one made is 0600
  std::optional<std::uint32_t> owner;  // who may own it beside us and the superuser
};

class FifoFile {
 public:
  // Throws Error: kConfiguration where something else is there (a link, too) or the FIFO has a
  // second name; kPermission where its owner is a stranger, or its mode lets others do what
  // `mode` does not.
  static FifoFile open(const FifoRules& rules);

  // Neither blocks, nor waits for the other side.
  [[nodiscard]] Descriptor open_reader() const;
  [[nodiscard]] std::optional<Descriptor> open_writer() const;  // nullopt: nobody reads
  // False: another file, or none, has the path now.
  [[nodiscard]] bool is_at_path() const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  FifoFile(std::string path, Descriptor place) : path_(std::move(path)), place_(std::move(place)) {}
  void check(const FifoRules& rules);
  [[nodiscard]] int open_place(int flags) const;

  std::string path_;
  Descriptor place_;  // O_PATH: neither reads nor writes
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
};

// Bytes that are in the pipe, unread; either end may ask.
std::size_t unread_bytes(int pipe_end);

}  // namespace spoolmq::adapters
