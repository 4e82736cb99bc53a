// A tail into a program that goes on reading, and ends.

#include "adapters/tail_command.h"

#include <gtest/gtest.h>

#include "tests/adapters/tail_rig.h"

namespace spoolmq::adapters::test {
namespace {

TEST(TailCommand, FeedsAProgramAndTheNextOneAfterItsEnd) {
  DirectoryWorld world;
  const spoolmq::test::TemporaryDirectory there;
  const std::string path = there.at("out");
  TailRig running(world, CommandPlace{{"sh", "-c", "head -n 1 >>\"$0\"", path}});
  send(world, "one");
  running.start();
  const Error first = running.error();
  EXPECT_EQ(first.code(), ErrorCode::kTryAgain);
  EXPECT_EQ(first.why(), "it exited with 0");
  send(world, "two");
  running.start();
  static_cast<void>(running.error());
  EXPECT_EQ(content(path), "one\ntwo\n");
}

TEST(TailCommand, StreamsALargeBodyAndCountsItOnce) {
  Settings small;
  small.body_inline = 4096;
  DirectoryWorld world(small);
  const spoolmq::test::TemporaryDirectory there;
  const std::string path = there.at("out");
  TailRig running(world, CommandPlace{{"dd", "status=none", "of=" + path}});
  std::string body(300'000, 'x');
  body.back() = '\n';
  send(world, body);
  send(world, "small");
  running.start();
  EXPECT_TRUE(until([&] { return running.counters.moved == 2; }));
  running.stop();
  running.adapter.reset();
  EXPECT_EQ(content(path), body + "small\n");
}

// Its last piece is empty: the end of the message came with the bytes before.
TEST(TailCommand, CountsABodyThatBringsItsOwnEndAndFitsIntoThePipe) {
  Settings small;
  small.body_inline = 4096;
  DirectoryWorld world(small);
  TailRig running(world, CommandPlace{{"dd", "status=none", "of=/dev/null"}});
  send(world, std::string(9'999, 'x') + "\n");
  running.start();
  EXPECT_TRUE(until([&] { return running.counters.moved == 1; }));
}

}  // namespace
}  // namespace spoolmq::adapters::test
