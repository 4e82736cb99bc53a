#pragma once
// The state behind one MemoryFileSystem: its inodes, the account of its operations, and the faults
// to come. Everything in it is guarded by `mutex`, which callers of its functions hold.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_system.h"
#include "tests/support/memory_content.h"
#include "tests/support/memory_file_system.h"
#include "tests/support/memory_locks.h"

namespace spoolmq::test {

struct Node;
using NodePtr = std::shared_ptr<Node>;
using Entries = std::map<std::string, NodePtr, std::less<>>;

struct Node {
  FileKind kind = FileKind::kRegular;
  std::uint64_t inode = 0;
  std::uint64_t links = 0;
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime_ns = 0;
  std::int64_t ctime_ns = 0;

  Content content;   // of a file
  RangeLocks locks;  // of a file

  Entries entries;                 // of a directory, now
  Entries durable_entries;         // as of its last sync
  std::set<std::string> unsynced;  // names that differ since
  bool removed = false;

  void touch();
  void set_entry(std::string_view name, NodePtr node);
  void erase_entry(std::string_view name);
  void sync_entries();
};

// What is to become of an operation.
struct Gate {
  enum class Way : std::uint8_t { kDo, kSkip, kFail, kCut };
  Way way = Way::kDo;
  int error_number = 0;
};

struct SqliteFileState;  // memory_vfs_state.h

class Disk {
 public:
  explicit Disk(std::uint64_t device_number);
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  ~Disk();

  // The file system whose prefix() starts `path`, or none.
  static std::shared_ptr<Disk> of_path(std::string_view path);
  static std::shared_ptr<Disk> make(std::uint64_t device_number);

  [[nodiscard]] const std::string& prefix() const { return prefix_; }  // "/twin-<n>"
  [[nodiscard]] std::string full_path(std::string_view relative) const;

  // Counts the operation, writes it into the trace, and says what becomes of it.
  Gate gate(const Operation& operation, std::string_view detail = {});
  // For the seam: throws what the gate says; true: to be done.
  bool permit(const Operation& operation, std::string_view detail = {});
  bool obey(const Gate& gate, const Operation& operation) const;
  // Reading, too, ends with the power.
  void check_power() const;
  // For the seam, of what changes nothing: counts it; throws what it is refused with, or the cut.
  void look(std::string_view operation, std::string_view path);
  // The same for SQLite: the errno, or 0. Nothing is refused behind the cut, which is elsewhere's.
  int look_refusal();
  [[nodiscard]] bool is_silent() const;  // buried, or unwinding after the cut

  NodePtr new_node(FileKind kind, std::uint32_t mode);
  [[nodiscard]] NodePtr find(std::string_view relative) const;  // null: none
  [[nodiscard]] FileStatus status_of(const Node& node) const;
  std::shared_ptr<SqliteFileState> sqlite_state(const Node& node);

  [[nodiscard]] std::shared_ptr<Disk> after_power_cut(Names names, Bytes bytes,
                                                      std::uint64_t seed) const;
  [[nodiscard]] std::shared_ptr<Disk> after_kill() const;

  mutable std::mutex mutex;
  NodePtr root;
  std::uint64_t operations = 0;
  std::vector<std::string> trace;
  std::uint64_t fail_number = 0;  // the operation to refuse; 0: none
  int fail_errno = 0;
  Repeat fail_repeat = Repeat::kOnce;
  std::uint64_t looks = 0;
  std::uint64_t fail_look_number = 0;  // the look to refuse; 0: none
  int fail_look_errno = 0;
  Repeat fail_look_repeat = Repeat::kOnce;
  std::uint64_t cut_number = 0;  // the operation at which the power fails; 0: none
  bool cut = false;
  bool buried = false;  // a successor has taken over
  std::function<Verdict(const Operation&)> filter;
  Dir::Space space{std::uint64_t{1} << 40, UINT64_MAX};
  MemoryFileSystem::Support support;

 private:
  const std::string prefix_;
  const std::uint64_t device_;
  std::uint64_t next_inode_ = 1;
  std::map<std::uint64_t, std::weak_ptr<SqliteFileState>> sqlite_states_;  // by inode
};

// The directory of `path`, "." for a single component, and its last component.
std::string_view parent_of(std::string_view path);
std::string_view name_of(std::string_view path);

std::unique_ptr<File> make_memory_file(std::shared_ptr<Disk> disk, NodePtr node, std::string path,
                                       Access access);
std::unique_ptr<Dir> make_memory_dir(std::shared_ptr<Disk> disk, NodePtr node, std::string path);
// Of a file made by make_memory_file: its inode, and where it is from now on.
NodePtr node_of(File& file, const Disk& disk);
void rename_memory_file(File& file, std::string path);

}  // namespace spoolmq::test
