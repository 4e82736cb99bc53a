#include "cli/sweeper.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <thread>

#include "core/log.h"
#include "core/names.h"
#include "tests/store/store_world.h"

namespace spoolmq::cli {
namespace {

using test::On;
using test::StoreWorld;

class SweeperTest : public ::testing::Test {
 protected:
  void round(Milliseconds after = Milliseconds{Sweeper::kEveryMs}) {
    world.clock().advance(after);
    sweeper.round();
  }
  std::vector<NamedStats> stats() {
    std::vector<NamedStats> counts;
    EXPECT_TRUE(sweeper.ask([&](const std::vector<NamedStats>& given) { counts = given; }));
    round();
    return counts;
  }

  StoreWorld world;
  Sweeper sweeper{world.root(), world.clock()};
};

TEST_F(SweeperTest, ReturnsALeaseThatRanOut) {
  const MessageId id = world.queue().send(test::text("a"));
  ReceiveOptions options;
  options.kind = LeaseKind::kTimed;
  options.lease = Milliseconds{1'000};
  world.queue().receive(options)->detach();
  round();
  round(Milliseconds{1'000});
  // Looking at it would return it as well: the sweeper's own count is asked.
  const auto counts = stats();
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts[0].stats.of(State::kLeased).messages, 0);
  EXPECT_EQ(world.queue().status(id)->counters.failures, 1);
}

TEST_F(SweeperTest, FindsNewQueues) {
  round();
  EXPECT_EQ(sweeper.queues(), 1U);
  world.create("later");
  round(Milliseconds{2'000});
  EXPECT_EQ(sweeper.queues(), 2U);
}

TEST_F(SweeperTest, KeepsNoQueueFromBeingRemoved) {
  world.create("other");
  round(Milliseconds{2'000});
  ASSERT_EQ(sweeper.queues(), 2U);
  world.root().remove_queue("other");
  round();
  round(Milliseconds{2'000});
  EXPECT_EQ(sweeper.queues(), 1U);
}

TEST_F(SweeperTest, SweepsAnotherQueueOfTheSameName) {
  world.create("other");
  round(Milliseconds{2'000});
  world.root().remove_queue("other");
  Queue again = world.create("other");
  again.send(test::text("a"));
  again.send(test::text("b"));
  round();
  round(Milliseconds{2'000});
  const auto counts = stats();
  ASSERT_EQ(counts.size(), 2U);
  EXPECT_EQ(counts[0].queue, "other");
  EXPECT_EQ(counts[0].stats.of(State::kReady).messages, 2);
}

TEST_F(SweeperTest, AFailingQueueStopsNoOther) {
  log::set_level(log::Level::kOff);
  world.create("a-bad");
  replace_file(*world.queue_dir("a-bad"), names::kSettings, "nonsense = [", 0600);
  const MessageId id = world.queue().send(test::text("a"));
  ReceiveOptions options;
  options.kind = LeaseKind::kTimed;
  options.lease = Milliseconds{1'000};
  world.queue().receive(options)->detach();
  round();
  round(Milliseconds{1'000});
  const auto counts = stats();
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_EQ(counts[0].queue, "q");
  EXPECT_EQ(world.queue().status(id)->counters.failures, 1);
  replace_file(*world.queue_dir("a-bad"), names::kSettings, format_settings({}), 0600);
  round(Milliseconds{10'000});
  EXPECT_EQ(sweeper.queues(), 2U) << "tried again";
}

TEST_F(SweeperTest, BoundsThoseWhoAsk) {
  int taken = 0;
  for (int i = 0; i < 64; ++i) {
    ASSERT_TRUE(sweeper.ask([&](const auto&) { ++taken; }));
  }
  EXPECT_FALSE(sweeper.ask([](const auto&) {}));
  round();
  EXPECT_EQ(taken, 64);
  EXPECT_TRUE(sweeper.ask([](const auto&) {}));
}

TEST_F(SweeperTest, AnswersAtOnceAndEndsWhenAsked) {
  std::jthread thread([&](const std::stop_token& stop) { sweeper.run(stop); });
  std::promise<std::size_t> answered;
  ASSERT_TRUE(sweeper.ask([&](const auto& counts) { answered.set_value(counts.size()); }));
  auto future = answered.get_future();
  ASSERT_EQ(future.wait_for(std::chrono::seconds{20}), std::future_status::ready);
  EXPECT_EQ(future.get(), 1U);
  thread.request_stop();
  thread.join();
  // Nothing of it is left open.
  const auto consumers = world.queue().consumers();
  EXPECT_FALSE(std::ranges::any_of(consumers, [](const Consumer& one) { return one.observer; }));
}

}  // namespace
}  // namespace spoolmq::cli
