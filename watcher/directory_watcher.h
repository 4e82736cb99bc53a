#pragma once
// "Something changed in this directory", for many directories with one descriptor. inotify(7) is a
// hint, the directory is the truth: a hint names a file that is worth a look now; kLook says that
// only a look at the whole directory will do. kLook comes when a watch begins, every `rescan`,
// after the kernel's queue overflowed, and when the directory was moved, removed, unmounted or made
// again under its path (noticed within a second, whatever inotify says). Where inotify cannot be
// relied on (network file systems, no watches left), kLook comes every `rescan_blind`, and that is
// logged once, with the limit that was met.
// Hints are of files, not of directories: a subdirectory that appears has its files hinted one by
// one, one that goes takes its files along without a word. The same change may be hinted twice.
// It waits for nothing but the file system and has no thread: whoever owns it calls process() when
// descriptor() is readable or next_due_boot_ms() has come; hints are given inside that call (and
// inside watch()). What is called for a hint may call watch() and forget(); what it throws comes
// out of process(), and the hints behind it come with the next call. Throws Error. Not thread-safe.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/clock.h"

namespace spoolmq::watcher {

struct InotifyReach;  // watcher/watch_table.h

struct Hint {
  enum class Kind : std::uint8_t {
    kLook,      // look at everything; `name` is empty
    kAppeared,  // created, moved in, or its permissions changed
    kModified,  // written to: whoever was said to have closed it is not the last
    kClosed,    // somebody who had it open for writing closed it
    kGone,      // removed or moved away
  };
  Kind kind = Kind::kLook;
  std::string name;  // relative to the watched directory; "/" between levels; any bytes
  // The same number in the kGone and the kAppeared of one renaming within the watch; 0: none.
  std::uint32_t rename = 0;
  bool operator==(const Hint&) const = default;
};

struct WatchOptions {
  std::string path;       // absolute; need not exist yet; links in it are followed, none below it
  std::size_t depth = 0;  // levels of subdirectories that are watched too; 128 at most
  std::chrono::milliseconds rescan{30'000};
  std::chrono::milliseconds rescan_blind{2'000};  // where inotify does not work
};

class DirectoryWatcher {
 public:
  using Token = std::uint64_t;
  using Give = std::function<void(const Hint& hint)>;

  explicit DirectoryWatcher(const Clock& clock);
  DirectoryWatcher(const Clock& clock, const InotifyReach& reach);
  DirectoryWatcher(const DirectoryWatcher&) = delete;
  DirectoryWatcher& operator=(const DirectoryWatcher&) = delete;
  ~DirectoryWatcher();

  // The first hint is kLook, given at once; the directory is watched by then, those below it from
  // the next process() calls on. Never throws for the directory's sake: what is missing now is
  // watched from when it is there.
  Token watch(const WatchOptions& options, Give give);
  void forget(Token token);  // no hint of it comes after that

  // Poll it for reading; it stays the same. -1: inotify is not to be had.
  [[nodiscard]] int descriptor() const;
  // The present where work is left over; INT64_MAX where nothing is watched.
  [[nodiscard]] std::int64_t next_due_boot_ms() const;
  // A bounded piece of work: one read of events (4096 at most), and a slice of the walks through
  // trees, in turns.
  void process();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spoolmq::watcher
