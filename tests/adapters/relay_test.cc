#include "adapters/relay.h"

#include <gtest/gtest.h>

#include "spoolmq/error.h"
#include "tests/adapters/relay_world.h"

namespace spoolmq::adapters::test {
namespace {

using namespace std::chrono_literals;
using Given = std::vector<KeyValue>;

Message with_body(std::string body) {
  Message message;
  message.body = std::move(body);
  return message;
}

std::optional<ErrorCode> refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

std::int64_t count(Queue& queue, State state) { return queue.stats().of(state).messages; }

TEST(Relay, CarriesAllThatAMessageHas) {
  DirectoryWorld world;
  make_other_root(world);
  Message message = with_body("x");
  message.headers = {{"a", "1"}, {"a", "2"}};
  message.priority = 9;
  message.expires_at_ms = world.clock().wall_ms() + 3'600'000;
  message.dedupe_key = "d";
  message.order_key = "o";
  message.reply_to = "r";
  message.correlation_id = "c";
  message.from.name = "who";
  const MessageId id = world.queue().send(message);
  const Message sent = world.queue().load(id).value();
  RelayRig rig(world);
  rig.run();
  const Message came = there(world).load(id).value();
  EXPECT_EQ(came, sent);
  EXPECT_EQ(rig.counters.moved, 1U);
  EXPECT_EQ(rig.counters.bytes, 1U);
}

TEST(Relay, KeepsTheOrderAcrossBatchesAndLargeBodies) {
  Settings settings;
  settings.body_inline = 100;
  DirectoryWorld world(settings);
  make_other_root(world, settings);
  for (int i = 0; i < 300; ++i) {
    world.queue().send(with_body(std::to_string(i) + (i % 50 == 7 ? std::string(200, 'L') : "")));
  }
  RelayRig(world).run();
  Queue queue = there(world);
  for (int i = 0; i < 300; ++i) {
    auto delivery = queue.receive();
    ASSERT_TRUE(delivery) << i;
    std::string start(4, '\0');
    start.resize(delivery->open_body()->read(start));
    EXPECT_TRUE(start.starts_with(std::to_string(i))) << i;
    delivery->ack();
  }
}

TEST(Relay, LeavesWhatDoesNotFitWithoutAFailure) {
  DirectoryWorld world;
  Settings bounded;
  bounded.capacity = 3;
  make_other_root(world, bounded);
  for (int i = 0; i < 5; ++i) world.queue().send(with_body("x"));
  RelayRig rig(world);
  EXPECT_EQ(refusal([&] { rig.run(); }), ErrorCode::kTryAgain);
  Queue full = there(world);
  EXPECT_EQ(count(full, State::kReady), 3);
  EXPECT_EQ(count(world.queue(), State::kReady), 2);
  for (const MessageStatus& one : world.queue().scan({})) EXPECT_EQ(one.counters.failures, 0);
  full.receive()->ack();
  full.receive()->ack();
  rig.run();
  EXPECT_EQ(count(full, State::kReady), 3);
  EXPECT_EQ(count(world.queue(), State::kReady), 0);
}

TEST(Relay, PutsAsideWhatTheOtherQueueRefusesForGood) {
  DirectoryWorld world;
  Settings checked;
  checked.check = BodyCheck::kJson;
  make_other_root(world, checked);
  for (const char* body : {"1", "not json", "2"}) world.queue().send(with_body(body));
  RelayRig rig(world);
  rig.run();
  EXPECT_EQ(rig.counters.refused, 1U);
  EXPECT_NE(rig.refused.find("not JSON"), std::string::npos) << rig.refused;
  Queue queue = there(world);
  EXPECT_EQ(count(queue, State::kReady), 2);
  const auto dead = world.queue().scan({{State::kDead}, -1, 10});
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_NE(dead[0].reason.find("there refuses it"), std::string::npos) << dead[0].reason;
}

TEST(Relay, WaitsForADestinationThatIsGone) {
  DirectoryWorld world;
  make_other_root(world);
  world.queue().send(with_body("x"));
  {
    RelayRig rig(world);
    other_root(world).remove_queue(kThere, Force::kYes);
    EXPECT_EQ(refusal([&] { rig.run(); }), ErrorCode::kNotFound);
    EXPECT_EQ(count(world.queue(), State::kReady), 1);
  }
  EXPECT_EQ(refusal([&] { RelayRig{world}; }), ErrorCode::kNotFound);
  EXPECT_EQ(refusal([] { Relay::open_existing("/no/such/root"); }), ErrorCode::kNotFound);
}

TEST(Relay, BackAndForthLosesNothing) {
  DirectoryWorld world;
  make_other_root(world);
  Message message = with_body("ball");
  message.dedupe_key = "k";
  const MessageId id = world.queue().send(message);
  for (int round = 0; round < 3; ++round) {
    RelayRig(world).run();
    Queue queue = there(world);
    ASSERT_TRUE(queue.status(id)) << round;
    // And home again, the same way.
    std::vector<Delivery> taken = queue.receive_batch({});
    ASSERT_EQ(taken.size(), 1U);
    world.queue().send(taken[0].message());
    queue.pass_on(taken);
    ASSERT_TRUE(world.queue().status(id)) << round;
  }
}

TEST(Relay, ComesToItsEndInTheMiddleOfABatch) {
  DirectoryWorld world;
  make_other_root(world);
  world.queue().send(with_body("x"));
  RelayRig rig(world);
  rig.relay->interrupt();
  rig.relay->turn();
  EXPECT_EQ(count(world.queue(), State::kReady), 1);
  rig.run();
  EXPECT_EQ(count(world.queue(), State::kReady), 0);
}

TEST(RelaySettings, NameADestination) {
  EXPECT_EQ(parse_relay("q", Given{{"to-queue", "r", "w"}})->place, "r");
  EXPECT_EQ(parse_relay("q", Given{{"to-queue", "q", "w"}, {"to-root", "/r", "w"}})->place, "/r q");
  for (const Given& wrong :
       {Given{}, Given{{"to-root", "/r", "w"}}, Given{{"to-queue", "q", "w"}},
        Given{{"to-queue", "a//b", "w"}}, Given{{"to-queue", "r", "w"}, {"to-root", "r", "w"}},
        Given{{"to-queue", "r", "w"}, {"to", "r", "w"}}}) {
    EXPECT_EQ(refusal([&] { parse_relay("q", wrong); }), ErrorCode::kUsage);
  }
}

}  // namespace
}  // namespace spoolmq::adapters::test
