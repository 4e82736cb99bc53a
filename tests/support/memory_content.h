#pragma once
// The bytes of one file of the in-memory twin: what a reader sees now, what a sync has made
// durable, and every change in between, so that a power cut can keep, lose or tear it.
// Not thread-safe: guarded by the mutex of its Disk.

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace spoolmq::test {

enum class Bytes : std::uint8_t {
  kLost,  // only what was synced
  kKept,  // everything that was written
  kTorn,  // of each 512-byte sector any of its states since the last sync; old or new size, but
          // a truncation happened wholly or not at all
};

// Bytes of which what lies behind the last that was written takes no memory: most of what is
// allocated ahead is never written.
class Image {
 public:
  [[nodiscard]] std::uint64_t size() const { return size_; }
  void resize(std::uint64_t size);  // zeros come in addition
  // What lies within it.
  std::size_t read(std::span<std::byte> into, std::uint64_t offset) const;
  void write(std::span<const std::byte> from, std::uint64_t offset);
  void clear(std::uint64_t begin, std::uint64_t end);
  [[nodiscard]] bool is_clear(std::uint64_t begin, std::uint64_t end) const;

 private:
  std::vector<std::byte> written_;  // the first; the others are zeros
  std::uint64_t size_ = 0;
};

class Content {
 public:
  static constexpr std::uint64_t kSectorBytes = 512;
  static constexpr std::uint64_t kBlockBytes = 4096;

  [[nodiscard]] std::uint64_t size() const { return now_.size(); }
  [[nodiscard]] std::uint64_t sectors_allocated() const;
  std::size_t read(std::span<std::byte> into, std::uint64_t offset) const;

  void write(std::span<const std::byte> from, std::uint64_t offset);
  void resize(std::uint64_t size);
  void allocate(std::uint64_t offset, std::uint64_t length);
  void punch(std::uint64_t offset, std::uint64_t length);

  void sync();
  // A sync failed: as on Linux the changes count as clean from now on, so that a later sync
  // succeeds without them.
  void fail_sync();

  [[nodiscard]] Content after_power_cut(Bytes bytes, std::mt19937_64& random) const;

 private:
  struct Change {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::vector<std::byte> bytes;  // empty: zeros
    bool truncates = false;        // the file ends at `offset` from then on
  };
  struct Reached {  // by a power cut, of what is pending
    std::size_t changes = 0;
    std::uint64_t least_size = 0;
    std::uint64_t most_size = 0;
  };

  static void apply(const Change& change, std::uint64_t begin, std::uint64_t end, Image& to);
  [[nodiscard]] Reached reach(std::mt19937_64& random) const;
  [[nodiscard]] Image torn(std::mt19937_64& random) const;
  void mark_allocated(std::uint64_t begin, std::uint64_t end);

  Image now_;
  Image durable_;
  std::vector<Change> pending_;   // since the last sync, in order
  std::vector<Change> doubtful_;  // since before a failed sync, in order
  std::vector<bool> allocated_;   // per block
};

}  // namespace spoolmq::test
