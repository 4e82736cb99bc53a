#pragma once
// The consumer's side of a segment: entries come out in order, and each is freed only once it was
// settled, in order.

#include <cstdint>
#include <deque>
#include <optional>

#include "adapters/shm_side.h"

namespace spoolmq::adapters {

class ShmReader final : public ShmSide {
 public:
  ShmReader(const ShmSettings& settings, const Clock& clock);
  // What is settled is freed, if its lock can be had at once.
  ~ShmReader() override;

  // nullopt: none is there now. Throws what the thread met.
  std::optional<ShmEntry> next();
  // `verdict`: an exit code, for the producer to see.
  void settle(std::uint64_t number, std::uint32_t verdict);
  // At its last look all entries were freed.
  [[nodiscard]] bool is_empty();

 private:
  void round() override;
  void last_round() override { free_settled(); }
  void take(const ShmRing::Counts& counts);
  void free_settled();
  [[nodiscard]] std::size_t settled_first() const;

  const std::size_t window_;
  std::uint64_t freed_;         // of the thread
  std::deque<ShmEntry> taken_;  // guarded by mutex_, as are the next
  std::deque<std::optional<std::uint32_t>>
      verdicts_;             // of the entries from freed_ on that were taken
  std::uint64_t first_ = 0;  // the number of the first of them
  bool is_empty_ = false;
};

}  // namespace spoolmq::adapters
