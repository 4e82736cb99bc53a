// sysv-in and sysv-out, with msgsnd(2) and msgrcv(2) as the other side.

#include <sys/ipc.h>
#include <sys/msg.h>

#include <cerrno>
#include <cstring>

#include "adapters/blocked_call.h"
#include "tests/adapters/bridge_rig.h"

namespace spoolmq::adapters::test {
namespace {

class SysvBridge : public ::testing::Test {
 protected:
  ~SysvBridge() override {
    for (const int key : {key_, key_ + 1}) ::msgctl(::msgget(key, 0), IPC_RMID, nullptr);
  }
  [[nodiscard]] int peer(int key) const {
    const int queue = ::msgget(key, 0);
    EXPECT_GE(queue, 0);
    return queue;
  }
  static bool put(int queue, std::string_view body, long type) {
    std::string message(sizeof type + body.size(), '\0');
    std::memcpy(message.data(), &type, sizeof type);
    std::memcpy(message.data() + sizeof type, body.data(), body.size());
    return ::msgsnd(queue, message.data(), body.size(), IPC_NOWAIT) == 0;
  }
  static std::optional<std::pair<std::string, long>> get(int queue) {
    std::string buffer(sizeof(long) + 65536, '\0');
    ssize_t got = -1;
    if (!until([&] {
          got = ::msgrcv(queue, buffer.data(), 65536, 0, IPC_NOWAIT);
          return got >= 0;
        })) {
      return std::nullopt;
    }
    long type = 0;
    std::memcpy(&type, buffer.data(), sizeof type);
    return std::pair{buffer.substr(sizeof type, static_cast<std::size_t>(got)), type};
  }
  static std::uint64_t waiting_in(int queue) {
    msqid_ds status{};
    EXPECT_EQ(::msgctl(queue, IPC_STAT, &status), 0);
    return status.msg_qnum;
  }
  void send(const std::string& body, const std::string& type = {}) {
    Message message;
    message.body = body;
    if (!type.empty()) message.headers.emplace_back("sysv-type", type);
    world_.queue().send(std::move(message));
  }

  DirectoryWorld world_;
  const int key_ = 0x53000000 + ::getpid() * 2;
  const std::string key_text_ = std::to_string(key_);
};

TEST_F(SysvBridge, TakesBodiesAndTypes) {
  BridgeRig rig(world_, "sysv-in", {{"key", key_text_}, {"create", "true"}});
  const int queue = peer(key_);
  rig.start();
  ASSERT_TRUE(put(queue, "one", 1));
  ASSERT_TRUE(put(queue, "", 7));  // the waiting thread may get this one itself
  ASSERT_TRUE(until([&] { return rig.counters.moved == 2; }));
  ASSERT_TRUE(put(queue, "", 8));
  ASSERT_TRUE(put(queue, std::string(8192, 'x'), 4'000'000'000L));
  ASSERT_TRUE(until([&] { return rig.counters.moved == 4; }));
  std::multiset<std::string> got;
  while (auto delivery = world_.queue().receive()) {
    const Message& message = delivery->message();
    got.insert(*message.header("sysv-type") + "/" + std::to_string(message.body.size()));
    delivery->ack();
  }
  EXPECT_EQ(got, (std::multiset<std::string>{"1/3", "4000000000/8192", "7/0", "8/0"}));
}

TEST_F(SysvBridge, TakesTheTypesItIsToldOf) {
  BridgeRig rig(world_, "sysv-in", {{"key", key_text_}, {"create", "true"}, {"type", "-5"}});
  const int queue = peer(key_);
  for (const long type : {9L, 5L, 6L, 2L}) ASSERT_TRUE(put(queue, std::to_string(type), type));
  rig.start();
  ASSERT_TRUE(until([&] { return rig.counters.moved == 2; }));
  rig.end();
  EXPECT_EQ(world_.queue().next_ready(1).at(0).size, 1U);
  EXPECT_EQ(world_.drain(), (std::multiset<std::string>{"2", "5"}));
  EXPECT_EQ(waiting_in(queue), 2U);
}

TEST_F(SysvBridge, RefusesWhatIsLongerThanItTakes) {
  BridgeRig rig(world_, "sysv-in", {{"key", key_text_}, {"create", "true"}, {"max-bytes", "100"}});
  const int queue = peer(key_);
  rig.start();
  ASSERT_TRUE(put(queue, std::string(101, 'x'), 1));
  ASSERT_TRUE(put(queue, std::string(100, 'y'), 1));
  ASSERT_TRUE(until([&] { return rig.counters.moved == 1 && rig.counters.refused == 1; }));
  EXPECT_EQ(rig.refused().at(0), "it is longer than max-bytes");
  EXPECT_EQ(world_.drain(), (std::multiset<std::string>{std::string(100, 'y')}));
}

TEST_F(SysvBridge, AnswersUnderTheTypeThatTheTagIs) {
  BridgeRig rig(world_, "sysv-in",
                {{"key", key_text_},
                 {"answers", std::to_string(key_ + 1)},
                 {"tagged", "true"},
                 {"create", "true"}});
  const int queue = peer(key_);
  rig.start();
  ASSERT_TRUE(put(queue, "4711 body", 1));
  const auto answer = get(peer(key_ + 1));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->second, 4711);
  const auto delivery = world_.queue().receive();
  ASSERT_TRUE(delivery);
  EXPECT_EQ(answer->first, "4711 ok " + delivery->message().id.text() + "\n");
}

TEST_F(SysvBridge, NoticesThatItsQueueWasRemoved) {
  for (const char* const type : {"sysv-in", "sysv-out"}) {
    BridgeRig rig(world_, type, {{"key", key_text_}, {"create", "true"}});
    rig.start();
    ASSERT_EQ(::msgctl(peer(key_), IPC_RMID, nullptr), 0);
    send("something to put");
    const Error error = rig.error();
    EXPECT_EQ(error.code(), ErrorCode::kNotFound) << type;
    EXPECT_EQ(error.why(), "the message queue was removed while in use");
  }
  EXPECT_EQ(world_.queue().stats().of(State::kLeased).messages, 0);
  EXPECT_EQ(world_.queue().stats().totals.failures, 0);
}

TEST_F(SysvBridge, NoticesItWhileAMessageWaitsForRoom) {
  BridgeRig rig(world_, "sysv-out", {{"key", key_text_}, {"create", "true"}});
  const int queue = peer(key_);
  while (put(queue, std::string(4000, 'f'), 3)) continue;
  send(std::string(8000, 'x'));
  rig.start();
  ASSERT_TRUE(until([&] { return world_.queue().stats().of(State::kLeased).messages == 1; }));
  ASSERT_EQ(::msgctl(queue, IPC_RMID, nullptr), 0);
  EXPECT_EQ(rig.error().code(), ErrorCode::kNotFound);
}

TEST_F(SysvBridge, PutsUnderTheTypeOfTheHeaderAndWaitsForRoom) {
  constexpr int kCount = 40;
  for (int i = 1; i <= kCount; ++i) send(std::string(1000, 'x'), std::to_string(i));
  BridgeRig rig(world_, "sysv-out", {{"key", key_text_}, {"create", "true"}});
  const int queue = peer(key_);
  rig.start();
  ASSERT_TRUE(until([&] { return waiting_in(queue) == 16; }));
  for (int i = 1; i <= kCount; ++i) {
    const auto got = get(queue);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->second, i);
  }
  ASSERT_TRUE(until([&] { return rig.counters.moved == kCount; }));
  EXPECT_EQ(world_.queue().stats().totals.failures, 0);
}

TEST_F(SysvBridge, EndsWhileAMessageWaitsForRoomAndReleasesIt) {
  for (int i = 0; i < 5; ++i) {
    BridgeRig rig(world_, "sysv-out", {{"key", key_text_}, {"create", "true"}});
    const int queue = peer(key_);
    while (put(queue, std::string(4000, 'f'), 3)) continue;
    const std::uint64_t before = waiting_in(queue);
    send(std::string(8000, 'x'));
    rig.start();
    ASSERT_TRUE(until([&] { return world_.queue().stats().of(State::kLeased).messages == 1; }));
    rig.end();
    EXPECT_EQ(waiting_in(queue), before);
    EXPECT_EQ(world_.drain().size(), 1U);
  }
}

TEST_F(SysvBridge, SendsWhatHasNoTypeToTheDead) {
  BridgeRig rig(world_, "sysv-out", {{"key", key_text_}, {"create", "true"}});
  for (const char* const type : {"0", "-1", "x", "99999999999999999999"}) send("bad", type);
  send(std::string(8193, 'x'));
  send("good");
  rig.start();
  const auto got = get(peer(key_));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->second, 1);
  ASSERT_TRUE(until([&] { return rig.counters.refused == 5; }));
  EXPECT_EQ(rig.refused().at(0), "its header sysv-type is no whole number above 0");
  EXPECT_EQ(rig.refused().at(4),
            "8193 bytes are more than kernel.msgmax, or the queue's msg_qbytes, 8192");
}

TEST(SysvKeys, RefusesWhatMakesNoSense) {
  EXPECT_EQ(refusal_of("sysv-in", {}), "key: sysv-in needs it");
  for (const char* const key : {"0", "-1", "0x", "x", "0x100000000", "1 "}) {
    EXPECT_NE(refusal_of("sysv-in", {{"key", key}}), "") << key;
  }
  EXPECT_NE(refusal_of("sysv-in", {{"key", "1"}, {"path", "/tmp"}}), "");
  EXPECT_NE(refusal_of("sysv-in", {{"key", "1"}, {"project", "1"}}), "");
  EXPECT_NE(refusal_of("sysv-in", {{"path", "tmp"}}), "");
  EXPECT_NE(refusal_of("sysv-in", {{"key", "17"}, {"answers", "0x11"}}), "");
  EXPECT_NE(refusal_of("sysv-in", {{"key", "1"}, {"type", "x"}}), "");
  EXPECT_NE(refusal_of("sysv-out", {{"key", "1"}, {"type", "0"}}), "");
  EXPECT_EQ(refusal_of("sysv-in", {{"path", "/tmp"}, {"project", "7"}, {"type", "-3"}}), "");
}

TEST(BlockedCall, EndsWhateverItWaitsIn) {
  const int queue = ::msgget(IPC_PRIVATE, 0600);
  ASSERT_GE(queue, 0);
  for (int i = 0; i < 200; ++i) {  // also just before the call begins
    BlockedCall call;
    call.start([queue] {
      long type = 0;
      return ::msgrcv(queue, &type, 0, 0, 0) < 0 ? errno : 0;
    });
    EXPECT_EQ(call.end(), EINTR);
    EXPECT_TRUE(call.is_idle());
  }
  ::msgctl(queue, IPC_RMID, nullptr);
}

}  // namespace
}  // namespace spoolmq::adapters::test
