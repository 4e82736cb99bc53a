// What is opened as a FIFO, and what not; readers and writers that come and go.

#include "adapters/fifo_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "adapters/fifo_input.h"
#include "adapters/fifo_pair.h"
#include "spoolmq/error.h"
#include "tests/support/temporary_directory.h"

namespace spoolmq::adapters {
namespace {

class FifoTest : public ::testing::Test {
 protected:
  FifoTest() { std::signal(SIGPIPE, SIG_IGN); }  // as main does
  using Got = FifoInput::Got;
  FifoFile file(const std::string& name = "fifo") { return FifoFile::open({at(name), {}, {}}); }
  [[nodiscard]] std::string at(const std::string& name) const { return there_.at(name); }
  Descriptor program(int flags, const std::string& name = "fifo") {
    Descriptor opened(::open(at(name).c_str(), flags | O_NONBLOCK | O_CLOEXEC));
    EXPECT_TRUE(opened.is_open());
    return opened;
  }
  static void write(const Descriptor& end, std::string_view bytes) {
    ASSERT_EQ(::write(end.number(), bytes.data(), bytes.size()),
              static_cast<ssize_t>(bytes.size()));
  }
  Error refused(const FifoRules& rules) {
    try {
      FifoFile::open(rules);
    } catch (const Error& error) {
      return error;
    }
    return {ErrorCode::kInternal, "open", rules.path, "nothing was refused"};
  }
  [[nodiscard]] mode_t mode_of(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(::lstat(at(name).c_str(), &status), 0);
    return status.st_mode;
  }

  const spoolmq::test::TemporaryDirectory there_;
};

TEST_F(FifoTest, MakesOneThatNobodyElseMayUse) {
  const FifoFile made = file();
  EXPECT_EQ(mode_of("fifo"), S_IFIFO | 0600U);
  EXPECT_TRUE(made.is_at_path());
}

TEST_F(FifoTest, HasExactlyTheModeThatWasGiven) {
  const mode_t before = ::umask(077);
  static_cast<void>(FifoFile::open({at("fifo"), 0622, {}}));
  ::umask(before);
  EXPECT_EQ(mode_of("fifo"), S_IFIFO | 0622U);
  static_cast<void>(FifoFile::open({at("fifo"), 0640, {}}));
  EXPECT_EQ(mode_of("fifo"), S_IFIFO | 0640U);
}

TEST_F(FifoTest, RefusesWhatIsNoFifo) {
  std::ofstream(at("file")) << "a file";
  EXPECT_EQ(refused({at("file"), {}, {}}).code(), ErrorCode::kConfiguration);
  std::filesystem::create_directory(at("directory"));
  EXPECT_EQ(refused({at("directory"), {}, {}}).code(), ErrorCode::kConfiguration);
  ASSERT_EQ(::mkfifo(at("real").c_str(), 0600), 0);
  std::filesystem::create_symlink(at("real"), at("link"));
  EXPECT_EQ(refused({at("link"), {}, {}}).why(), "something that is no FIFO is there");
  std::filesystem::create_hard_link(at("real"), at("second"));
  EXPECT_EQ(refused({at("real"), {}, {}}).code(), ErrorCode::kConfiguration);
}

TEST_F(FifoTest, RefusesOneThatOthersMayUseUnlessTold) {
  ASSERT_EQ(::mkfifo(at("open").c_str(), 0600), 0);
  ASSERT_EQ(::chmod(at("open").c_str(), 0622), 0);
  EXPECT_EQ(refused({at("open"), {}, {}}).code(), ErrorCode::kPermission);
  static_cast<void>(FifoFile::open({at("open"), 0622, {}}));
}

TEST_F(FifoTest, RefusesAStrangersUnlessTold) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs the superuser";
  constexpr uid_t kStranger = 65534;
  ASSERT_EQ(::mkfifo(at("fifo").c_str(), 0600), 0);
  ASSERT_EQ(::chown(at("fifo").c_str(), kStranger, 0), 0);
  EXPECT_EQ(refused({at("fifo"), {}, {}}).code(), ErrorCode::kPermission);
  static_cast<void>(FifoFile::open({at("fifo"), {}, kStranger}));
}

TEST_F(FifoTest, SeesThatAnotherHasItsPath) {
  const FifoFile made = file();
  std::filesystem::rename(at("fifo"), at("old"));
  EXPECT_FALSE(made.is_at_path());
  ASSERT_EQ(::mkfifo(at("fifo").c_str(), 0600), 0);
  EXPECT_FALSE(made.is_at_path());
}

TEST_F(FifoTest, KnowsWhetherSomebodyReads) {
  const FifoFile made = file();
  EXPECT_FALSE(made.open_writer());
  const Descriptor reader = program(O_RDONLY);
  EXPECT_TRUE(made.open_writer());
}

TEST_F(FifoTest, TellsOnceThatTheLastWriterHasGone) {
  const FifoFile made = file();
  FifoInput input(made, made.open_reader());
  std::string_view bytes;
  EXPECT_EQ(input.read(bytes), Got::kNothing) << "nobody was there yet";
  for (int round = 0; round < 3; ++round) {
    Descriptor one = program(O_WRONLY);
    Descriptor two = program(O_WRONLY);
    write(one, "one");
    one.close();
    write(two, "two");
    two.close();
    ASSERT_EQ(input.read(bytes), Got::kBytes);
    EXPECT_EQ(bytes, "onetwo");
    EXPECT_EQ(input.read(bytes), Got::kEnded);
    EXPECT_EQ(input.read(bytes), Got::kNothing) << "no storm";
  }
}

TEST_F(FifoTest, LosesNothingOfAWriterThatComesWhenTheLastGoes) {
  const FifoFile made = file();
  FifoInput input(made, made.open_reader());
  std::string_view bytes;
  write(program(O_WRONLY), "a");
  ASSERT_EQ(input.read(bytes), Got::kBytes);
  const Descriptor next = program(O_WRONLY);
  EXPECT_EQ(input.read(bytes), Got::kNothing) << "no moment without a writer was seen";
  write(next, "b");
  ASSERT_EQ(input.read(bytes), Got::kBytes);
  EXPECT_EQ(bytes, "b");
}

TEST_F(FifoTest, BreaksOffAndPassesOverExactlyWhatWasThere) {
  const FifoFile made = file();
  FifoInput input(made, made.open_reader());
  const Descriptor bad = program(O_WRONLY);
  write(bad, "garbage, and more of it");
  input.break_off();
  EXPECT_EQ(::write(bad.number(), "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  input.resume();
  const Descriptor good = program(O_WRONLY);
  write(good, "good");
  std::string_view bytes;
  ASSERT_EQ(input.read(bytes), Got::kBytes);
  EXPECT_EQ(bytes, "good");
}

TEST_F(FifoTest, APairStaysAwayFromWhoWasThereBefore) {
  const FifoFile in = file("in");
  const FifoFile out = file("out");
  std::optional<FifoEnds> ends = open_fifo_pair(in, out);
  ASSERT_TRUE(ends);
  EXPECT_FALSE(ends->write.is_open()) << "nobody reads";
  Descriptor writes = program(O_WRONLY, "in");
  Descriptor reads = program(O_RDONLY, "out");
  ends.reset();  // as kill -9 does
  EXPECT_FALSE(open_fifo_pair(in, out)) << "it has both open";
  reads.close();
  EXPECT_TRUE(open_fifo_pair(in, out)) << "it waits for no answer any more";
}

TEST_F(FifoTest, APairStaysAwayFromBytesOfBefore) {
  const FifoFile in = file("in");
  const FifoFile out = file("out");
  std::optional<FifoEnds> ends = open_fifo_pair(in, out);
  const Descriptor writes = program(O_WRONLY, "in");
  write(writes, "half of a mess");
  ends.reset();
  EXPECT_FALSE(open_fifo_pair(in, out));
}

TEST_F(FifoTest, APairBeginsWithAReaderWhoOnlyWaits) {
  const FifoFile in = file("in");
  const FifoFile out = file("out");
  const Descriptor reads = program(O_RDONLY, "out");
  const std::optional<FifoEnds> ends = open_fifo_pair(in, out);
  ASSERT_TRUE(ends);
  EXPECT_TRUE(ends->write.is_open());
}

}  // namespace
}  // namespace spoolmq::adapters
