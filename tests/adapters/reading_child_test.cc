// Programs that read from us, and how they end.

#include "adapters/reading_child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <csignal>

#include "spoolmq/error.h"
#include "tests/adapters/tail_rig.h"

namespace spoolmq::adapters::test {
namespace {

void wait_for(const ReadingChild& child) {
  pollfd waited{child.descriptor(), POLLIN, 0};
  ASSERT_EQ(::poll(&waited, 1, 20'000), 1);
}

TEST(ReadingChild, ReadsWhatIsWrittenAndEndsWithItsInput) {
  ReadingChild child({"sh", "-c", "test \"$(cat)\" = hello"});
  Descriptor input = child.take_input();
  EXPECT_EQ(child.ended(), std::nullopt);
  ASSERT_EQ(::write(input.number(), "hello", 5), 5);
  input.close();
  wait_for(child);
  EXPECT_EQ(child.ended(), "it exited with 0");
}

TEST(ReadingChild, TellsHowItEnded) {
  ReadingChild failed({"sh", "-c", "exit 3"});
  wait_for(failed);
  EXPECT_EQ(failed.ended(), "it exited with 3");
  ReadingChild killed({"sh", "-c", "kill -KILL $$"});
  wait_for(killed);
  EXPECT_EQ(killed.ended(), "signal 9 ended it");
}

TEST(ReadingChild, DiesOfAClosedPipeAsProgramsDo) {
  std::signal(SIGPIPE, SIG_IGN);
  ReadingChild child({"sh", "-c", "kill -PIPE $$; exit 0"});
  wait_for(child);
  EXPECT_EQ(child.ended(), "signal 13 ended it");
}

TEST(ReadingChild, InheritsNothingBesides) {
  const Descriptor open(::dup(STDOUT_FILENO));  // without close-on-exec
  ASSERT_GT(open.number(), STDERR_FILENO);
  ReadingChild child({"sh", "-c", "test ! -e /proc/self/fd/" + std::to_string(open.number())});
  wait_for(child);
  EXPECT_EQ(child.ended(), "it exited with 0");
}

TEST(ReadingChild, RefusesAProgramThatIsNotThere) {
  try {
    const ReadingChild child({"/nowhere/program"});
    FAIL() << "started";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_EQ(error.subject(), "/nowhere/program");
  }
}

TEST(ReadingChild, EndsWithTheGroupWhenNobodyWantsItAnyMore) {
  const spoolmq::test::TemporaryDirectory there;
  const std::string path = there.at("fifo");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  // Read to its end once nobody of the group lives: all of them have it open.
  const Descriptor held(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  {
    const ReadingChild child(
        {"sh", "-c", "exec 3>\"$0\"; sleep 1000 & echo >&3; cat >/dev/null", path});
    pollfd waited{held.number(), POLLIN, 0};
    ASSERT_EQ(::poll(&waited, 1, 20'000), 1);
  }
  char byte = 0;
  EXPECT_EQ(::read(held.number(), &byte, 1), 1);
  pollfd ended{held.number(), 0, 0};  // POLLHUP is told unasked
  EXPECT_EQ(::poll(&ended, 1, 20'000), 1);
  EXPECT_EQ(::read(held.number(), &byte, 1), 0);
}

}  // namespace
}  // namespace spoolmq::adapters::test
