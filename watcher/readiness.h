#pragma once
// Has the program that writes this file finished? Nobody tells; these rules are what can be known.
// Every rule that is chosen must agree.
//   rename     the name is final: the producer writes under one of the unfinished patterns first
//   done-file  a second file says so: `NAME.done`
//   closed     nobody has it open for writing: a read lease (fcntl(2), F_SETLEASE) is granted; if
//              that is refused for want of a right, a close that was seen and no write since;
//              failing that, unchanged for `quiet_for`
//   locked     nobody holds a lock on it (open_probe.h says which count)
//   stable     size, mtime and ctime are the same in two looks or more, `stable_for` apart or more;
//              an old mtime proves nothing, for many programs set it
// A close is evidence until a write is heard of or size or mtime differ; a rename, which moves only
// the ctime, keeps it. A new file that has the inode of an old one has another ctime, so that it
// starts over; it inherits a close only with size and mtime of the old one, and a program that sets
// an mtime has written its bytes.
// Readiness remembers what it has seen, by device and inode. Times are boot milliseconds.
// Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/file_system.h"
#include "watcher/open_probe.h"
#include "watcher/readiness_options.h"

namespace spoolmq::watcher {

struct Verdict {
  enum class Kind : std::uint8_t { kReady, kWait, kSkip };  // kSkip: not before its name changes
  Kind kind = Kind::kReady;
  std::optional<Rule> rule;  // which holds it back
  std::string why;           // "open for writing by another program", one line
  // When a look may come to another end, boot milliseconds; none: only a change does it.
  std::optional<std::int64_t> again_boot_ms;
};

class Readiness {
 public:
  explicit Readiness(ReadinessOptions options);

  [[nodiscard]] const ReadinessOptions& options() const { return options_; }

  // What the name alone says: kReady or kSkip. `name` may be a path: a directory with an unfinished
  // name holds unfinished files. Under done-file, the files that say so are skipped.
  [[nodiscard]] Verdict look_at_name(std::string_view name) const;
  // Takes a sample; cheap, without opening the file. `done_file_there` counts only under that rule.
  // kReady here means: open it and ask look_at_open.
  Verdict look(const FileStatus& status, bool done_file_there, std::int64_t now_boot_ms);
  // The rules that need an open file. `status` is the open file's; it is sampled too, so that a
  // file which changed since look() waits again. `now_wall_ms`: what its ctime is compared with,
  // milliseconds since the epoch.
  Verdict look_at_open(File& file, const FileStatus& status, Writers writers,
                       std::int64_t now_boot_ms, std::int64_t now_wall_ms);

  // Hints (DirectoryWatcher): `status` as it is when the hint is handled, before a look at it.
  void closed(const FileStatus& status, std::int64_t now_boot_ms);
  void modified(const FileStatus& status);

  // Between begin_round and end_round every file that is there is looked at; what was not, nor was
  // heard of, is forgotten.
  void begin_round();
  void end_round();
  void forget(const FileStatus& status);
  // How long it has been seen as it is, by whatever looked; 0: not yet, or not so.
  [[nodiscard]] std::int64_t unchanged_ms(const FileStatus& status, std::int64_t now_boot_ms) const;
  [[nodiscard]] std::size_t remembered() const { return sightings_.size(); }

 private:
  struct Key {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  static Key key_of(const FileStatus& status) { return {status.device, status.inode}; }

  static constexpr std::int64_t kNever = -1;
  // There may be hundreds of thousands of them.
  struct Sighting {
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t ctime_ns = 0;
    std::int64_t unchanged_since_boot_ms = 0;  // the first look that found it so
    std::int64_t closed_boot_ms = kNever;      // when a close was seen, no write since
    std::uint32_t round = 0;
  };
  static_assert(sizeof(Sighting) <= 48);
  static bool is_same(const Sighting& seen, const FileStatus& status);

  Sighting& sample(const FileStatus& status, std::int64_t now_boot_ms);
  [[nodiscard]] Verdict judge_writers(const FileStatus& status, Writers writers,
                                      const Sighting& seen, std::int64_t now_boot_ms,
                                      std::int64_t now_wall_ms) const;
  [[nodiscard]] Verdict judge_age(const Sighting& seen, std::int64_t now_boot_ms) const;
  // Soon after a close that was seen, then ever more rarely; nullopt where none was.
  static std::optional<std::int64_t> again_after_close(const Sighting& seen,
                                                       std::int64_t now_boot_ms);

  ReadinessOptions options_;
  std::unordered_map<Key, Sighting, KeyHash> sightings_;
  std::uint32_t round_ = 0;
};

}  // namespace spoolmq::watcher
