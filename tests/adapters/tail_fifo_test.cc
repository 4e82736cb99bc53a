// A tail into a FIFO, and what it leaves of the queue.

#include "adapters/tail_fifo.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/adapters/tail_rig.h"

namespace spoolmq::adapters::test {
namespace {

TEST(TailFifo, FillsAFifoThatItMakes) {
  DirectoryWorld world;
  const spoolmq::test::TemporaryDirectory there;
  send(world, "before");
  const std::string path = there.at("fifo");
  TailRig running(world, FifoPlace{path});
  send(world, "one");
  send(world, "two\n");
  send(world, "");
  const std::string before = text_of(world.queue().stats());
  running.start();
  ASSERT_TRUE(until([&] { return running.counters.moved == 3; }));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_TRUE(S_ISFIFO(status.st_mode));
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  const Descriptor reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  std::string got;
  read_on(reader.number(), got);
  EXPECT_EQ(got, "one\ntwo\n\n");
  EXPECT_EQ(running.counters.bytes, got.size());
  EXPECT_EQ(text_of(world.queue().stats()), before) << "an observer changes nothing";
}

TEST(TailFifo, WaitsWhereAFifoIsFullAndLosesNothing) {
  DirectoryWorld world;
  const spoolmq::test::TemporaryDirectory there;
  const std::string path = there.at("fifo");
  TailRig running(world, FifoPlace{path}, Framing::kNull, TailOptions::Start::kOldest);
  std::string sent;
  for (int i = 0; i < 40; ++i) {
    const std::string body(10'000, static_cast<char>('a' + i % 26));
    send(world, body);
    sent.append(body).push_back('\0');
  }
  running.adapter->turn();
  EXPECT_LT(running.counters.moved, 40U);
  EXPECT_GT(running.counters.waiting, 0U);
  running.start();
  const Descriptor reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  std::string got;
  ASSERT_TRUE(until([&] {
    read_on(reader.number(), got);
    return got.size() == sent.size();
  }));
  EXPECT_EQ(got, sent);
}

TEST(TailFifo, TriesAgainWhereSomethingThatIsNoFifoIsThere) {
  DirectoryWorld world;
  const spoolmq::test::TemporaryDirectory there;
  const std::string path = there.at("fifo");
  std::ofstream(path) << "a file";
  TailRig running(world, FifoPlace{path});
  send(world, "one");
  running.start();
  const Error error = running.error();
  EXPECT_EQ(error.code(), ErrorCode::kTryAgain);
  EXPECT_EQ(error.why(), "something that is no FIFO is there");
  EXPECT_EQ(content(path), "a file");
  std::filesystem::remove(path);
  running.start();
  EXPECT_TRUE(until([&] { return running.counters.moved == 1; })) << "the same adapter";
}

TEST(TailFifo, EndsWithTheQueue) {
  DirectoryWorld world;
  const spoolmq::test::TemporaryDirectory there;
  TailRig running(world, FifoPlace{there.at("fifo")});
  running.start();
  world.close();
  Root::open(world.dir("root"), world.shared_clock()).remove_queue("q");
  EXPECT_EQ(running.error().code(), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace spoolmq::adapters::test
