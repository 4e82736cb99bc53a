#include "watcher/open_probe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "spoolmq/error.h"
#include "tests/support/memory_file_system.h"
#include "tests/watcher/producer.h"

namespace spoolmq::watcher {
namespace {

using test::become_nobody;
using test::Producer;
using test::SharedDirectory;

class OpenProbe : public testing::Test {
 protected:
  OpenProbe() : path_(directory_.path("f")) { directory_.put("f", "0123456789"); }

  // Steps of a producer, which knows its file by `descriptor_`.
  Producer::Step opens(int flags) {
    return [this, flags] {
      descriptor_ = ::open(path_.c_str(), flags | O_CLOEXEC);
      return descriptor_ < 0 ? errno : 0;
    };
  }
  Producer::Step closes() {
    return [this] { return ::close(descriptor_); };
  }
  Producer::Step locks(int command, short type, off_t offset, off_t length) {
    return [this, command, type, offset, length] {
      struct flock lock {};
      lock.l_type = type;
      lock.l_whence = SEEK_SET;
      lock.l_start = offset;
      lock.l_len = length;
      return ::fcntl(descriptor_, command, &lock) == 0 ? 0 : errno;
    };
  }
  Producer::Step flocks(int operation) {
    return [this, operation] { return ::flock(descriptor_, operation) == 0 ? 0 : errno; };
  }

  SharedDirectory directory_;
  const std::string path_;
  int descriptor_ = -1;  // the child's
};

Writers writers_of(File& file) { return ReadLease(file).writers(); }

// ---- Writers

TEST_F(OpenProbe, SeesAnotherProcessThatHasItOpenForWriting) {
  for (const int flags : {O_WRONLY, O_RDWR, O_WRONLY | O_APPEND}) {
    Producer producer({opens(flags), closes()});
    const auto file = directory_.open("f");
    EXPECT_EQ(writers_of(*file), Writers::kNone);
    ASSERT_EQ(producer.step(), 0);
    EXPECT_EQ(writers_of(*file), Writers::kSome) << flags;
    ASSERT_EQ(producer.step(), 0);
    EXPECT_EQ(writers_of(*file), Writers::kNone) << flags;
  }
}

TEST_F(OpenProbe, DoesNotMindReaders) {
  Producer producer({opens(O_RDONLY)});
  ASSERT_EQ(producer.step(), 0);
  EXPECT_EQ(writers_of(*directory_.open("f")), Writers::kNone);
}

TEST_F(OpenProbe, SeesAWriterThatHasOnlyAMappingLeft) {
  void* mapping = nullptr;
  Producer producer({opens(O_RDWR),
                     [&] {
                       mapping = ::mmap(nullptr, 4096, PROT_WRITE, MAP_SHARED, descriptor_, 0);
                       return mapping == MAP_FAILED ? errno : 0;
                     },
                     closes(), [&] { return ::munmap(mapping, 4096); }});
  const auto file = directory_.open("f");
  for (int step = 0; step < 3; ++step) ASSERT_EQ(producer.step(), 0);
  EXPECT_EQ(writers_of(*file), Writers::kSome);
  ASSERT_EQ(producer.step(), 0);
  EXPECT_EQ(writers_of(*file), Writers::kNone);
}

TEST_F(OpenProbe, IsOverWithTheWriter) {
  const auto file = directory_.open("f");
  {
    Producer producer({opens(O_WRONLY)});
    ASSERT_EQ(producer.step(), 0);
    EXPECT_EQ(writers_of(*file), Writers::kSome);
  }
  EXPECT_EQ(writers_of(*file), Writers::kNone);
}

TEST_F(OpenProbe, CannotKnowTheWritersOfAnotherUsersFile) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs a second user";
  const auto answer = [&] {
    const auto file = directory_.open("f");
    return static_cast<int>(writers_of(*file));
  };
  Producer nobody({become_nobody, answer, answer});
  ASSERT_EQ(nobody.step(), 0);
  EXPECT_EQ(nobody.step(), static_cast<int>(Writers::kUnknown));
  ASSERT_EQ(::chown(path_.c_str(), test::kNobody, test::kNobody), 0);
  EXPECT_EQ(nobody.step(), static_cast<int>(Writers::kNone));
  EXPECT_EQ(answer(), static_cast<int>(Writers::kNone)) << "the superuser may lease any file";
}

TEST(OpenProbeOfTheTwin, HasNoWriters) {
  spoolmq::test::MemoryFileSystem disk;
  const auto file = disk.root()->create("f", 0600, IfExists::kFail);
  const ReadLease lease(*file);
  EXPECT_EQ(lease.writers(), Writers::kNone);
  EXPECT_TRUE(lease.is_undisturbed());
}

// ---- Leases

TEST_F(OpenProbe, KeepsAWriterWaitingWhileTheLeaseIsHeld) {
  Producer producer({opens(O_WRONLY), closes()});
  const auto file = directory_.open("f");
  {
    const ReadLease lease(*file);
    ASSERT_EQ(lease.writers(), Writers::kNone);
    EXPECT_TRUE(lease.is_undisturbed());
    producer.begin();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (lease.is_undisturbed() && std::chrono::steady_clock::now() < deadline) {
    }
    EXPECT_FALSE(lease.is_undisturbed());
    EXPECT_EQ(writers_of(*directory_.open("f")), Writers::kSome) << "it is about to";
  }
  EXPECT_EQ(producer.finish(), 0);
}

TEST_F(OpenProbe, IsToldOfAWriterThatWillNotWait) {
  Producer producer({opens(O_WRONLY | O_NONBLOCK), [&] { return ::truncate(path_.c_str(), 0); }});
  const auto file = directory_.open("f");
  {
    const ReadLease lease(*file);
    EXPECT_EQ(producer.step(), EWOULDBLOCK);
    EXPECT_FALSE(lease.is_undisturbed());
  }
  EXPECT_EQ(producer.step(), 0) << "given up with its object, though the file is still open";
}

TEST_F(OpenProbe, IsUndisturbedByReaders) {
  Producer producer({opens(O_RDONLY)});
  const auto file = directory_.open("f");
  const ReadLease lease(*file);
  ASSERT_EQ(producer.step(), 0);
  EXPECT_TRUE(lease.is_undisturbed());
}

TEST_F(OpenProbe, IsNotUndisturbedWhereNoLeaseWasGranted) {
  Producer producer({opens(O_WRONLY)});
  ASSERT_EQ(producer.step(), 0);
  const auto file = directory_.open("f");
  EXPECT_FALSE(ReadLease(*file).is_undisturbed());
}

// ---- Locks

TEST_F(OpenProbe, SeesRecordLocksOnAnyByte) {
  struct Case {
    const char* what;
    int set;
    short type;
    off_t offset;
    off_t length;
  };
  for (const Case& c : {Case{"classic, whole", F_SETLK, F_WRLCK, 0, 0},
                        Case{"classic, one byte", F_SETLK, F_WRLCK, 3, 1},
                        Case{"classic, far behind the end", F_SETLK, F_WRLCK, 1 << 30, 1},
                        Case{"classic, shared", F_SETLK, F_RDLCK, 0, 0},
                        Case{"open file description, whole", F_OFD_SETLK, F_WRLCK, 0, 0},
                        Case{"open file description, one byte", F_OFD_SETLK, F_WRLCK, 9, 1},
                        Case{"open file description, shared", F_OFD_SETLK, F_RDLCK, 0, 1}}) {
    Producer producer({opens(O_RDWR), locks(c.set, c.type, c.offset, c.length),
                       locks(c.set, F_UNLCK, c.offset, c.length)});
    const auto file = directory_.open("f");
    ASSERT_EQ(producer.step(), 0);
    EXPECT_FALSE(is_locked(*file)) << c.what;
    ASSERT_EQ(producer.step(), 0);
    EXPECT_TRUE(is_locked(*file)) << c.what;
    ASSERT_EQ(producer.step(), 0);
    EXPECT_FALSE(is_locked(*file)) << c.what;
  }
}

TEST_F(OpenProbe, SeesAnExclusiveFlock) {
  Producer producer({opens(O_RDWR), flocks(LOCK_EX | LOCK_NB), flocks(LOCK_UN)});
  const auto file = directory_.open("f");
  ASSERT_EQ(producer.step(), 0);
  EXPECT_FALSE(is_locked(*file));
  ASSERT_EQ(producer.step(), 0);
  EXPECT_TRUE(is_locked(*file));
  ASSERT_EQ(producer.step(), 0);
  EXPECT_FALSE(is_locked(*file));
}

TEST_F(OpenProbe, TakesASharedFlockForAReaders) {
  Producer producer({opens(O_RDONLY), flocks(LOCK_SH)});
  ASSERT_EQ(producer.step(), 0);
  ASSERT_EQ(producer.step(), 0);
  EXPECT_FALSE(is_locked(*directory_.open("f")));
}

TEST_F(OpenProbe, LeavesNoLockBehind) {
  Producer producer({opens(O_RDWR), flocks(LOCK_EX | LOCK_NB), locks(F_OFD_SETLK, F_WRLCK, 0, 0)});
  const auto file = directory_.open("f");
  EXPECT_FALSE(is_locked(*file));
  for (int step = 0; step < 3; ++step) EXPECT_EQ(producer.step(), 0) << step;
}

TEST_F(OpenProbe, SeesLocksEndWithTheirProcess) {
  const auto file = directory_.open("f");
  {
    Producer producer({opens(O_RDWR), flocks(LOCK_EX | LOCK_NB)});
    ASSERT_EQ(producer.step(), 0);
    ASSERT_EQ(producer.step(), 0);
    EXPECT_TRUE(is_locked(*file));
  }
  EXPECT_FALSE(is_locked(*file));
}

TEST(OpenProbeOfTheTwin, SeesItsLocks) {
  spoolmq::test::MemoryFileSystem disk;
  const auto root = disk.root();
  const auto producer = root->create("f", 0600, IfExists::kFail);
  const auto file = root->open("f", Access::kRead);
  EXPECT_FALSE(is_locked(*file));
  ASSERT_TRUE(producer->try_lock(7, 1, LockKind::kExclusive));
  EXPECT_TRUE(is_locked(*file));
  producer->unlock(7, 1);
  EXPECT_FALSE(is_locked(*file));
}

TEST_F(OpenProbe, SaysWhatItCouldNotLookAt) {
  // Neither leases nor locks are to be had through a descriptor that is only a place (open(2)).
  const int place = ::open(path_.c_str(), O_PATH | O_CLOEXEC);
  const auto file = adopt_posix_file(place, "f");
  ::close(place);
  EXPECT_EQ(writers_of(*file), Writers::kUnknown);
  try {
    is_locked(*file);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.subject(), path_);
    EXPECT_EQ(error.operation(), "look for a lock");
  }
}

}  // namespace
}  // namespace spoolmq::watcher
