// mq-in and mq-out, with mq_send(3) and mq_receive(3) as the other side.

#include <fcntl.h>
#include <mqueue.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>

#include "adapters/descriptor.h"
#include "tests/adapters/bridge_rig.h"

namespace spoolmq::adapters::test {
namespace {

using Keys = std::vector<std::pair<std::string, std::string>>;

class MqBridge : public ::testing::Test {
 protected:
  ~MqBridge() override {
    ::mq_unlink(name_.c_str());
    ::mq_unlink(answers_.c_str());
  }
  Descriptor open(const std::string& name) {
    Descriptor opened(::mq_open(name.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    EXPECT_TRUE(opened.is_open());
    return opened;
  }
  static bool put(const Descriptor& queue, std::string_view body, unsigned priority = 0) {
    return ::mq_send(queue.number(), body.data(), body.size(), priority) == 0;
  }
  // nullopt: none within 20 s.
  static std::optional<std::pair<std::string, unsigned>> get(const Descriptor& queue) {
    std::array<char, 8192> buffer{};
    unsigned priority = 0;
    ssize_t got = -1;
    if (!until([&] {
          got = ::mq_receive(queue.number(), buffer.data(), buffer.size(), &priority);
          return got >= 0;
        })) {
      return std::nullopt;
    }
    return std::pair{std::string(buffer.data(), static_cast<std::size_t>(got)), priority};
  }
  static long waiting_in(const Descriptor& queue) {
    mq_attr attributes{};
    EXPECT_EQ(::mq_getattr(queue.number(), &attributes), 0);
    return attributes.mq_curmsgs;
  }
  void send(const std::string& body, std::uint16_t priority = kDefaultPriority) {
    Message message;
    message.body = body;
    message.priority = priority;
    world_.queue().send(std::move(message));
  }

  DirectoryWorld world_;
  const std::string name_ = "/spoolmq-test-" + std::to_string(::getpid());
  const std::string answers_ = name_ + "-answers";
};

TEST_F(MqBridge, TakesBodiesAndPriorities) {
  BridgeRig rig(world_, "mq-in", {{"object", name_}, {"create", "true"}});
  const Descriptor peer = open(name_);
  for (const unsigned priority : {0U, 4U, 32767U}) {
    ASSERT_TRUE(put(peer, std::string("p\0q", 3) + std::to_string(priority), priority));
  }
  ASSERT_TRUE(put(peer, "", 9));
  ASSERT_TRUE(put(peer, std::string(8192, 'x'), 8));
  rig.start();
  ASSERT_TRUE(until([&] { return rig.counters.moved == 5; }));
  std::map<std::string, int> got;
  while (auto delivery = world_.queue().receive()) {
    got[delivery->message().body] = delivery->message().priority;
    delivery->ack();
  }
  EXPECT_EQ(got[std::string("p\0q0", 4)], 0);
  EXPECT_EQ(got[std::string("p\0q4", 4)], 4);
  EXPECT_EQ(got[std::string("p\0q32767", 8)], 32767);
  EXPECT_EQ(got.at(""), 9);
  EXPECT_EQ(got[std::string(8192, 'x')], 8);
}

TEST_F(MqBridge, MakesAQueueExactlyAsItIsTold) {
  const mode_t before = ::umask(077);
  const BridgeRig rig(world_, "mq-in",
                      {{"object", name_},
                       {"create", "true"},
                       {"mode", "0622"},
                       {"max-messages", "3"},
                       {"message-bytes", "100"}});
  ::umask(before);
  const Descriptor peer = open(name_);
  struct stat status {};
  ASSERT_EQ(::fstat(peer.number(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0622U);
  mq_attr attributes{};
  ASSERT_EQ(::mq_getattr(peer.number(), &attributes), 0);
  EXPECT_EQ(attributes.mq_maxmsg, 3);
  EXPECT_EQ(attributes.mq_msgsize, 100);
}

TEST_F(MqBridge, AnswersOnceItIsDurableUnderTheTagOfTheMessage) {
  BridgeRig rig(world_, "mq-in",
                {{"object", name_}, {"answers", answers_}, {"tagged", "true"}, {"create", "true"}});
  const Descriptor peer = open(name_);
  const Descriptor answers = open(answers_);
  ASSERT_TRUE(put(peer, "a-1 the body"));
  ASSERT_TRUE(put(peer, "nothing"));
  rig.start();
  const auto refused = get(answers);
  const auto taken = get(answers);
  ASSERT_TRUE(refused && taken);
  EXPECT_EQ(refused->first, "- no it does not begin with a word and a blank\n");
  const auto delivery = world_.queue().receive();
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->message().body, "the body");
  EXPECT_EQ(taken->first, "a-1 ok " + delivery->message().id.text() + "\n");
  EXPECT_EQ(rig.counters.refused, 1U);
}

TEST_F(MqBridge, LeavesInTheKernelWhatAFullQueueDoesNotTake) {
  Settings bounded;
  bounded.capacity = 2;
  DirectoryWorld world(bounded);
  BridgeRig rig(world, "mq-in", {{"object", name_}, {"create", "true"}, {"window", "3"}});
  const Descriptor peer = open(name_);
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(put(peer, std::to_string(i)));
  rig.start();
  EXPECT_EQ(rig.error().code(), ErrorCode::kTryAgain);
  EXPECT_GE(waiting_in(peer), 6) << "no more than what one sync takes";
  rig.end();
  EXPECT_EQ(waiting_in(peer), 7) << "what it held went back";
  std::multiset<std::string> got = world.drain();
  rig.make();
  rig.start();
  ASSERT_TRUE(until([&] {
    got.merge(world.drain());
    return got.size() == 9;
  }));
  EXPECT_EQ(got, (std::multiset<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8"}));
}

TEST_F(MqBridge, NoticesThatItsQueueWasRemoved) {
  for (const char* const type : {"mq-in", "mq-out"}) {
    BridgeRig rig(world_, type, {{"object", name_}, {"create", "true"}});
    send("so that mq-out has something to put");
    rig.start();
    ASSERT_EQ(::mq_unlink(name_.c_str()), 0);
    send("and again");
    world_.clock().ahead_ms += 1000;
    const Error error = rig.error();
    EXPECT_EQ(error.code(), ErrorCode::kNotFound) << type;
    EXPECT_EQ(error.why(), "the message queue was removed while in use");
  }
}

TEST_F(MqBridge, PutsWithPrioritiesAndWaitsForRoom) {
  for (int i = 0; i < 20; ++i) send(std::to_string(i), static_cast<std::uint16_t>(1000 - i));
  BridgeRig rig(world_, "mq-out", {{"object", name_}, {"create", "true"}, {"max-messages", "4"}});
  const Descriptor peer = open(name_);
  rig.start();
  ASSERT_TRUE(until([&] { return waiting_in(peer) == 4; }));
  ASSERT_TRUE(until([&] { return rig.counters.moved == 4; }));
  EXPECT_EQ(world_.queue().stats().totals.failures, 0);
  for (int i = 0; i < 20; ++i) {
    const auto got = get(peer);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->first, std::to_string(i));
    EXPECT_EQ(got->second, 1000U - static_cast<unsigned>(i));
  }
  ASSERT_TRUE(until([&] { return rig.counters.moved == 20; }));
}

TEST_F(MqBridge, RefusesWhatIsLargerThanAMessageOfTheQueue) {
  BridgeRig rig(world_, "mq-out",
                {{"object", name_}, {"create", "true"}, {"message-bytes", "100"}});
  const Descriptor peer = open(name_);
  send(std::string(101, 'x'));
  send(std::string(100, 'y'));
  rig.start();
  ASSERT_TRUE(until([&] { return rig.counters.moved == 1 && rig.counters.refused == 1; }));
  EXPECT_EQ(rig.refused().at(0), "101 bytes are more than the queue's mq_msgsize, 100");
  EXPECT_EQ(world_.queue().stats().of(State::kDead).messages, 1);
  std::array<char, 100> buffer{};
  EXPECT_EQ(::mq_receive(peer.number(), buffer.data(), buffer.size(), nullptr), 100);
}

TEST_F(MqBridge, IsAcknowledgedByAnswersOnly) {
  send("one");
  send("two");
  send("three");
  BridgeRig rig(world_, "mq-out", {{"object", name_}, {"answers", answers_}, {"create", "true"}});
  const Descriptor peer = open(name_);
  const Descriptor answers = open(answers_);
  rig.start();
  std::map<std::string, std::string> tags;
  for (int i = 0; i < 3; ++i) {
    const auto got = get(peer);
    ASSERT_TRUE(got);
    const std::size_t blank = got->first.find(' ');
    tags[got->first.substr(blank + 1)] = got->first.substr(0, blank);
  }
  EXPECT_EQ(world_.queue().stats().of(State::kLeased).messages, 3);
  ASSERT_TRUE(put(answers, "nonsense"));
  ASSERT_TRUE(put(answers, tags["two"] + " no it is bad\n"));
  ASSERT_TRUE(put(answers, tags["one"] + " ok"));
  ASSERT_TRUE(put(answers, tags["one"] + " ok"));  // twice
  ASSERT_TRUE(until([&] { return rig.counters.moved == 1 && rig.counters.refused == 1; }));
  EXPECT_EQ(world_.queue().status(MessageId::parse(tags["two"]).value())->reason,
            "rejected: it is bad");
  rig.end();  // three was not answered
  EXPECT_EQ(world_.drain(), (std::multiset<std::string>{"three"}));
}

TEST_F(MqBridge, AFailureIsCountedWhereNoAnswerComesInTime) {
  BridgeRig rig(
      world_, "mq-out",
      {{"object", name_}, {"answers", answers_}, {"answer-within", "15s"}, {"create", "true"}});
  const Descriptor peer = open(name_);
  send("one");
  rig.start();
  const auto got = get(peer);  // and dies with it
  ASSERT_TRUE(got);
  world_.clock().ahead_ms += 16'000;
  ASSERT_TRUE(until([&] { return world_.queue().stats().of(State::kDelayed).messages == 1; }));
  const MessageId id = MessageId::parse(got->first.substr(0, 36)).value();
  EXPECT_EQ(world_.queue().status(id)->reason, "no answer in time");
  // An answer that is late answers nothing.
  ASSERT_TRUE(put(open(answers_), id.text() + " ok"));
  ASSERT_TRUE(get(peer)) << "it goes again";
}

TEST_F(MqBridge, ExplainsWhatRefusesAQueue) {
  const auto refusal = [this](const Keys& further) {
    Keys keys{{"object", name_}};
    keys.insert(keys.end(), further.begin(), further.end());
    try {
      const BridgeRig rig(world_, "mq-in", keys);
      return std::string();
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  EXPECT_NE(refusal({}).find("there is no such message queue"), std::string::npos);
  const std::string too_many = refusal({{"create", "true"}, {"max-messages", "9999999"}});
  EXPECT_NE(too_many.find("fs.mqueue.msg_max is "), std::string::npos) << too_many;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_MSGQUEUE, &before), 0);
  const rlimit small{1000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_MSGQUEUE, &small), 0);
  const std::string no_bytes = refusal({{"create", "true"}});
  ASSERT_EQ(::setrlimit(RLIMIT_MSGQUEUE, &before), 0);
  EXPECT_NE(no_bytes.find("RLIMIT_MSGQUEUE, 1000 bytes"), std::string::npos) << no_bytes;
}

TEST(MqKeys, RefusesWhatMakesNoSense) {
  EXPECT_EQ(refusal_of("mq-in", {}), "object: mq-in needs it");
  for (const char* const name : {"orders", "/", "/a/b", ""}) {
    EXPECT_NE(refusal_of("mq-in", {{"object", name}}), "") << name;
  }
  EXPECT_NE(refusal_of("mq-in", {{"object", "/" + std::string(255, 'x')}}), "");
  EXPECT_NE(refusal_of("mq-in", {{"object", "/a"}, {"answers", "/a"}}), "");
  EXPECT_NE(refusal_of("mq-in", {{"object", "/a"}, {"tagged", "true"}}), "");
  EXPECT_NE(refusal_of("mq-in", {{"object", "/a"}, {"window", "0"}}), "");
  EXPECT_NE(refusal_of("mq-out", {{"object", "/a"}, {"answer-within", "1s"}}), "");
  EXPECT_NE(refusal_of("mq-in", {{"object", "/a"}, {"mode", "9"}}), "");
  EXPECT_NE(refusal_of("mq-in", {{"object", "/a"}, {"key", "1"}}), "");
  EXPECT_EQ(refusal_of("mq-out", {{"object", "/a"}, {"answers", "/b"}, {"window", "1024"}}), "");
}

}  // namespace
}  // namespace spoolmq::adapters::test
