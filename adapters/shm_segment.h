#pragma once
// A mapped segment of shm_layout.h: a POSIX object (shm_overview(7)), which is a file in /dev/shm,
// a file anywhere, or a System V segment. Made whole or not at all where it is a file; a System V
// one that its maker left half-made is told by its missing magic. What others do to it is noticed:
// removed, shortened (a guard keeps that from ending the process), another's side taken.
// Belongs to one thread but for what is said otherwise.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "adapters/bus_guard.h"
#include "adapters/descriptor.h"
#include "adapters/shm_layout.h"
#include "adapters/sysv_key.h"

namespace spoolmq::adapters {

struct ShmPlace {
  std::string path;            // of the file: "/dev/shm/NAME" of an object
  std::optional<SysvKey> key;  // instead
  std::string text;            // for people
};

struct ShmOpening {
  ShmPlace place;
  shm::Shape wished;                  // of one that we make; the sync of any
  std::optional<std::uint32_t> mode;  // of one that we make, exactly
  bool create = false;
  bool remove = false;  // when it ends
  // Fills in what the sync needs besides zeros, before anybody else sees the segment.
  std::function<void(std::span<std::byte>)> prepare;
};

class ShmSegment {
 public:
  enum class Side : std::uint8_t { kConsumer, kProducer };

  // Throws Error: kNotFound, kPermission, kConfiguration where what is there is no such segment,
  // kTryAgain where somebody else is the consumer, or the producer where only one may be.
  ShmSegment(ShmOpening opening, Side side);
  ~ShmSegment();
  ShmSegment(const ShmSegment&) = delete;
  ShmSegment& operator=(const ShmSegment&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
  // As it was when it was opened; never read again.
  [[nodiscard]] const shm::Shape& shape() const { return shape_; }
  [[nodiscard]] const std::string& text() const { return opening_.place.text; }
  // Throws Error(kUnavailable) once it was shortened: nothing that was read since the last call
  // that did not throw can be believed. Thread-safe.
  void check_whole() const;
  [[nodiscard]] bool was_removed() const;

 private:
  void open_file();
  [[nodiscard]] bool make_file();
  void open_sysv();
  void map(int descriptor, std::uint64_t size);
  void prepare(std::span<std::byte> bytes) const;
  void accept();
  void claim(Side side);
  void unmap();

  const ShmOpening opening_;
  Descriptor file_;
  int sysv_ = -1;
  std::span<std::byte> bytes_;
  std::optional<BusGuard> guard_;
  shm::Shape shape_;
};

// Reads the shape of a segment. nullopt: `why` tells what is wrong with it. `size`: of all of it.
std::optional<shm::Shape> parse_shm_header(std::span<const std::byte> header, std::uint64_t size,
                                           std::string& why);

}  // namespace spoolmq::adapters
