#pragma once
// The counters and entries of a segment. Its other side may write anything anywhere at any time:
// each number is read once and checked on that copy, each entry is copied before it is looked at,
// and nothing read from the segment is ever an address. Whoever needs a lock has it around these.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/shm_segment.h"
#include "spoolmq/id.h"

namespace spoolmq::adapters {

struct ShmEntry {
  std::uint64_t number = 0;
  std::string body;
  std::uint16_t priority = 0;
  MessageId id;     // nil: none was given
  std::string why;  // not empty: it cannot be taken, and that is why
};

class ShmRing {
 public:
  explicit ShmRing(const ShmSegment& segment) : bytes_(segment.bytes()), shape_(segment.shape()) {}

  struct Counts {
    std::uint64_t put = 0;
    std::uint64_t freed = 0;
    [[nodiscard]] std::uint64_t waiting() const { return put - freed; }
  };
  // nullopt: what stands there cannot be.
  [[nodiscard]] std::optional<Counts> counts() const;

  // Of one that is put and not freed.
  [[nodiscard]] ShmEntry read(std::uint64_t number) const;
  [[nodiscard]] MessageId id(std::uint64_t number) const;
  [[nodiscard]] std::uint32_t verdict(std::uint64_t number) const;
  void set_verdict(std::uint64_t number, std::uint32_t verdict) const;
  void free_up_to(std::uint64_t freed) const;

  // Entry `number`, while there is room; `body` fits. Then it is put.
  void write(std::uint64_t number, std::string_view body, std::uint16_t priority,
             const MessageId& id) const;
  void put_up_to(std::uint64_t put) const;

 private:
  std::span<std::byte> bytes_;
  const shm::Shape shape_;
};

}  // namespace spoolmq::adapters
