#pragma once
// ROOT/topics: who is bound to what, and what is under way in several queues (FORMAT.md section
// 11).
//   bindings  one line per binding, replaced as a whole
//   lock      byte 0 is held alone by whoever changes the bindings; byte 1 shared by whoever has a
//             route in use, alone by whoever removes routes; byte 2 shared by whoever has an intent
//             under way, alone by a backup while it decides what is in it
// Not thread-safe; each thread opens its own, so that the locks of threads are told apart.

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/file_system.h"
#include "spoolmq/topic.h"

namespace spoolmq {

class TopicsDir {
 public:
  // Makes it, durably, when missing. Error(kPermission): it is missing and may not be made.
  static TopicsDir made_in(Dir& root);
  // nullopt: there is none, or it may not be read.
  static std::optional<TopicsDir> look_in(Dir& root);

  Dir& dir() { return *dir_; }

  // Sorted. Throws Error(kBadData) if the file is not one of ours.
  std::vector<Binding> bindings();
  // Reads, lets `change` change, and replaces them durably if it returns true; all of it while
  // nobody else can.
  void change_bindings(const std::function<bool(std::vector<Binding>&)>& change);

  enum class Byte : std::uint8_t { kBindings = 0, kRoutes = 1, kIntents = 2 };
  // Held until the File closes. Waits for at most ten seconds, then throws Error(kTryAgain).
  std::unique_ptr<File> take_lock(Byte byte, LockKind kind);
  // nullptr: somebody has it.
  std::unique_ptr<File> try_lock(Byte byte, LockKind kind);

 private:
  explicit TopicsDir(std::unique_ptr<Dir> dir) : dir_(std::move(dir)) {}
  std::unique_ptr<Dir> dir_;
};

}  // namespace spoolmq
