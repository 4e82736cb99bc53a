// Readiness against real files, leases, locks and users; only the time is made up.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "tests/watcher/producer.h"
#include "watcher/readiness.h"

namespace spoolmq::watcher {
namespace {

using test::become_nobody;
using test::Producer;
using test::SharedDirectory;
using Kind = Verdict::Kind;

class ReadinessOfFiles : public testing::Test {
 protected:
  // As an importer goes about it: the cheap look, then the open file.
  Verdict judge(std::int64_t now_boot_ms) {
    Verdict verdict = readiness_.look(*directory_.dir().status("f"), false, now_boot_ms);
    if (verdict.kind != Kind::kReady) return verdict;
    const auto file = directory_.open("f");
    const ReadLease lease(*file);
    return readiness_.look_at_open(*file, file->status(), lease.writers(), now_boot_ms, 0);
  }
  void choose(std::vector<Rule> rules) {
    ReadinessOptions options;
    options.rules = std::move(rules);
    readiness_ = Readiness(options);
  }

  Producer::Step opens(int flags) {
    return [this, flags] {
      descriptor_ = ::open(directory_.path("f").c_str(), flags | O_CLOEXEC, 0644);
      return descriptor_ < 0 ? errno : 0;
    };
  }
  Producer::Step writes() {
    return [this] { return ::write(descriptor_, "x", 1) == 1 ? 0 : errno; };
  }
  Producer::Step closes() {
    return [this] { return ::close(descriptor_); };
  }

  SharedDirectory directory_;
  Readiness readiness_{ReadinessOptions{}};
  int descriptor_ = -1;  // the child's
};

TEST_F(ReadinessOfFiles, TakesAFileWhenItsWriterHasClosedIt) {
  Producer producer({opens(O_CREAT | O_WRONLY), writes(), closes()});
  ASSERT_EQ(producer.step(), 0);
  EXPECT_EQ(judge(0).rule, Rule::kStable);
  EXPECT_EQ(judge(2'000).rule, Rule::kClosed);
  ASSERT_EQ(producer.step(), 0);
  EXPECT_EQ(judge(4'000).rule, Rule::kStable) << "it has grown";
  EXPECT_EQ(judge(6'000).why, "open for writing by another program");
  ASSERT_EQ(producer.step(), 0);
  EXPECT_EQ(judge(6'001).kind, Kind::kReady);
}

TEST_F(ReadinessOfFiles, SeesEveryWriteOfASlowProducer) {
  constexpr int kWrites = 20;
  choose({Rule::kStable});
  std::vector<Producer::Step> steps{opens(O_CREAT | O_WRONLY | O_APPEND)};
  for (int i = 0; i < kWrites; ++i) steps.push_back(writes());
  Producer producer(std::move(steps));
  ASSERT_EQ(producer.step(), 0);
  for (int i = 0; i < kWrites; ++i) {
    ASSERT_EQ(producer.step(), 0);
    EXPECT_EQ(judge(i * 10'000).kind, Kind::kWait) << i;
  }
  EXPECT_EQ(judge(kWrites * 10'000).kind, Kind::kReady);
}

TEST_F(ReadinessOfFiles, IsNotImpressedByAnOldMtime) {
  choose({Rule::kStable});
  directory_.put("f", "x");
  const struct timespec old[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, directory_.path("f").c_str(), old, 0), 0);
  ASSERT_EQ(directory_.dir().status("f")->mtime_ns, 1'000'000'000);
  EXPECT_EQ(judge(0).kind, Kind::kWait);
  EXPECT_EQ(judge(1'999).kind, Kind::kWait);
  // Written in place, then given the same old mtime: only the ctime tells.
  Producer producer({opens(O_WRONLY), writes(), [&] { return ::futimens(descriptor_, old); }});
  for (int step = 0; step < 3; ++step) ASSERT_EQ(producer.step(), 0);
  ASSERT_EQ(directory_.dir().status("f")->mtime_ns, 1'000'000'000);
  EXPECT_EQ(judge(2'000).kind, Kind::kWait);
  EXPECT_EQ(judge(4'000).kind, Kind::kReady);
}

TEST_F(ReadinessOfFiles, WaitsForEveryKindOfLock) {
  choose({Rule::kLocked});
  directory_.put("f", "x");
  const auto record_lock = [this](int command, short type) {
    return [this, command, type] {
      struct flock lock {};
      lock.l_type = type;
      lock.l_whence = SEEK_SET;
      return ::fcntl(descriptor_, command, &lock) == 0 ? 0 : errno;
    };
  };
  const auto flocks = [this](int operation) {
    return [this, operation] { return ::flock(descriptor_, operation) == 0 ? 0 : errno; };
  };
  const std::pair<Producer::Step, Producer::Step> kinds[] = {
      {record_lock(F_SETLK, F_WRLCK), record_lock(F_SETLK, F_UNLCK)},
      {record_lock(F_OFD_SETLK, F_WRLCK), record_lock(F_OFD_SETLK, F_UNLCK)},
      {flocks(LOCK_EX | LOCK_NB), flocks(LOCK_UN)},
  };
  for (const auto& [lock, unlock] : kinds) {
    Producer producer({opens(O_RDWR), lock, unlock});
    ASSERT_EQ(producer.step(), 0);
    EXPECT_EQ(judge(0).kind, Kind::kReady) << "open, but that is not asked";
    ASSERT_EQ(producer.step(), 0);
    EXPECT_EQ(judge(0).rule, Rule::kLocked);
    ASSERT_EQ(producer.step(), 0);
    EXPECT_EQ(judge(0).kind, Kind::kReady);
  }
}

TEST_F(ReadinessOfFiles, GoesByClosesWhereAnotherUsersFileCannotBeLeased) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs a second user";
  choose({Rule::kClosed});
  directory_.put("f", "x");
  const auto asks = [&](std::int64_t now_boot_ms) {
    return [this, now_boot_ms] { return static_cast<int>(judge(now_boot_ms).kind); };
  };
  const auto hears_of_a_close = [this] {
    readiness_.closed(*directory_.dir().status("f"), 1'000);
    return 0;
  };
  const auto hears_of_a_write = [this] {
    readiness_.modified(*directory_.dir().status("f"));
    return 0;
  };
  // The importer is the child.
  const auto reads_why = [this] {
    return judge(0).why.find("(another user's file)") == std::string::npos ? 1 : 0;
  };
  Producer importer({become_nobody, asks(0), reads_why, hears_of_a_close, asks(1'001), asks(1'002),
                     hears_of_a_write, asks(1'003), hears_of_a_close, asks(1'004), asks(1'005),
                     asks(61'004), asks(61'005)});
  constexpr int kReady = static_cast<int>(Kind::kReady);
  constexpr int kWait = static_cast<int>(Kind::kWait);
  ASSERT_EQ(importer.step(), 0);
  EXPECT_EQ(importer.step(), kWait) << "no close was seen";
  EXPECT_EQ(importer.step(), 0) << "says whose file it is";
  importer.step();
  EXPECT_EQ(importer.step(), kReady) << "closed";
  ASSERT_TRUE(directory_.dir().rename_new("f", directory_.dir(), "g"));
  ASSERT_TRUE(directory_.dir().rename_new("g", directory_.dir(), "f"));
  EXPECT_EQ(importer.step(), kReady) << "renamed";
  importer.step();
  EXPECT_EQ(importer.step(), kWait) << "a write was heard of";
  importer.step();
  EXPECT_EQ(importer.step(), kReady) << "closed again";
  directory_.dir().open("f", Access::kReadWrite)->write_at(as_bytes("longer"), 0);
  EXPECT_EQ(importer.step(), kWait) << "written to, unheard of";
  EXPECT_EQ(importer.step(), kWait) << "not quite quiet enough";
  EXPECT_EQ(importer.step(), kReady) << "quiet";
}

}  // namespace
}  // namespace spoolmq::watcher
