// Who wakes for what: as many takers as messages came, and all who wait for something else; and
// that nobody sleeps on beside a message.
#include "store/doorbell.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;

class Bell : public ::testing::Test {
 protected:
  // So many threads, each of which sleeps once as `sleep` does; returned when all are asleep.
  void put_to_sleep(int number, const std::function<void()>& sleep) {
    for (int i = 0; i < number; ++i) {
      std::atomic<pid_t> thread = 0;
      threads_.emplace_back([this, sleep, &thread] {
        thread = static_cast<pid_t>(::gettid());
        sleep();
        ++awake_;
      });
      while (thread == 0) std::this_thread::yield();
      ASSERT_TRUE(eventually([&] { return sleeps(thread); }));
    }
  }
  static bool sleeps(pid_t thread) {
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/syscall");
    long number = 0;
    return file >> number && number == SYS_futex;
  }
  void take_once() {
    Doorbell::Turn turn = bell_.prepare_to_take();
    EXPECT_TRUE(bell_.wait_to_take(turn, 20s));
  }
  void TearDown() override {
    bell_.ring();
    for (std::thread& one : threads_) one.join();
  }

  StoreWorld world_{{}, On::kDisk};
  Queue queue_ = world_.open();
  std::unique_ptr<Dir> dir_ = world_.queue_dir();
  Doorbell bell_{SharedMemory(dir_->status(), dir_->path(), Settings{}.mode), true};
  std::atomic<int> awake_ = 0;
  std::vector<std::thread> threads_;
};

TEST_F(Bell, WakesAsManyTakersAsMessagesCame) {
  put_to_sleep(6, [this] { take_once(); });
  for (const int awake : {1, 2, 4}) {
    bell_.ring_for(static_cast<std::size_t>(awake - awake_));
    EXPECT_TRUE(eventually([&] { return awake_ == awake; }));
  }
  std::this_thread::sleep_for(20ms);  // whoever was woken too many would be there by now
  EXPECT_EQ(awake_, 4);
}

TEST_F(Bell, WakesAllWhoWaitForSomethingElse) {
  put_to_sleep(3, [this] { bell_.wait(bell_.prepare(), 20s); });
  put_to_sleep(2, [this] { take_once(); });
  bell_.ring_for(1);
  EXPECT_TRUE(eventually([&] { return awake_ == 4; }));
  bell_.ring_others();
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(awake_, 4);
  bell_.ring();
  EXPECT_TRUE(eventually([&] { return awake_ == 5; }));
}

TEST_F(Bell, WhoIsAboutToSleepDoesNotSleepBesideAMessage) {
  Doorbell::Turn turn = bell_.prepare_to_take();
  bell_.ring_for(1);
  EXPECT_TRUE(bell_.wait_to_take(turn, 20s));
}

// For a message that woke somebody else nobody looks whose time is over; for one that woke nobody
// he does.
TEST_F(Bell, WhoseTimeIsOverLooksForWhatWokeNobody) {
  put_to_sleep(1, [this] { take_once(); });
  Doorbell::Turn turn = bell_.prepare_to_take();
  EXPECT_FALSE(bell_.wait_to_take(turn, 1ms));
  bell_.ring_for(1);
  EXPECT_TRUE(eventually([&] { return awake_ == 1; }));
  turn = bell_.prepare_to_take();
  EXPECT_FALSE(bell_.wait_to_take(turn, 1ms));
  const Doorbell::Turn before = turn;
  bell_.ring_for(1);
  EXPECT_NE(bell_.prepare_to_take().missed, before.missed);
  EXPECT_FALSE(bell_.has_taker());  // so that the next ring asks nobody
  EXPECT_TRUE(bell_.wait_to_take(turn, 20s));
}

// Whoever was woken for it may have slept through rings for others.
TEST_F(Bell, AnAnnouncementHoldsUntilTheNextRing) {
  put_to_sleep(2, [this] { take_once(); });
  bell_.ring_for(1);
  EXPECT_TRUE(eventually([&] { return awake_ == 1; }));
  bell_.announce({3, 4000});
  EXPECT_TRUE(eventually([&] { return awake_ == 2; }));
  // It is old in half a millisecond; on a busy machine that may be now.
  const bool holds = eventually([&] {
    Doorbell::Turn turn = bell_.prepare_to_take();
    std::thread sleeper([&] { bell_.wait_to_take(turn, 20s); });
    EXPECT_TRUE(eventually([&] { return bell_.has_taker(); }));
    bell_.announce({3, 4000});
    const auto announced = bell_.announced();
    bell_.ring_for(1);
    EXPECT_FALSE(bell_.announced());
    sleeper.join();
    return announced && announced->slot == 3 && announced->written_end == 4000;
  });
  EXPECT_TRUE(holds);
}

// Takers who sleep in short slices, as receivers do, and never too long.
TEST_F(Bell, NobodySleepsBesideAMessage) {
  constexpr int kMessages = 20'000;
  constexpr auto kTooLong = 2s;
  std::atomic<int> ready = 0;
  std::atomic<int> taken = 0;
  std::atomic<int> slept_beside_one = 0;
  std::vector<std::thread> takers;
  for (int i = 0; i < 4; ++i) {
    takers.emplace_back([&, i] {
      while (taken < kMessages) {
        Doorbell::Turn turn = bell_.prepare_to_take();
        int there = ready;
        while (there > 0 && !ready.compare_exchange_weak(there, there - 1)) {
        }
        if (there > 0) {
          ++taken;
          continue;
        }
        const auto began = std::chrono::steady_clock::now();
        while (taken < kMessages && !bell_.wait_to_take(turn, std::chrono::milliseconds(1 + i))) {
          if (std::chrono::steady_clock::now() - began < kTooLong) continue;
          if (ready > 0) ++slept_beside_one;
          break;
        }
      }
    });
  }
  for (int sent = 0; sent < kMessages; ++sent) {
    ++ready;
    bell_.ring_for(1);
    if (sent % 4 == 0) {
      while (ready > 0) std::this_thread::yield();
    }
  }
  for (std::thread& one : takers) one.join();
  EXPECT_EQ(taken, kMessages);
  EXPECT_EQ(slept_beside_one, 0);
}

}  // namespace
}  // namespace spoolmq::test
