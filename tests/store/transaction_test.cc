// Sends to several queues and acknowledgements in several, whole or not at all.
#include <gtest/gtest.h>

#include <algorithm>

#include "spoolmq/topic.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Bodies = std::vector<std::string>;

class Together : public ::testing::Test {
 protected:
  explicit Together(const Settings& settings = {}) : world_(settings) {}
  Queue& one() { return world_.queue(); }
  Root& root() { return world_.root(); }
  void bind_all() {
    for (const char* name : {"q", "other", "third"}) root().bind("t", name);
  }
  // What is left in ROOT/topics of work that was under way.
  std::size_t intents() {
    const auto names = world_.disk().names("topics");
    return static_cast<std::size_t>(std::ranges::count_if(
        names, [](const std::string& name) { return name.find("intent-") == 0; }));
  }
  std::uint64_t links_of_only_file(std::string_view queue) {
    const std::string path = world_.spool_files(queue).at(0);
    const auto shard = world_.queue_dir(queue)->open_dir("msgs")->open_dir(path.substr(0, 2));
    return shard->status(path.substr(3))->links;
  }

  StoreWorld world_;
  Queue other_ = world_.create("other");
  Queue third_ = world_.create("third");
};

TEST_F(Together, ATopicsMessageIsOneFileInEveryQueue) {
  bind_all();
  const std::vector<Placed> placed = root().send_to_topic("t", text("x"));
  ASSERT_EQ(placed.size(), 3U);
  EXPECT_EQ(placed[0].queue, "other");
  EXPECT_EQ(placed[1].queue, "q");
  EXPECT_EQ(placed[2].queue, "third");
  for (const Placed& each : placed) EXPECT_EQ(each.result.id, placed[0].result.id);
  for (const char* name : {"q", "other", "third"}) EXPECT_EQ(links_of_only_file(name), 3U) << name;
  EXPECT_EQ(drain(one()), Bodies{"x"});
  EXPECT_EQ(drain(other_), Bodies{"x"});
  EXPECT_EQ(drain(third_), Bodies{"x"});
  EXPECT_EQ(intents(), 0U);
  for (Queue* queue : {&one(), &other_, &third_}) queue->maintain();
  for (const char* name : {"q", "other", "third"}) EXPECT_TRUE(world_.spool_files(name).empty());
}

TEST_F(Together, ATopicWithoutAQueueTakesNothing) {
  EXPECT_TRUE(root().send_to_topic("t", text("x")).empty());
  EXPECT_EQ(total(one()), 0);
}

TEST_F(Together, ATopicWithOneQueueIsAnOrdinarySend) {
  root().bind("t", "q");
  EXPECT_EQ(root().send_to_topic("t", text("x")).size(), 1U);
  EXPECT_EQ(root().send_to_topic("t", text("y")).size(), 1U);
  EXPECT_EQ(drain(one()), (Bodies{"x", "y"}));
}

TEST_F(Together, UnequalQueuesGetCopies) {
  Settings settings;
  settings.format = Format::kXml;
  Queue xml = world_.create("xml", settings);
  settings = {};
  settings.mode = 0640;
  Queue readable = world_.create("readable", settings);
  bind_all();
  root().bind("t", "xml");
  root().bind("t", "readable");
  EXPECT_EQ(root().send_to_topic("t", text("x")).size(), 5U);
  EXPECT_EQ(links_of_only_file("q"), 3U);
  EXPECT_EQ(links_of_only_file("xml"), 1U);
  EXPECT_EQ(links_of_only_file("readable"), 1U);
  EXPECT_TRUE(world_.spool_files("xml").at(0).ends_with(".xml"));
  for (Queue* queue : {&one(), &other_, &third_, &xml, &readable}) {
    EXPECT_EQ(drain(*queue), Bodies{"x"}) << queue->name();
  }
}

TEST_F(Together, EveryQueueAddsWhatItsSettingsSay) {
  Settings settings;
  settings.content_type = "text/plain";
  settings.ttl = 1h;
  Queue typed = world_.create("typed", settings);
  bind_all();
  root().bind("t", "typed");
  const std::vector<Placed> placed = root().send_to_topic("t", text("x"));
  const MessageId id = placed.front().result.id;
  EXPECT_EQ(*typed.load(id)->header("content-type"), "text/plain");
  EXPECT_NE(typed.load(id)->expires_at_ms, 0);
  EXPECT_EQ(one().load(id)->header("content-type"), nullptr);
  EXPECT_EQ(one().load(id)->expires_at_ms, 0);
}

TEST_F(Together, LargeBodiesGoToEveryQueue) {
  for (Queue* queue : {&one(), &other_, &third_}) {
    queue->configure(std::vector<SettingText>{{"body-inline", "1K"}});
  }
  bind_all();
  const std::string whole(100'000, 'x');
  root().send_to_topic("t", text(whole));
  for (Queue* queue : {&one(), &other_, &third_}) EXPECT_EQ(drain(*queue), Bodies{whole});
}

TEST_F(Together, OneQueueThatIsFullKeepsItOutOfAll) {
  third_.configure(std::vector<SettingText>{{"capacity", "1"}, {"overflow", "block"}});
  third_.send(text("first"));
  bind_all();
  EXPECT_EQ(refusal([&] { root().send_to_topic("t", text("x")); }), ErrorCode::kTryAgain);
  EXPECT_EQ(total(one()), 0);
  EXPECT_EQ(total(other_), 0);
  EXPECT_EQ(one().stats().reserved, 0);
  EXPECT_EQ(drain(third_), Bodies{"first"});
  EXPECT_EQ(intents(), 0U);
  EXPECT_EQ(root().send_to_topic("t", text("x")).size(), 3U);
}

TEST_F(Together, OneQueueThatIsPausedOrChecksKeepsItOutOfAll) {
  bind_all();
  Pause pause;
  pause.send = true;
  third_.pause(pause);
  EXPECT_EQ(refusal([&] { root().send_to_topic("t", text("x")); }), ErrorCode::kTryAgain);
  third_.resume();
  third_.configure(std::vector<SettingText>{{"check", "json"}});
  EXPECT_EQ(refusal([&] { root().send_to_topic("t", text("x")); }), ErrorCode::kBadData);
  for (Queue* queue : {&one(), &other_, &third_}) EXPECT_EQ(total(*queue), 0) << queue->name();
  EXPECT_EQ(root().send_to_topic("t", text("{}")).size(), 3U);
}

TEST_F(Together, ARendezvousCannotBeOneOfSeveral) {
  Settings settings;
  settings.capacity = 0;
  const Queue rendezvous = world_.create("rendezvous", settings);
  bind_all();
  root().bind("t", "rendezvous");
  EXPECT_EQ(refusal([&] { root().send_to_topic("t", text("x")); }), ErrorCode::kConfiguration);
  EXPECT_EQ(total(one()), 0);
}

TEST_F(Together, EachQueueHasItsOwnDedupeKeys) {
  Message message = text("x");
  message.dedupe_key = "k";
  const MessageId earlier = other_.send(message);
  bind_all();
  const std::vector<Placed> placed = root().send_to_topic("t", message);
  EXPECT_TRUE(placed[0].result.duplicate);
  EXPECT_EQ(placed[0].result.id, earlier);
  EXPECT_FALSE(placed[1].result.duplicate);
  EXPECT_EQ(drain(other_), Bodies{"x"});
  EXPECT_EQ(drain(one()), Bodies{"x"});
  EXPECT_TRUE(root().send_to_topic("t", message)[1].result.duplicate);
  EXPECT_EQ(drain(one()), Bodies{});
}

TEST_F(Together, ARepeatedIdIsNoSecondMessage) {
  bind_all();
  Message message = text("x");
  message.id = some_id(1);
  root().send_to_topic("t", message);
  for (const Placed& each : root().send_to_topic("t", message)) EXPECT_TRUE(each.result.duplicate);
  for (Queue* queue : {&one(), &other_, &third_}) EXPECT_EQ(drain(*queue), Bodies{"x"});
}

TEST_F(Together, TheOrderIsTheSendersInEveryQueue) {
  bind_all();
  Bodies sent;
  for (int i = 0; i < 6; ++i) {
    sent.push_back(std::to_string(i));
    if (i % 3 == 2) {
      for (Queue* queue : {&one(), &other_, &third_}) queue->send(text(sent.back()));
    } else {
      root().send_to_topic("t", text(sent.back()));
    }
  }
  for (Queue* queue : {&one(), &other_, &third_}) EXPECT_EQ(drain(*queue), sent);
}

TEST_F(Together, SendsAndAcksHappenTogether) {
  one().send(text("question"));
  other_.send(text("another"));
  auto first = one().receive();
  auto second = other_.receive();
  Transaction work = root().transaction();
  work.send(third_, text("answer"));
  work.send("third", text("and more"));
  work.ack(one(), first->detach());
  work.ack(other_, second->detach());
  EXPECT_EQ(total(third_), 0) << "before the commit";
  const Committed committed = work.commit();
  EXPECT_EQ(committed.acks, (std::vector{LeaseOutcome::kDone, LeaseOutcome::kDone}));
  ASSERT_EQ(committed.sends.size(), 2U);
  EXPECT_EQ(committed.sends[0].at(0).queue, "third");
  EXPECT_EQ(drain(third_), (Bodies{"answer", "and more"}));
  EXPECT_EQ(total(one()), 0);
  EXPECT_EQ(total(other_), 0);
  EXPECT_EQ(intents(), 0U);
}

TEST_F(Together, ALostLeaseKeepsEverythingFromHappening) {
  one().send(text("a"));
  other_.send(text("b"));
  auto first = one().receive();
  auto second = other_.receive();
  const Receipt kept = first->receipt();
  const Receipt lost = second->receipt();
  second->release();
  Transaction work = root().transaction();
  work.send(third_, text("c"));
  work.ack(one(), kept);
  work.ack(other_, lost);
  try {
    work.commit();
    FAIL() << "committed";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLeaseLost);
    EXPECT_NE(std::string(error.what()).find(lost.text()), std::string::npos) << error.what();
  }
  EXPECT_EQ(total(third_), 0);
  EXPECT_EQ(one().status(kept.id)->state, State::kLeased);
  EXPECT_EQ(drain(other_), Bodies{"b"});
}

TEST_F(Together, ALostLeaseAmongOneQueuesAcksKeepsTheOthersToo) {
  one().send_batch({text("a"), text("b")});
  auto first = one().receive();
  auto second = one().receive();
  const Receipt kept = first->receipt();
  Transaction work = root().transaction();
  work.ack(one(), kept);
  work.ack(one(), second->receipt());
  second->release();
  EXPECT_EQ(refusal([&] { work.commit(); }), ErrorCode::kLeaseLost);
  EXPECT_EQ(one().status(kept.id)->state, State::kLeased);
}

TEST_F(Together, ARepeatedAckIsFine) {
  one().send(text("a"));
  const Receipt receipt = one().receive()->detach();
  one().ack({&receipt, 1});
  Transaction work = root().transaction();
  work.send(third_, text("b"));
  work.ack(one(), receipt);
  EXPECT_EQ(work.commit().acks, std::vector{LeaseOutcome::kRepeated});
  EXPECT_EQ(drain(third_), Bodies{"b"});
}

TEST_F(Together, WithoutACommitNothingHappens) {
  {
    Transaction work = root().transaction();
    work.send(one(), text("x"));
    work.send_to_topic("t", text("y"));
  }
  EXPECT_EQ(total(one()), 0);
  EXPECT_EQ(root().transaction().commit().sends.size(), 0U);
}

TEST_F(Together, MoreThanTheLimitsIsRefused) {
  Transaction work = root().transaction();
  work.send(one(), text(std::string(kMaxTransactionBytes - 1000, 'x')));
  EXPECT_EQ(refusal([&] { work.send(one(), text(std::string(2000, 'x'))); }), ErrorCode::kBadData);
  Transaction many = root().transaction();
  for (std::size_t i = 0; i < kMaxTransactionSends; ++i) many.send(one(), text("x"));
  EXPECT_EQ(refusal([&] { many.send(one(), text("x")); }), ErrorCode::kBadData);
}

TEST_F(Together, OneQueuesMessagesNeedNoIntent) {
  bind_all();
  root().send_to_topic("t", text("makes the directory"));
  drain(one());
  one().send(text("x"));  // from now on, within a second, appended
  const std::uint64_t before = world_.disk().operations();
  Transaction work = root().transaction();
  for (int i = 0; i < 5; ++i) work.send(one(), text(std::to_string(i)));
  work.commit();
  EXPECT_LT(world_.disk().operations() - before, 200U);
  EXPECT_EQ(drain(one()), (Bodies{"x", "0", "1", "2", "3", "4"}));
}

TEST_F(Together, TopicsInATransactionReachTheirQueuesOnce) {
  bind_all();
  root().bind("#", "q");
  Transaction work = root().transaction();
  EXPECT_EQ(work.send_to_topic("t", text("a")), 3U);
  EXPECT_EQ(work.send_to_topic("u", text("b")), 1U);
  EXPECT_EQ(work.send_to_topic("t", text("c")), 3U);
  const Committed committed = work.commit();
  EXPECT_EQ(committed.sends[1].size(), 1U);
  EXPECT_EQ(drain(one()), (Bodies{"a", "b", "c"}));
  EXPECT_EQ(drain(other_), (Bodies{"a", "c"}));
}

TEST_F(Together, TheCallersOwnQueuesAreUsed) {
  std::vector<std::string> asked;
  Transaction work = root().transaction([&](std::string_view name) {
    asked.emplace_back(name);
    return name == "q" ? &one() : nullptr;
  });
  work.send("q", text("a"));
  work.send("other", text("b"));
  work.commit();
  EXPECT_EQ(asked, (std::vector<std::string>{"q", "other"}));
  EXPECT_EQ(drain(one()), Bodies{"a"});
  EXPECT_EQ(drain(other_), Bodies{"b"});
}

TEST_F(Together, RoutesThatNobodyNeedsGoWithTheNextChange) {
  bind_all();
  root().send_to_topic("t", text("x"));
  const auto routes = [&] {
    const auto names = world_.disk().names("topics");
    return std::ranges::count_if(names,
                                 [](const std::string& name) { return name.find("route-") == 0; });
  };
  EXPECT_EQ(routes(), 1);
  root().unbind("t", "third");
  EXPECT_EQ(routes(), 0);
  EXPECT_EQ(root().send_to_topic("t", text("y")).size(), 2U);
  EXPECT_EQ(drain(other_), (Bodies{"x", "y"}));
}

}  // namespace
}  // namespace spoolmq::test
