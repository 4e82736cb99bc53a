// Bodies that are taken over as files: which are linked, which copied, and whose they are then.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kStranger = 65'534;
constexpr std::size_t kLength = 100'000;

Settings small_inline() {
  Settings settings;
  settings.body_inline = 1000;
  return settings;
}

struct Descriptor {
  explicit Descriptor(const std::string& path) : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(fd); }
  [[nodiscard]] struct stat status() const {
    struct stat status {};
    ::fstat(fd, &status);
    return status;
  }
  const int fd;
};

class TakenBody : public ::testing::Test {
 protected:
  std::string make(std::uint32_t mode = 0644) {
    const std::string path = world_.path() + "/given";
    std::ofstream(path, std::ios::binary) << whole_;
    ::chmod(path.c_str(), mode);
    return path;
  }
  // UUID.body of the only message that has one.
  std::string body_path() {
    for (const std::string& file : world_.spool_files()) {
      if (file.ends_with(".body")) return world_.path() + "/queues/q/msgs/" + file;
    }
    return {};
  }
  // What the next message's body says of itself.
  LargeBody stated() {
    const auto status = world_.queue().next_ready(1);
    return world_.queue().load(status.at(0).id)->large_body.value();
  }

  const std::string whole_ = std::string(kLength, 'w');
  StoreWorld world_{small_inline(), On::kDisk};
};

TEST_F(TakenBody, OfATrustedFileIsThatFileUnread) {
  const std::string path = make();
  const Descriptor file(path);
  world_.queue().send_file({}, file.fd, BodyFile::kTakeTrusted);
  EXPECT_EQ(file.status().st_nlink, 2U);
  EXPECT_EQ(file.status().st_mode & 0777U, 0600U);  // the queue's
  EXPECT_EQ(stated().checksum, 0U);
  ::unlink(path.c_str());
  EXPECT_EQ(drain(world_.queue()), std::vector<std::string>{whole_});
}

TEST_F(TakenBody, OfOurOwnFileIsThatFileVerified) {
  const Descriptor file(make());
  world_.queue().send_file({}, file.fd, BodyFile::kTake);
  EXPECT_EQ(file.status().st_nlink, 2U);
  EXPECT_NE(stated().checksum, 0U);
  EXPECT_EQ(drain(world_.queue()), std::vector<std::string>{whole_});
}

TEST_F(TakenBody, OfAFileThatIsOnlyLentIsAnotherFile) {
  const Descriptor file(make());
  world_.queue().send_file({}, file.fd, BodyFile::kCopy);
  EXPECT_EQ(file.status().st_nlink, 1U);
  EXPECT_EQ(file.status().st_mode & 0777U, 0644U);
  EXPECT_EQ(drain(world_.queue()), std::vector<std::string>{whole_});
}

TEST_F(TakenBody, OfAFileWithTwoNamesIsCopied) {
  const std::string path = make();
  ASSERT_EQ(::link(path.c_str(), (path + "2").c_str()), 0);
  const Descriptor file(path);
  world_.queue().send_file({}, file.fd, BodyFile::kTakeTrusted);
  EXPECT_EQ(file.status().st_nlink, 2U);
  EXPECT_NE(stated().checksum, 0U);
  EXPECT_EQ(drain(world_.queue()), std::vector<std::string>{whole_});
}

TEST_F(TakenBody, ThatLostItsEndIsBadData) {
  const std::string path = make();
  const Descriptor file(path);
  world_.queue().send_file({}, file.fd, BodyFile::kTakeTrusted);
  ASSERT_EQ(::truncate(body_path().c_str(), kLength - 1), 0);
  auto delivery = world_.queue().receive();
  EXPECT_EQ(refusal([&] { static_cast<void>(body_of(*delivery)); }), ErrorCode::kBadData);
}

TEST_F(TakenBody, LeavesTheGivenFileAsItWasWhereTheQueueIsFull) {
  const SettingText limit[] = {{"max-bytes", "50000"}};
  world_.queue().configure(limit);
  const Descriptor file(make());
  for (const BodyFile how : {BodyFile::kTake, BodyFile::kTakeTrusted}) {
    EXPECT_EQ(refusal([&] { world_.queue().send_file({}, file.fd, how); }), ErrorCode::kTryAgain);
  }
  EXPECT_EQ(file.status().st_nlink, 1U);
  EXPECT_EQ(file.status().st_mode & 0777U, 0644U);
  EXPECT_TRUE(world_.spool_files().empty());
}

// Once taken unread, once copied: an import that goes on after a cut must not meet its own message
// as another one.
TEST_F(TakenBody, IsTheSameMessageHoweverItCame) {
  const Descriptor file(make());
  Message message;
  message.id = some_id(1);
  world_.queue().send_file(message, file.fd, BodyFile::kTakeTrusted);
  EXPECT_TRUE(world_.queue().send_file(message, file.fd, BodyFile::kCopy).duplicate);
  EXPECT_EQ(total(world_.queue()), 1);
}

TEST_F(TakenBody, StaysWithoutAChecksumInXmlToo) {
  const SettingText format[] = {{"format", "xml"}};
  world_.queue().configure(format);
  const Descriptor file(make());
  world_.queue().send_file({}, file.fd, BodyFile::kTakeTrusted);
  EXPECT_EQ(stated(), (LargeBody{kLength, 0}));
  EXPECT_EQ(drain(world_.queue()), std::vector<std::string>{whole_});
}

TEST_F(TakenBody, SurvivesARebuildUnverified) {
  const Descriptor file(make());
  world_.queue().send_file({}, file.fd, BodyFile::kTakeTrusted);
  world_.queue().fsck(FsckMode::kRebuildIndex);
  EXPECT_EQ(stated(), (LargeBody{kLength, 0}));
  EXPECT_EQ(drain(world_.queue()), std::vector<std::string>{whole_});
}

// ---- Strangers' files

TEST_F(TakenBody, OfAStrangersFileBecomesTheQueues) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs a second user";
  const std::string path = make(0604);
  ASSERT_EQ(::chown(path.c_str(), kStranger, kStranger), 0);
  const Descriptor file(path);
  world_.queue().send_file({}, file.fd, BodyFile::kTakeTrusted);
  EXPECT_EQ(file.status().st_nlink, 2U);
  EXPECT_EQ(file.status().st_uid, 0U);
  EXPECT_EQ(file.status().st_gid, ::getegid());
  EXPECT_EQ(file.status().st_mode & 0777U, 0600U);
}

// What a process without privilege makes of root's file; the kernel lets it link only what it could
// also write (fs.protected_hardlinks).
class ByAStranger : public ::testing::Test {
 protected:
  struct Outcome {
    std::size_t links = 0;
    bool whole = false;
  };
  static Outcome send(std::uint32_t file_mode, BodyFile how, std::uint32_t queue_mode = 0600) {
    char top[] = "/tmp/spoolmq-stranger-XXXXXX";
    if (::mkdtemp(top) == nullptr) throw std::runtime_error("mkdtemp");
    const std::string root = std::string(top) + "/root";
    const std::string path = std::string(top) + "/given";
    const std::string whole(kLength, 'w');
    std::ofstream(path, std::ios::binary) << whole;
    ::chmod(path.c_str(), file_mode);
    ::chown(top, kStranger, kStranger);
    const pid_t child = ::fork();
    if (child == 0) {
      bool good = false;
      try {
        if (::setgid(kStranger) != 0 || ::setuid(kStranger) != 0) ::_exit(2);
        Settings settings = small_inline();
        settings.mode = queue_mode;
        Root::open(root).create_queue("q", settings);
        Queue queue = Root::open(root).open_queue("q");
        const Descriptor file(path);
        queue.send_file({}, file.fd, how);
        good = body_of(*queue.receive()) == whole;  // it stays, to be counted
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
      }
      ::_exit(good ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    Outcome outcome;
    outcome.whole = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    outcome.links = Descriptor(path).status().st_nlink;
    std::filesystem::remove_all(top);
    return outcome;
  }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs a second user";
  }
};

TEST_F(ByAStranger, IsTakenWhatTheKernelLetsItLink) {
  const Outcome outcome = send(0666, BodyFile::kTakeTrusted);
  EXPECT_TRUE(outcome.whole);
  EXPECT_EQ(outcome.links, 2U);
}

TEST_F(ByAStranger, IsCopiedWhatTheKernelDoesNotLetItLink) {
  const Outcome outcome = send(0644, BodyFile::kTakeTrusted);
  EXPECT_TRUE(outcome.whole);
  EXPECT_EQ(outcome.links, 1U);
}

TEST_F(ByAStranger, IsCopiedWhatIsNotTrusted) {
  const Outcome outcome = send(0666, BodyFile::kTake);
  EXPECT_TRUE(outcome.whole);
  EXPECT_EQ(outcome.links, 1U);
}

TEST_F(ByAStranger, IsCopiedWhatTheQueuesGroupCouldNotRead) {
  const Outcome outcome = send(0606, BodyFile::kTakeTrusted, 0660);
  EXPECT_TRUE(outcome.whole);
  EXPECT_EQ(outcome.links, 1U);
}

// ---- Time

// The length plays no part; one that does is some hundred times slower.
TEST_F(TakenBody, TakesNoLongerForAHugeFile) {
  const std::string path = world_.path() + "/huge";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(::ftruncate(fd, off_t{5} << 30), 0);
  ASSERT_EQ(::fsync(fd), 0);
  world_.queue().send(text("warm"));
  const auto before = std::chrono::steady_clock::now();
  world_.queue().send_file({}, fd, BodyFile::kTakeTrusted);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 200ms);
  EXPECT_EQ(Descriptor(path).status().st_nlink, 2U);
  ::close(fd);
}

}  // namespace
}  // namespace spoolmq::test
