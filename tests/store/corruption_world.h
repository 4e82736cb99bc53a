#pragma once
// A queue with a past on the in-memory twin, for damage: messages in every state, in segments, in
// own files of both formats and beside large bodies, some of them made of our own magic numbers and
// of whole records. It is made once and copied for every trial.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "spoolmq/queue.h"
#include "tests/store/crash_world.h"

namespace spoolmq::test {

// One message as it was before the damage.
struct Past {
  std::string body;
  State state = State::kReady;
  bool gone = false;  // acknowledged
  // Where its bytes are: its record (or XML file), and its body's own file, or "".
  std::string file;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::string body_file;
};
using Pasts = std::map<MessageId, Past>;

enum class Ended : std::uint8_t { kClosed, kKilled };  // how its last processes did

class CorruptionWorld {
 public:
  explicit CorruptionWorld(Ended ended);

  [[nodiscard]] const Pasts& pasts() const { return pasts_; }
  [[nodiscard]] const TurnableClock& clock() const { return clock_; }
  [[nodiscard]] const MemoryFileSystem& disk() const { return *disk_; }
  std::unique_ptr<MemoryFileSystem> copy() { return disk_->after_kill(); }
  // Relative to the root; those of msgs/, and all others of the queue.
  [[nodiscard]] std::vector<std::string> spool_files() const;
  [[nodiscard]] std::string file(std::string_view name) const;
  [[nodiscard]] std::string index(std::string_view suffix = "") const;

 private:
  void send_first(World& world);
  void send_groups(World& world);
  void settle_some(World& world);
  void remember(World& world);

  TurnableClock clock_;
  std::unique_ptr<MemoryFileSystem> disk_;
  Pasts pasts_;
};

inline constexpr std::string_view kCorruptionQueue = "queues/q";

}  // namespace spoolmq::test
