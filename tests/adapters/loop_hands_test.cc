#include "adapters/loop_hands.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <condition_variable>
#include <optional>
#include <set>

#include "adapters/batch_thread.h"

namespace spoolmq::adapters::test {
namespace {

constexpr std::chrono::seconds kPatience{20};

class LoopHandsTest : public ::testing::Test {
 protected:
  ~LoopHandsTest() override { hands_.reset(); }
  void start() {
    hands_.emplace(lock_, clock_, std::vector<int>{bell_.descriptor()}, [this] { return round(); });
  }
  // Work is left as often as `works_` says; it lasts until it may end.
  LoopHands::Round round() {
    bell_.silence();
    ++rounds_;
    rounders_.insert(std::this_thread::get_id());
    changed_.notify_all();
    if (is_over_) return {.over = true};
    if (works_ == 0) return {};
    --works_;
    return {.work = [this] {
      std::unique_lock lock(lock_);
      ++working_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return may_end_; });
      --working_;
    }};
  }
  bool until(const std::function<bool()>& holds) {
    std::unique_lock lock(lock_);
    return changed_.wait_for(lock, kPatience, holds);
  }
  void ring_for_another_round() {
    int before = 0;
    {
      const std::lock_guard lock(lock_);
      before = rounds_;
    }
    bell_.ring();
    EXPECT_TRUE(until([&] { return rounds_ > before; }));
  }
  [[nodiscard]] bool is_rung() const {
    pollfd waited{bell_.descriptor(), POLLIN, 0};
    return ::poll(&waited, 1, 0) == 1;
  }
  void end_work() {
    const std::lock_guard lock(lock_);
    may_end_ = true;
    changed_.notify_all();
  }

  SystemClock clock_;
  Bell bell_;
  std::mutex lock_;  // guards what follows
  std::condition_variable changed_;
  int works_ = 0;
  int working_ = 0;
  int rounds_ = 0;
  bool may_end_ = false;
  bool is_over_ = false;
  std::set<std::thread::id> rounders_;
  std::optional<LoopHands> hands_;
};

TEST_F(LoopHandsTest, ServesWhileOneOfThemWorks) {
  works_ = 1;
  start();
  ASSERT_TRUE(until([&] { return working_ == 1; }));
  for (int i = 0; i < 3; ++i) ring_for_another_round();
  EXPECT_EQ(rounders_.size(), 2U);
  end_work();
  ASSERT_TRUE(until([&] { return working_ == 0; }));
}

TEST_F(LoopHandsTest, LooksAfterItsWorkWithoutBeingWoken) {
  works_ = 1;
  start();
  ASSERT_TRUE(until([&] { return working_ == 1; }));
  int before = 0;
  {
    const std::lock_guard lock(lock_);
    before = rounds_;
  }
  end_work();
  EXPECT_TRUE(until([&] { return rounds_ > before; }));
}

TEST_F(LoopHandsTest, WakesForWhatSomebodyElseFoundDue) {
  start();
  ring_for_another_round();
  std::unique_lock lock(lock_);
  const int before = rounds_;
  const auto began = std::chrono::steady_clock::now();
  hands_->note_due(clock_.boot_ms());
  ASSERT_TRUE(changed_.wait_for(lock, kPatience, [&] { return rounds_ > before; }));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(900));
}

TEST_F(LoopHandsTest, RunsNoMoreRoundsOnceItIsOver) {
  start();
  ring_for_another_round();
  {
    const std::lock_guard lock(lock_);
    is_over_ = true;
  }
  ring_for_another_round();
  ring_for_another_round();  // of the other hand
  bell_.ring();
  hands_.reset();
  EXPECT_TRUE(is_rung());
}

TEST_F(LoopHandsTest, EndsOnceItsWorkIsDone) {
  works_ = 1;
  start();
  ASSERT_TRUE(until([&] { return working_ == 1; }));
  std::jthread ending([this] { end_work(); });
  hands_.reset();
  EXPECT_EQ(working_, 0);
}

TEST(BatchThread, WorksInOrderBehindWhatIsClaimed) {
  std::mutex lock;
  std::condition_variable changed;
  std::vector<int> worked;
  BatchThread<int> thread(2, [&](std::vector<int> batch) {
    const std::lock_guard locked(lock);
    worked.insert(worked.end(), batch.begin(), batch.end());
    changed.notify_all();
  });
  EXPECT_FALSE(thread.claim(3)) << "more than a batch";
  ASSERT_TRUE(thread.claim(2));
  EXPECT_FALSE(thread.claim(1)) << "twice";
  EXPECT_FALSE(thread.is_idle());
  thread.put_all({3, 4, 5});
  thread.work_claimed({1, 2});
  std::unique_lock locked(lock);
  ASSERT_TRUE(changed.wait_for(locked, kPatience, [&] { return worked.size() == 5; }));
  EXPECT_EQ(worked, (std::vector<int>{1, 2, 3, 4, 5}));
}

}  // namespace
}  // namespace spoolmq::adapters::test
