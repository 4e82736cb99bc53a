// A tail to the clients of a socket: who comes, who goes, who does not read.

#include "adapters/tail_socket.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/adapters/tail_rig.h"

namespace spoolmq::adapters::test {
namespace {

TEST(TailSocket, GivesEveryClientWhatComesFromItsConnectionOn) {
  DirectoryWorld world;
  const spoolmq::test::TemporaryDirectory there;
  const std::string path = there.at("socket");
  std::optional<TailRig> running;
  running.emplace(world, SocketPlace{path});
  running->start();
  const Descriptor first = connect_there(path);
  send(world, "one");
  std::string got_first;
  EXPECT_TRUE(until([&] {
    read_on(first.number(), got_first);
    return got_first == "one\n";
  })) << got_first;
  Descriptor second = connect_there(path);
  send(world, "two");
  std::string got_second;
  EXPECT_TRUE(until([&] {
    read_on(second.number(), got_second);
    return got_second == "two\n";
  })) << got_second;
  second.close();
  send(world, "three");
  EXPECT_TRUE(until([&] {
    read_on(first.number(), got_first);
    return got_first == "one\ntwo\nthree\n";
  })) << got_first;
  running->stop();
  EXPECT_EQ(running->counters.moved, 3U);
  running.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TailSocket, HoldsTheOldestForTheFirstClient) {
  DirectoryWorld world;
  const spoolmq::test::TemporaryDirectory there;
  const MessageId id = send(world, "old");
  const std::string path = there.at("socket");
  TailRig running(world, SocketPlace{path}, Framing::kJson, TailOptions::Start::kOldest);
  running.adapter->turn();
  EXPECT_EQ(running.counters.moved, 0U);
  running.start();
  const Descriptor client = connect_there(path);
  std::string got;
  EXPECT_TRUE(until([&] {
    read_on(client.number(), got);
    return got == id.text() + "=old\n";
  })) << got;
}

TEST(TailSocket, PartsWithAClientThatDoesNotRead) {
  DirectoryWorld world;
  const spoolmq::test::TemporaryDirectory there;
  const std::string path = there.at("socket");
  TailRig running(world, SocketPlace{path}, Framing::kNull);
  running.start();
  const Descriptor stuck = connect_there(path);
  const Descriptor good = connect_there(path);
  constexpr std::size_t kBytes = 1 << 20;
  std::string got;
  for (std::size_t i = 1; i <= 8; ++i) {
    send(world, std::string(kBytes, 'x'));
    ASSERT_TRUE(until([&] {
      read_on(good.number(), got);
      return got.size() == i * (kBytes + 1);
    })) << got.size();
  }
  std::string little;
  char byte = 0;
  EXPECT_TRUE(until([&] {
    read_on(stuck.number(), little);
    return ::read(stuck.number(), &byte, 1) == 0;
  })) << "it is still connected";
  EXPECT_LT(little.size(), got.size());
}

TEST(TailSocket, LetsNobodyJoinInsideAMessage) {
  const spoolmq::test::TemporaryDirectory there;
  const std::string path = there.at("socket");
  const SystemClock clock;
  const auto target = make_socket_target(SocketPlace{path}, {"t", &clock}, Hold::kNo);
  target->attend(At::kMessage);
  const Descriptor client = connect_there(path);
  TailPiece begin{"begin", {}, false};
  target->attend(At::kInside);
  target->put(begin);
  TailPiece end{"end\n", {4}, true};
  target->attend(At::kInside);
  target->put(end);
  TailPiece next{"next\n", {5}, false};
  target->attend(At::kMessage);
  target->put(next);
  std::string got;
  read_on(client.number(), got);
  EXPECT_EQ(got, "next\n");
  EXPECT_EQ(target->take_moved().messages, 1U);
}

}  // namespace
}  // namespace spoolmq::adapters::test
