// Bindings: what a pattern takes, and that they are durable, listed and removed with their queue.
#include <gtest/gtest.h>

#include <thread>

#include "spoolmq/topic.h"
#include "store/topic_names.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using Names = std::vector<std::string>;

struct Match {
  const char* pattern;
  const char* topic;
  bool matches;
};

constexpr Match kMatches[] = {
    {"orders", "orders", true},
    {"orders", "order", false},
    {"orders", "orders.eu", false},
    {"orders.eu", "orders.eu", true},
    {"orders.eu", "orders.EU", false},
    {"*", "orders", true},
    {"*", "orders.eu", false},
    {"orders.*", "orders.eu", true},
    {"orders.*", "orders", false},
    {"orders.*", "orders.eu.fr", false},
    {"*.eu", "orders.eu", true},
    {"*.*", "orders.eu", true},
    {"#", "orders", true},
    {"#", "orders.eu.fr", true},
    {"orders.#", "orders", true},
    {"orders.#", "orders.eu", true},
    {"orders.#", "orders.eu.fr.paris", true},
    {"orders.#", "order.eu", false},
    {"#.eu", "eu", true},
    {"#.eu", "orders.fr.eu", true},
    {"#.eu", "orders.eu.fr", false},
    {"orders.#.paris", "orders.paris", true},
    {"orders.#.paris", "orders.eu.fr.paris", true},
    {"orders.#.paris", "orders.eu.fr", false},
    {"#.fr.#", "orders.eu.fr", true},
    {"#.fr.#", "fr", true},
    {"#.fr.#", "orders.eu", false},
    {"#.*", "orders", true},
    {"*.#.*", "orders", false},
    {"*.#.*", "orders.eu", true},
    {"#.#.#", "a", true},
    {"a.#.b.#.c", "a.x.b.c.b.y.c", true},
    {"a.#.b.#.c", "a.x.c.y.b", false},
};

TEST(TopicNames, PatternsTakeWordsAndAnyNumberOfWords) {
  for (const Match& one : kMatches) {
    EXPECT_EQ(topic_matches(one.pattern, one.topic), one.matches)
        << one.pattern << " and " << one.topic;
  }
}

TEST(TopicNames, ManyWildcardsTakeNoLonger) {
  std::string pattern = "#";
  while (pattern.size() + 4 < kMaxTopicBytes) pattern += ".a.#";
  std::string topic = "a";
  while (topic.size() + 2 < kMaxTopicBytes) topic += ".a";
  EXPECT_TRUE(topic_matches(pattern, topic));
  EXPECT_FALSE(topic_matches(pattern + ".b", topic));
}

TEST(TopicNames, RefusesWhatIsNoTopic) {
  for (const char* good : {"a", "orders.eu", "a-b_c/d:e", "x.1.2"}) {
    EXPECT_EQ(refuse_topic(good), std::nullopt) << good;
    EXPECT_EQ(refuse_pattern(good), std::nullopt) << good;
  }
  for (const char* bad : {"", ".", "a.", ".a", "a..b", "a b", "a\n", "\xc3\xa4", "a*", "a.#b"}) {
    EXPECT_TRUE(refuse_topic(bad)) << bad;
    EXPECT_TRUE(refuse_pattern(bad)) << bad;
  }
  for (const char* pattern : {"*", "#", "a.*", "#.a"}) {
    EXPECT_TRUE(refuse_topic(pattern)) << pattern;
    EXPECT_EQ(refuse_pattern(pattern), std::nullopt) << pattern;
  }
  EXPECT_FALSE(refuse_topic(std::string(kMaxTopicBytes, 'a')));
  EXPECT_TRUE(refuse_topic(std::string(kMaxTopicBytes + 1, 'a')));
}

TEST(Topics, BindsTwiceAndUnbindsOnce) {
  StoreWorld world;
  world.root().bind("orders.*", "q");
  world.root().bind("orders.*", "q");
  EXPECT_EQ(world.root().bindings(), (std::vector<Binding>{{"orders.*", "q"}}));
  EXPECT_TRUE(world.root().unbind("orders.*", "q"));
  EXPECT_FALSE(world.root().unbind("orders.*", "q"));
  EXPECT_TRUE(world.root().bindings().empty());
}

TEST(Topics, BindsOnlyQueuesThatAreThere) {
  StoreWorld world;
  EXPECT_EQ(refusal([&] { world.root().bind("t", "nobody"); }), ErrorCode::kNotFound);
  EXPECT_EQ(refusal([&] { world.root().bind("t", "../q"); }), ErrorCode::kUsage);
  EXPECT_EQ(refusal([&] { world.root().bind("t..", "q"); }), ErrorCode::kUsage);
  EXPECT_TRUE(world.root().bindings().empty());
}

TEST(Topics, NamesEachQueueOnce) {
  StoreWorld world;
  world.create("b");
  for (const auto& [pattern, queue] : std::vector<std::pair<const char*, const char*>>{
           {"orders.#", "q"}, {"orders.*", "q"}, {"orders.eu", "b"}, {"orders.us", "b"}}) {
    world.root().bind(pattern, queue);
  }
  EXPECT_EQ(world.root().queues_of_topic("orders.eu"), (Names{"b", "q"}));
  EXPECT_EQ(world.root().queues_of_topic("orders.fr"), (Names{"q"}));
  EXPECT_EQ(world.root().queues_of_topic("invoices"), Names{});
  EXPECT_EQ(refusal([&] { world.root().queues_of_topic("orders.*"); }), ErrorCode::kUsage);
}

TEST(Topics, SurviveAPowerCut) {
  StoreWorld world;
  world.root().bind("t", "q");
  world.power_cut(Milliseconds{1000});
  EXPECT_EQ(world.root().queues_of_topic("t"), Names{"q"});
}

TEST(Topics, GoWithTheirQueue) {
  StoreWorld world;
  { const Queue other = world.create("other"); }
  world.root().bind("t", "q");
  world.root().bind("t", "other");
  world.root().remove_queue("other");
  world.root().create_queue("other");
  EXPECT_EQ(world.root().queues_of_topic("t"), Names{"q"});
}

TEST(Topics, StayWhereTheirQueueMayNotBeRemoved) {
  StoreWorld world;
  world.queue().send(text("x"));
  world.root().bind("t", "q");
  EXPECT_EQ(refusal([&] { world.root().remove_queue("q"); }), ErrorCode::kTryAgain);
  EXPECT_EQ(world.root().queues_of_topic("t"), Names{"q"});
}

// Two that change bindings at the same time, each with a root of its own.
TEST(Topics, LosesNoBindingOfTwoThatBindAtTheSameTime) {
  StoreWorld world({}, On::kDisk);
  constexpr int kEach = 50;
  const auto bind_many = [&](const std::string& prefix) {
    Root root = Root::open(world.path());
    for (int i = 0; i < kEach; ++i) root.bind(prefix + std::to_string(i), "q");
    for (int i = 0; i < kEach; i += 2) root.unbind(prefix + std::to_string(i), "q");
  };
  {
    const std::jthread one(bind_many, "a");
    const std::jthread other(bind_many, "b");
  }
  EXPECT_EQ(world.root().bindings().size(), kEach);
}

}  // namespace
}  // namespace spoolmq::test
