// Record locks and descriptors of one process. Closing any descriptor of a file drops every classic
// record lock that the process has on it (fcntl(2)), and SQLite's locks are classic ones: so nobody
// but SQLite may ever open its files. Read from /proc, on the real file system.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "spoolmq/backup.h"
#include "spoolmq/tail.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

namespace fs = std::filesystem;

struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // inclusive
};

std::set<int> descriptors() {
  std::set<int> found;
  for (const fs::directory_entry& one : fs::directory_iterator("/proc/self/fd")) {
    found.insert(std::stoi(one.path().filename()));
  }
  return found;
}

// The classic locks that this process has on that file, as each of its descriptors says (proc(5),
// fdinfo): /proc/locks is everybody's, and what others do while it is read may hide a line.
std::vector<Range> classic_locks_on(const fs::path& path) {
  std::vector<Range> found;
  for (const int descriptor : descriptors()) {
    const std::string of_it = std::to_string(descriptor);
    std::error_code gone;  // the descriptor of the listing is
    if (!fs::equivalent("/proc/self/fd/" + of_it, path, gone)) continue;
    std::ifstream info("/proc/self/fdinfo/" + of_it);
    std::string line;
    while (std::getline(info, line)) {
      std::istringstream words(line);
      std::string label, number, kind, mode, access, pid, file, last;
      Range range;
      words >> label >> number >> kind >> mode >> access >> pid >> file >> range.first >> last;
      if (label != "lock:" || kind != "POSIX") continue;
      range.last = last == "EOF" ? UINT64_MAX : std::stoull(last);
      found.push_back(range);
    }
  }
  return found;
}

bool is_locked(const fs::path& path, std::uint64_t byte) {
  const std::vector<Range> locks = classic_locks_on(path);
  return std::any_of(locks.begin(), locks.end(), [byte](const Range& range) {
    return range.first <= byte && byte <= range.last;
  });
}

// What a connection in WAL mode keeps for as long as it is open, whatever transaction a thread of
// the handle has just then: SQLite's os.h (SHARED_FIRST) and os_unix.c (UNIX_SHM_DMS).
constexpr std::uint64_t kDatabaseIsOpen = 0x40000002;
constexpr std::uint64_t kSharedMemoryIsOpen = 128;

class Locks : public ::testing::Test {
 protected:
  Locks() : world_({}, On::kDisk) {}
  fs::path index(const std::string& suffix = "") {
    return world_.path() + "/queues/q/index.1.db" + suffix;
  }
  // Everything that reads, lists or copies, through the handle itself and through others.
  void do_everything() {
    Queue& queue = world_.queue();
    queue.send(text("1"));
    queue.send_batch({text("2"), text("3")});
    EXPECT_NE(take(queue), "(none)");
    queue.stats();
    queue.maintain();
    queue.sweep();
    EXPECT_TRUE(queue.fsck(FsckMode::kLook).empty());
    Tail tail = queue.tail();
    {
      Queue other = world_.open();
      other.send(text("4"));
      EXPECT_NE(take(other), "(none)");
      EXPECT_EQ(other.fsck(FsckMode::kRepair).size(), 0U);
    }
    const std::string backup = world_.path() + "-backup";
    const std::vector<std::string> only{"q"};
    world_.root().back_up(only, backup, {});
    RestoreOptions as;
    as.as = "copy" + std::to_string(++copies_);
    world_.root().restore(backup, as);
    fs::remove_all(backup);
  }
  StoreWorld world_;
  int copies_ = 0;
};

TEST_F(Locks, OfSQLiteSurviveWhateverTheProcessDoesWithTheQueue) {
  world_.queue().send(text("0"));
  EXPECT_EQ(take(world_.queue()), "0");
  ASSERT_TRUE(is_locked(index(), kDatabaseIsOpen));
  ASSERT_TRUE(is_locked(index("-shm"), kSharedMemoryIsOpen));
  for (int i = 0; i < 3; ++i) do_everything();
  EXPECT_TRUE(is_locked(index(), kDatabaseIsOpen));
  EXPECT_TRUE(is_locked(index("-shm"), kSharedMemoryIsOpen));
  // The trap that this is about: one descriptor of somebody else's, opened and closed.
  ::close(::open(index().c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(classic_locks_on(index()).empty());
}

TEST_F(Locks, AreAllOpenFileDescriptionsButThoseOfSQLite) {
  do_everything();
  for (const fs::directory_entry& one : fs::directory_iterator(world_.path() + "/queues/q")) {
    const std::string name = one.path().filename();
    if (!one.is_regular_file() || name.starts_with("index.") || name == "imports.db") continue;
    EXPECT_TRUE(classic_locks_on(one.path()).empty()) << name;
  }
}

TEST_F(Locks, OfAHandleAreNotItsChildsAndSurviveTheChild) {
  world_.queue().send(text("1"));
  std::optional<Delivery> held = world_.queue().receive();
  ASSERT_TRUE(held);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(0);  // closes every descriptor that it has a copy of
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  Queue other = world_.open();
  other.sweep();
  EXPECT_EQ(count(other, State::kLeased), 1) << "its holder lives";
  EXPECT_TRUE(is_locked(index(), kDatabaseIsOpen));
  held->ack();
}

TEST_F(Locks, AndEveryOtherDescriptorCloseOnExec) {
  const std::set<int> before = descriptors();
  Queue& queue = world_.queue();
  queue.send(text("1"));
  queue.send_batch({text("2"), text("3")});
  const std::optional<Delivery> held = queue.receive();
  Tail tail = queue.tail();
  Queue observer = world_.open();
  observer.sweep();
  int looked_at = 0;
  for (const int descriptor : descriptors()) {
    const int flags = ::fcntl(descriptor, F_GETFD);
    if (before.contains(descriptor) || flags < 0) continue;  // of the listing itself
    ++looked_at;
    EXPECT_NE(flags & FD_CLOEXEC, 0)
        << fs::read_symlink("/proc/self/fd/" + std::to_string(descriptor));
  }
  EXPECT_GE(looked_at, 8);
}

}  // namespace
}  // namespace spoolmq::test
