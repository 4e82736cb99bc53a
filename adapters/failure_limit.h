#pragma once
// How many failures are borne of each of many: `burst` of them at once, one more per `refill_ms`.
// Whoever has none left is refused until the next one comes. The table is bounded: where it is
// full, whoever has the most left is forgotten. Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace spoolmq::adapters {

class FailureLimit {
 public:
  struct Rules {
    std::int64_t burst = 10;
    std::int64_t refill_ms = 6000;
    std::size_t most_entries = 4096;
  };
  explicit FailureLimit(Rules rules) : rules_(rules) {}

  // Milliseconds until `who` may try again; 0: now.
  [[nodiscard]] std::int64_t left_ms(const std::string& who, std::int64_t now_boot_ms) const;
  void note_failure(const std::string& who, std::int64_t now_boot_ms);

  [[nodiscard]] std::size_t size() const { return full_at_ms_.size(); }

 private:
  void make_room(std::int64_t now_boot_ms);

  const Rules rules_;
  // When all of its failures are forgotten: each one moves that by refill_ms.
  std::unordered_map<std::string, std::int64_t> full_at_ms_;
};

}  // namespace spoolmq::adapters
