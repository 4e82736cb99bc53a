#pragma once
// A queue with a past, so that damage to its index has something to lose: messages in segments and
// in files of their own, some long acknowledged, some dead, some held; part of it in the index's
// database, part in its log only; and a copy of the database from before most of that.

#include <functional>
#include <set>
#include <string>

#include "spoolmq/queue.h"
#include "tests/crash/kill_process.h"

namespace spoolmq::test {

using Ids = std::set<std::string>;

Ids ids_of(const std::string& answer);  // of an agent's "sent" or "got"

class DamagedWorld {
 public:
  DamagedWorld();

  [[nodiscard]] const TemporaryRoot& root() const { return root_; }
  // Of the generation in use; suffix "", "-wal" or "-shm".
  [[nodiscard]] std::string index(const std::string& suffix = "") const;
  [[nodiscard]] const std::string& older_copy() const { return older_copy_; }
  [[nodiscard]] std::string verdicts() const { return root_.queue_path("q") + "/verdicts.log"; }

  // Opens the queue, receives all there is, and compares with what ought to be there.
  enum class Expect { kEverything, kNothingLost };
  void check(Expect expect);

  Ids live, acked, dead, held;

 private:
  void past(Process& agent, const std::string& name);
  TemporaryRoot root_;
  std::string older_copy_;
};

void truncate_file(const std::string& path, std::uint64_t size);
void flip_bit(const std::string& path, std::uint64_t offset, int bit);
std::uint64_t size_of(const std::string& path);

}  // namespace spoolmq::test
