#include "store/worker.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>
#include <vector>

namespace spoolmq::test {
namespace {

TEST(Worker, DoesOneJobAfterTheOther) {
  Worker worker;
  int done = 0;
  std::thread::id where;
  const std::function<void()> job = [&] {
    ++done;
    where = std::this_thread::get_id();
  };
  for (int i = 1; i <= 1000; ++i) {
    ASSERT_TRUE(worker.start(job));
    worker.wait();
    ASSERT_EQ(done, i);
  }
  EXPECT_NE(where, std::this_thread::get_id());
}

TEST(Worker, RunsWhileItsOwnerGoesOn) {
  Worker worker;
  std::atomic<bool> go_on{false};
  const std::function<void()> job = [&] {
    while (!go_on) std::this_thread::yield();
  };
  ASSERT_TRUE(worker.start(job));
  go_on = true;
  worker.wait();
}

TEST(Worker, WorksForOneAtATime) {
  Worker worker;
  std::atomic<bool> go_on{false};
  const std::function<void()> waits = [&] { go_on.wait(false); };
  const std::function<void()> other = [] { FAIL(); };
  ASSERT_TRUE(worker.start(waits));
  EXPECT_FALSE(worker.start(other));
  go_on = true;
  go_on.notify_all();
  worker.wait();
}

TEST(Worker, IsSharedByManyThreads) {
  Worker worker;
  std::atomic<int> started{0};
  int done = 0;  // by one at a time
  const std::function<void()> job = [&] { ++done; };
  {
    std::vector<std::jthread> owners;
    for (int t = 0; t < 4; ++t) {
      owners.emplace_back([&] {
        for (int i = 0; i < 500; ++i) {
          if (!worker.start(job)) continue;
          ++started;
          worker.wait();
        }
      });
    }
  }
  EXPECT_GT(done, 0);
  EXPECT_EQ(done, started);
}

TEST(Worker, EndsBehindTheJobThatItHas) {
  Worker worker;
  std::atomic<bool> go_on{false};
  std::atomic<bool> done{false};
  const std::function<void()> job = [&] {
    go_on.wait(false);
    done = true;
  };
  ASSERT_TRUE(worker.start(job));
  std::jthread stops([&] {
    worker.stop();
    EXPECT_TRUE(done);
  });
  go_on = true;
  go_on.notify_all();
  worker.wait();
}

TEST(Worker, JobsTellWhatTheyThrew) {
  Worker worker;
  int tries = 0;
  Worker::Job job(worker, [&] {
    if (++tries == 1) throw std::runtime_error("once");
  });
  job.finish();  // of none
  ASSERT_TRUE(job.begin());
  EXPECT_THROW(job.finish(), std::runtime_error);
  ASSERT_TRUE(job.begin());
  job.finish();
  EXPECT_EQ(tries, 2);
  Worker::Job left(worker, [&] { ++tries; });
  ASSERT_TRUE(left.begin());
}

TEST(Worker, EndsAsleepOrWithoutAJob) {
  { const Worker unused; }
  Worker worker;
  const std::function<void()> job = [] {};
  ASSERT_TRUE(worker.start(job));
  worker.wait();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));  // beyond its spinning
  worker.stop();
  EXPECT_FALSE(worker.start(job)) << "it has ended";
}

}  // namespace
}  // namespace spoolmq::test
