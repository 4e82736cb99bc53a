// Bridges of datagrams on real sockets, and what they are made of.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "adapters/datagram_in.h"
#include "adapters/datagram_out.h"
#include "adapters/datagram_socket.h"
#include "adapters/keyed_datagram.h"
#include "tests/adapters/turning_rig.h"

namespace spoolmq::adapters::test {
namespace {

using Bodies = std::vector<std::string>;

TEST(DatagramAddress, ReadsHostAndPort) {
  const std::vector<std::array<std::string, 3>> good{{"127.0.0.1:514", "127.0.0.1", "514"},
                                                     {"[::1]:514", "::1", "514"},
                                                     {"*:65535", "", "65535"},
                                                     {"localhost:1", "localhost", "1"}};
  for (const auto& [text, host, port] : good) {
    const auto place = parse_host_and_port(text);
    ASSERT_TRUE(place) << text;
    EXPECT_EQ(place->host, host);
    EXPECT_EQ(place->port, port);
  }
  for (const char* const text :
       {"", ":", "x", ":514", "a:0", "a:65536", "a:x", "a:1x", "::1:514", "[]:1", "a:-1", "a:"}) {
    EXPECT_FALSE(parse_host_and_port(text)) << text;
  }
}

TEST(DatagramAddress, KnowsWhatIsOfThisMachine) {
  for (const char* const host : {"127.0.0.1", "127.9.9.9", "::1"}) {
    EXPECT_TRUE(resolve_udp({host, "9"}, AddressUse::kConnect).is_local()) << host;
  }
  EXPECT_FALSE(resolve_udp({"192.0.2.1", "9"}, AddressUse::kConnect).is_local());
  EXPECT_FALSE(resolve_udp({"", "9"}, AddressUse::kListen).is_local());
  EXPECT_EQ(resolve_udp({"::1", "9"}, AddressUse::kConnect).text(), "udp:[::1]:9");
  DatagramSettings far;
  far.udp = {"192.0.2.1", "9"};
  EXPECT_THROW(static_cast<void>(resolve(far, AddressUse::kConnect)), Error);
  far.insecure = true;
  EXPECT_EQ(resolve(far, AddressUse::kConnect).text(), "udp:192.0.2.1:9");
}

TEST(KeyedDatagram, HasAKeyAndABody) {
  const auto parsed = parse_keyed("k-1 a body\n with all\0");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->key, "k-1");
  EXPECT_EQ(parsed->body, "a body\n with all");
  EXPECT_EQ(parse_keyed("k ")->body, "");
  for (const std::string& bytes :
       {std::string(), std::string("k"), std::string(" x"), std::string("k\n x"),
        std::string("\xffk x"), std::string(129, 'k') + " x"}) {
    EXPECT_FALSE(parse_keyed(bytes)) << bytes;
  }
  EXPECT_TRUE(parse_keyed(std::string(128, 'k') + " x"));
}

TEST(KeyedDatagram, AnswersByKey) {
  EXPECT_EQ(keyed_answer_line(Verdict::kAck, "k", "ID"), "ok k ID\n");
  const auto answer = parse_keyed_answer("no k because so\n");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->key, "k");
  EXPECT_EQ(answer->answer, (Answer{Verdict::kReject, "because so"}));
  EXPECT_EQ(parse_keyed_answer("ok k")->answer.text, "");
  for (const char* const line : {"", "ok", "ok ", "yes k", "ok\n"}) {
    EXPECT_FALSE(parse_keyed_answer(line)) << line;
  }
}

class DatagramBridge : public ::testing::Test {
 protected:
  DatagramSettings settings() {
    DatagramSettings made;
    made.unix_path = path_;
    made.place = "unix:" + path_;
    made.most_bytes = 1000;
    return made;
  }
  DatagramSettings answered() {
    DatagramSettings made = settings();
    made.answered = Answered::kYes;
    made.answer_timeout_ms = 50;
    return made;
  }
  Descriptor client() {
    Descriptor made;
    EXPECT_TRUE(until([&] {
      try {
        made = connect_unix_datagram(path_);
      } catch (const Error&) {
      }
      return made.is_open();
    }));
    return made;
  }
  static void send(const Descriptor& to, std::string_view bytes) {
    EXPECT_EQ(::send(to.number(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }
  static std::string receive(const Descriptor& from, sockaddr_un* sender = nullptr) {
    std::array<char, 4096> buffer{};
    ssize_t got = -1;
    socklen_t length = sizeof(sockaddr_un);
    EXPECT_TRUE(until([&] {
      got = ::recvfrom(from.number(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                       reinterpret_cast<sockaddr*>(sender), sender != nullptr ? &length : nullptr);
      return got >= 0;
    }));
    return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
  }

  TurningRig rig_;
  const std::string path_ = rig_.there.at("socket");
};

TEST_F(DatagramBridge, EachDatagramIsAMessageWithItsSender) {
  rig_.start<DatagramIn>(settings());
  const Descriptor one = client();
  for (const char* const bytes : {"one", "two\nlines", ""}) send(one, bytes);
  EXPECT_EQ(rig_.bodies(3), (Bodies{"one", "two\nlines", ""}));
  const MessageStatus first = rig_.world.queue().next_ready(1).at(0);
  EXPECT_TRUE(first.from.name.starts_with("unix:@")) << first.from.name;
  EXPECT_EQ(first.from.uid, ::getuid());
  EXPECT_EQ(first.from.pid, static_cast<std::uint32_t>(::getpid()));
}

TEST_F(DatagramBridge, RefusesWhatIsCutOffAndTakesTheNext) {
  rig_.start<DatagramIn>(settings());
  const Descriptor one = client();
  send(one, std::string(1001, 'x'));
  send(one, std::string(1000, 'y'));
  EXPECT_EQ(rig_.bodies(1), (Bodies{std::string(1000, 'y')}));
  EXPECT_EQ(rig_.counters.refused, 1U);
  EXPECT_EQ(rig_.refusals().at(0), "it has 1001 bytes, at most 1000 are taken");
}

TEST_F(DatagramBridge, RefusesWhoIsNotAllowed) {
  DatagramSettings strict = settings();
  strict.allowed_users.emplace({::getuid() + 1});
  rig_.start<DatagramIn>(strict);
  send(client(), "x");
  EXPECT_TRUE(until([&] { return rig_.counters.refused == 1; }));
  EXPECT_EQ(rig_.counters.moved, 0U);
}

TEST_F(DatagramBridge, ClosesDescriptorsThatAreSentAlong) {
  rig_.start<DatagramIn>(settings());
  const Descriptor one = client();
  const auto open_ones = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  send(one, "before");
  ASSERT_TRUE(until([&] { return rig_.counters.moved == 1; }));
  const auto before = open_ones();
  for (std::uint64_t i = 0; i < 20; ++i) {
    std::array<int, 8> passed{};
    passed.fill(one.number());
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof passed)> control{};
    char byte = 'x';
    iovec piece{&byte, 1};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof passed);
    std::memcpy(CMSG_DATA(header), passed.data(), sizeof passed);
    ASSERT_EQ(::sendmsg(one.number(), &message, 0), 1);
    ASSERT_TRUE(until([&] { return rig_.counters.moved == i + 2; }));
  }
  EXPECT_LE(open_ones(), before + 3) << "of the queue, not of the sender";
}

TEST_F(DatagramBridge, AnswersByKeyAndTakesTheSameKeyOnce) {
  rig_.start<DatagramIn>(answered());
  const Descriptor one = client();
  send(one, "k1 body");
  const std::string first = receive(one);
  const MessageStatus message = rig_.world.queue().next_ready(1).at(0);
  EXPECT_EQ(first, "ok k1 " + message.id.text() + "\n");
  send(one, "k1 body");
  EXPECT_EQ(receive(one), first) << "a datagram that is sent again has the same answer";
  EXPECT_EQ(rig_.bodies(1), (Bodies{"body"}));
  send(one, "k2 " + std::string(1000, 'x'));
  EXPECT_EQ(receive(one), "no k2 it has 1003 bytes, at most 1000 are taken\n");
  send(one, "nokey");
  EXPECT_TRUE(until([&] { return rig_.counters.refused == 2; }));
}

TEST_F(DatagramBridge, ReplacesALeftOverAndRemovesItsOwn) {
  static_cast<void>(bind_unix_datagram(path_, 0600));  // as kill -9 leaves it
  rig_.start<DatagramIn>(settings());
  send(client(), "x");
  EXPECT_EQ(rig_.bodies(1), (Bodies{"x"}));
  std::filesystem::remove(path_);
  EXPECT_TRUE(until([&] { return std::filesystem::exists(path_); })) << "made anew";
  send(client(), "y");
  EXPECT_EQ(rig_.bodies(2).back(), "y");
  rig_.stop();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(DatagramBridge, RefusesAPathThatAnotherHas) {
  const Descriptor other = bind_unix_datagram(path_, 0600);
  EXPECT_THROW(bind_unix_datagram(path_, 0600), Error);
  std::ofstream(rig_.there.at("file")) << "x";
  try {
    bind_unix_datagram(rig_.there.at("file"), 0600);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfiguration);
  }
}

TEST_F(DatagramBridge, ReachesAPathThatIsLongerThanAnAddress) {
  const std::string directory = rig_.there.at(std::string(100, 'd'));
  std::filesystem::create_directory(directory);
  const std::string path = directory + "/" + std::string(40, 's');
  const Descriptor receiver = bind_unix_datagram(path, 0600);
  send(connect_unix_datagram(path), "x");
  EXPECT_EQ(receive(receiver), "x");
}

TEST_F(DatagramBridge, SendsEachMessageAndRefusesWhatIsTooLong) {
  const Descriptor receiver = bind_unix_datagram(path_, 0600);
  rig_.send("one");
  rig_.send(std::string(1001, 'x'));
  rig_.send("two");
  rig_.start<DatagramOut>(settings());
  EXPECT_EQ(receive(receiver), "one");
  EXPECT_EQ(receive(receiver), "two");
  EXPECT_TRUE(until([&] { return rig_.counters.moved == 2; }));
  EXPECT_EQ(rig_.count(State::kDead), 1);
}

TEST_F(DatagramBridge, WhatTheKernelFindsTooLongIsDead) {
  const Descriptor receiver = bind_unix_datagram(path_, 0600);
  rig_.send(std::string(8 << 20, 'x'));
  DatagramSettings wide = settings();
  wide.most_bytes = 16 << 20;
  rig_.start<DatagramOut>(wide);
  EXPECT_TRUE(until([&] { return rig_.count(State::kDead) == 1; }));
}

TEST_F(DatagramBridge, LeasesNothingWhereNobodyReceives) {
  const MessageId id = rig_.send("one");
  rig_.start<DatagramOut>(settings());
  EXPECT_EQ(rig_.error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(rig_.world.queue().status(id)->counters.deliveries, 0);
}

TEST_F(DatagramBridge, WaitsForAReceiverThatIsFull) {
  const Descriptor receiver = bind_unix_datagram(path_, 0600);
  Bodies sent;
  for (int i = 0; i < 500; ++i) rig_.send(sent.emplace_back(std::to_string(i)));
  rig_.start<DatagramOut>(settings());
  Bodies got;
  while (got.size() < sent.size()) got.push_back(receive(receiver));
  EXPECT_EQ(got, sent);
}

TEST_F(DatagramBridge, ReleasesWhatAClosedPortOfUdpRefused) {
  // A port that nobody has: taken, and given back.
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  {
    const Descriptor taken(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    socklen_t length = sizeof address;
    ASSERT_EQ(::bind(taken.number(), reinterpret_cast<sockaddr*>(&address), length), 0);
    ASSERT_EQ(::getsockname(taken.number(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  }
  DatagramSettings udp;
  udp.udp = {"127.0.0.1", std::to_string(ntohs(address.sin_port))};
  udp.most_bytes = 1000;
  const MessageId id = rig_.send("one");
  rig_.start<DatagramOut>(udp);
  EXPECT_EQ(rig_.error().code(), ErrorCode::kUnavailable);
  const MessageStatus status = *rig_.world.queue().status(id);
  EXPECT_EQ(status.state, State::kReady);
  EXPECT_EQ(status.counters.failures, 0);
}

TEST_F(DatagramBridge, SendsAgainUntilItIsAnswered) {
  const Descriptor receiver = bind_unix_datagram(path_, 0600);
  const MessageId id = rig_.send("one");
  rig_.start<DatagramOut>(answered());
  const std::string datagram = receive(receiver);
  EXPECT_EQ(datagram, id.text() + " one");
  sockaddr_un sender{};
  EXPECT_EQ(receive(receiver, &sender), datagram) << "the first had no answer";
  EXPECT_EQ(rig_.counters.moved, 0U);
  const std::string answer = "ok " + id.text() + "\n";
  // Abstract: five hexadecimal digits behind a NUL.
  const socklen_t length = offsetof(sockaddr_un, sun_path) + 6;
  ASSERT_GT(::sendto(receiver.number(), answer.data(), answer.size(), 0,
                     reinterpret_cast<const sockaddr*>(&sender), length),
            0);
  EXPECT_TRUE(until([&] { return rig_.counters.moved == 1; }));
}

TEST_F(DatagramBridge, WithoutAnyAnswerTheReceiverIsDown) {
  const Descriptor receiver = bind_unix_datagram(path_, 0600);
  const MessageId id = rig_.send("one");
  rig_.start<DatagramOut>(answered());
  EXPECT_EQ(rig_.error().why(), "no answer, 5 times");
  EXPECT_EQ(rig_.world.queue().status(id)->state, State::kReady);
  EXPECT_EQ(rig_.world.queue().status(id)->counters.failures, 0);
}

TEST_F(DatagramBridge, OneBridgeAnswersTheOther) {
  TurningRig receiving;
  DatagramSettings in = answered();
  receiving.start<DatagramIn>(in);
  ASSERT_TRUE(until([&] { return std::filesystem::exists(path_); }));
  Bodies sent;
  for (int i = 0; i < 300; ++i) rig_.send(sent.emplace_back(std::to_string(i)));
  DatagramSettings out = answered();
  out.answer_timeout_ms = 10'000;
  rig_.start<DatagramOut>(out);
  EXPECT_EQ(receiving.bodies(300), sent);
  EXPECT_TRUE(until([&] { return rig_.counters.moved == 300; }));
}

}  // namespace
}  // namespace spoolmq::adapters::test
