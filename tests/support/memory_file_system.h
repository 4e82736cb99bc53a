#pragma once
// The in-memory twin of a file system, for tests: it knows synced from unsynced bytes and names,
// refuses the n-th operation, skips the ones a test wants skipped, and shows what a power cut or a
// killed process would leave. Its directories also carry an SQLite VFS (memory_vfs.h), whose
// writes, syncs and deletions take part in all of it.
//
//   MemoryFileSystem disk;
//   disk.cut_at(5);
//   try { use(*disk.root()); } catch (const PowerCut&) {}
//   auto later = disk.after_power_cut(Names::kLost, Bytes::kTorn, seed);
//
// Thread-safe by one mutex per file system. Directories and files may outlive it.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_system.h"
#include "tests/support/memory_content.h"

namespace spoolmq::test {

// Thrown by the operation at which the power fails and by everything after it. No std::exception,
// so that nothing on the way takes it for an error it can handle.
struct PowerCut {};

enum class OperationKind : std::uint8_t {
  kWrite,
  kTruncate,
  kAllocate,
  kPunch,
  kSync,
  kSyncDir,
  kCreate,
  kLink,
  kRename,
  kUnlink,
  kMakeDir,
  kRemoveDir,
};

struct Operation {
  OperationKind kind = OperationKind::kWrite;
  std::string path;      // relative to the root; "." is the root itself
  std::string new_path;  // of a rename, and of a link to a named file
};

enum class Verdict : std::uint8_t { kDo, kSkip };  // kSkip: reports success, does nothing
enum class Repeat : std::uint8_t { kOnce, kForever };
enum class Names : std::uint8_t { kLost, kKept };  // names made or removed since the last sync

class Disk;

class MemoryFileSystem {
 public:
  MemoryFileSystem();
  MemoryFileSystem(const MemoryFileSystem&) = delete;
  MemoryFileSystem& operator=(const MemoryFileSystem&) = delete;
  ~MemoryFileSystem();

  // Its path is "/twin-<n>", different for every file system of the process.
  std::unique_ptr<Dir> root();

  // Mutating operations so far: those of OperationKind, refused and skipped ones included, but not
  // those with nothing to do (removing what is not there, opening what exists).
  [[nodiscard]] std::uint64_t operations() const;
  // "write msgs/07/x.seg 0+1234", "sync …", "sync-dir …", "rename a -> b"; the word "failed" or
  // "skipped" stands before those that were.
  [[nodiscard]] std::vector<std::string> trace() const;
  void clear_trace();

  // The n-th operation from now (1 is the next) is refused with this errno and does nothing.
  // A refused sync takes its bytes with it: a later one succeeds without making them durable.
  void fail_at(std::uint64_t n, int error_number, Repeat repeat = Repeat::kOnce);
  // What changes nothing is counted apart: opening, reading, asking for a status, space or a lock, giving one up,
  // listing; SQLite's reads, openings, locks and shared memory among them.
  [[nodiscard]] std::uint64_t looks() const;
  // As fail_at, of the n-th of these from now.
  void fail_look_at(std::uint64_t n, int error_number, Repeat repeat = Repeat::kOnce);
  void stop_failing();  // both
  // At the n-th operation from now the power fails: it and everything after it do nothing and
  // throw PowerCut; while another exception unwinds they do nothing in silence.
  void cut_at(std::uint64_t n);
  [[nodiscard]] bool is_cut() const;
  void throw_if_cut() const;  // for code that met the cut inside SQLite, which cannot throw
  // Called for every operation, with the mutex held: it must not call back. Empty: none.
  void set_filter(std::function<Verdict(const Operation&)> filter);

  // What the disk shows after the power came back: a new file system with nothing unsynced.
  // A directory whose own name was lost takes along all that is in it; unnamed files are gone.
  // From then on everything still open on this one does nothing, in silence.
  std::unique_ptr<MemoryFileSystem> after_power_cut(Names names, Bytes bytes,
                                                    std::uint64_t seed = 1);
  // What is there after kill -9: a copy without locks and open files, where what was unsynced
  // still is. This one falls silent as above.
  std::unique_ptr<MemoryFileSystem> after_kill();

  // Every name in a directory, sorted; the path is relative to the root, "" is the root.
  [[nodiscard]] std::vector<std::string> names(std::string_view path = "") const;

  // The whole file; empty: there is none of this path.
  [[nodiscard]] std::string bytes_of(std::string_view path) const;
  // What a disk does on its own: other bytes, or none from `size` on, durable at once and without
  // a trace or a new time. False: there is no such file.
  bool decay(std::string_view path, std::uint64_t offset, std::string_view bytes);
  bool decay_to(std::string_view path, std::uint64_t size);

  void set_space(Dir::Space space);
  struct Support {
    bool unnamed = true;  // create_unnamed
    bool allocate = true;
    bool punch = true;
    bool links = true;  // link_from
  };
  void set_support(const Support& support);

 private:
  explicit MemoryFileSystem(std::shared_ptr<Disk> disk);

  std::shared_ptr<Disk> disk_;
};

}  // namespace spoolmq::test
