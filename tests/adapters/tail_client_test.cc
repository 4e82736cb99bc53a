// What waits for a client that reads slowly, not, or no more.

#include "adapters/tail_client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>

namespace spoolmq::adapters {
namespace {

class Pair {
 public:
  Pair() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    ours = Descriptor(ends[0]);
    theirs = Descriptor(ends[1]);
  }
  // What is there at the moment.
  std::string read() const {
    std::string all;
    std::string piece(64 << 10, '\0');
    ssize_t got = 0;
    while ((got = ::read(theirs.number(), piece.data(), piece.size())) > 0) {
      all.append(piece, 0, static_cast<std::size_t>(got));
    }
    return all;
  }
  Descriptor ours;
  Descriptor theirs;
};

TEST(TailClient, GetsEverythingInOrderHoweverSlowlyItReads) {
  Pair pair;
  TailClient client(std::move(pair.ours));
  std::string sent;
  for (int i = 0; i < 300; ++i) {
    const std::string piece(1000, static_cast<char>('a' + i % 26));
    client.send(piece, 1);
    sent += piece;
  }
  ASSERT_GT(client.waiting_bytes(), 0U);
  EXPECT_FALSE(client.is_full());
  std::string read;
  while (read.size() < sent.size()) {
    read += pair.read();
    client.send_waiting();
  }
  EXPECT_EQ(read, sent);
  EXPECT_EQ(client.waiting_bytes(), 0U);
}

TEST(TailClient, IsTooSlowOnceTooMuchWaitedForTooLong) {
  Pair pair;
  TailClient client(std::move(pair.ours));
  client.send(std::string(2 * kMostWaitingBytes, 'x'), 1000);
  EXPECT_TRUE(client.is_full());
  EXPECT_FALSE(client.is_too_slow(1000 + kClientPatienceMs - 1));
  client.send_waiting();
  EXPECT_TRUE(client.is_too_slow(1000 + kClientPatienceMs));
}

TEST(TailClient, IsFullNoMoreWhenHalfHasGone) {
  Pair pair;
  TailClient client(std::move(pair.ours));
  client.send(std::string(2 * kMostWaitingBytes, 'x'), 1000);
  while (client.waiting_bytes() > kMostWaitingBytes / 2) {
    EXPECT_TRUE(client.is_full());
    static_cast<void>(pair.read());
    client.send_waiting();
  }
  EXPECT_FALSE(client.is_full());
  EXPECT_FALSE(client.is_too_slow(1'000'000));
}

TEST(TailClient, ThatWentAwayIsGoneAndKillsNobody) {
  Pair pair;
  TailClient client(std::move(pair.ours));
  pair.theirs.close();
  client.send("x", 1);
  EXPECT_TRUE(client.is_gone());
  EXPECT_EQ(client.waiting_bytes(), 0U);
}

}  // namespace
}  // namespace spoolmq::adapters
