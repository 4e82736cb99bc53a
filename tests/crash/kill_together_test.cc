// Killed over and over in the middle of transactions: every question has exactly one answer, in
// both queues, and is acknowledged; what went to a topic is in all of its queues or in none.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "spoolmq/topic.h"
#include "tests/crash/kill_process.h"

namespace spoolmq::test {
namespace {

constexpr int kQuestions = 200;
constexpr int kMostKills = 40;
constexpr int kLeastKills = 3;  // in the middle of it
constexpr std::uint32_t kLongestLifeMs = 100;

std::map<std::string, int> drained(Root& root, const std::string& name) {
  Queue queue = root.open_queue(name);
  ReceiveOptions all;
  all.max = 1000;
  std::map<std::string, int> bodies;
  while (true) {
    std::vector<Delivery> deliveries = queue.receive_batch(all);
    if (deliveries.empty()) return bodies;
    for (const Delivery& one : deliveries) ++bodies[one.message().body];
    queue.ack_batch(deliveries);
  }
}

std::int64_t live(Root& root, const std::string& name) {
  const QueueStats stats = root.open_queue(name).stats();
  return stats.of(State::kReady).messages + stats.of(State::kDelayed).messages +
         stats.of(State::kLeased).messages;
}

TEST(KillTogether, EveryQuestionIsAnsweredOnceInBothQueues) {
  const TemporaryRoot place;
  Settings settings;
  settings.backoff = Milliseconds{0};
  settings.max_failures = 2 * kMostKills;
  {
    Root root = Root::open(place.path());
    for (const char* name : {"in", "first", "second", "left", "right"}) {
      root.create_queue(name, settings);
    }
    for (const char* name : {"first", "second"}) root.bind("t", name);
    for (const char* name : {"left", "right"}) root.bind("alone", name);
    std::vector<Message> questions(kQuestions);
    for (int i = 0; i < kQuestions; ++i) {
      questions[static_cast<std::size_t>(i)].body = std::to_string(i);
    }
    root.open_queue("in").send_batch(std::move(questions));
  }
  std::mt19937 random(20'261'128);
  Root root = Root::open(place.path());
  int kills = 0;
  for (; kills < kMostKills && live(root, "in") > 0; ++kills) {
    Process answering(driver({"answer", place.path()}));
    ASSERT_EQ(answering.hear(), "ready");
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % kLongestLifeMs));
    answering.kill();
  }
  EXPECT_GE(kills, kLeastKills);
  EXPECT_GT(live(root, "first"), 0) << "nobody lived long enough to answer";
  EXPECT_EQ(Process(driver({"answer", place.path()})).wait(), 0);
  EXPECT_EQ(live(root, "in"), 0);
  const std::map<std::string, int> first = drained(root, "first");
  EXPECT_EQ(first.size(), kQuestions);
  for (const auto& [body, times] : first) EXPECT_EQ(times, 1) << body;
  EXPECT_EQ(drained(root, "second"), first);
  EXPECT_EQ(drained(root, "left"), drained(root, "right"));
}

}  // namespace
}  // namespace spoolmq::test
