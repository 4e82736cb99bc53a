#pragma once
// One file of a directory that programs drop files into: is it ours to take, and has its writer
// finished? Nobody tells; what can be known is its name, how long it has been left alone, and
// whether anyone has it open for writing (fcntl(2), F_SETLEASE).

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/file_system.h"

namespace spoolmq::adapters {

// The names that programs use while they write: .* ~* *.tmp *.part *.filepart *.writing
bool looks_unfinished(std::string_view name);

// Included by any of `include` (none given: all are) and excluded by none of `exclude`.
bool is_selected(std::string_view name, std::span<const std::string> include,
                 std::span<const std::string> exclude);

enum class Writers : std::uint8_t {
  kNone,  // nobody has the file open for writing
  kSome,
  kUnknown,  // not our file, or the file system does not know
};

// Holds a read lease while it lives: whoever wants to open the file for writing waits until it is
// given up, at most /proc/sys/fs/lease-break-time (45 s). `file` must be open for reading only and
// outlive it. A File without a descriptor, which no other process can have open, has no writers.
class ReadLease {
 public:
  explicit ReadLease(File& file);
  ReadLease(const ReadLease&) = delete;
  ReadLease& operator=(const ReadLease&) = delete;
  ~ReadLease();

  [[nodiscard]] Writers writers() const { return writers_; }
  // True while the lease is held and nobody waits for its end.
  [[nodiscard]] bool is_undisturbed() const;

 private:
  int descriptor_;
  Writers writers_;
};

// Left alone for `quiet_for`, by both of its times, and nobody writes to it; where that cannot be
// known, left alone for a minute.
bool is_settled(const FileStatus& status, Writers writers, std::int64_t now_ms,
                std::chrono::milliseconds quiet_for);

// All bytes; nullopt if there were not exactly `size`, so that it changed meanwhile.
std::optional<std::string> read_exactly(File& file, std::uint64_t size);

}  // namespace spoolmq::adapters
