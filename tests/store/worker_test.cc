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
  Worker::Job job(worker, [&] {
    ++done;
    where = std::this_thread::get_id();
  });
  for (int i = 1; i <= 1000; ++i) {
    ASSERT_TRUE(job.begin());
    job.finish();
    ASSERT_EQ(done, i);
  }
  EXPECT_NE(where, std::this_thread::get_id());
}

TEST(Worker, RunsWhileItsOwnerGoesOn) {
  Worker worker;
  std::atomic<bool> go_on{false};
  Worker::Job job(worker, [&] {
    while (!go_on) std::this_thread::yield();
  });
  ASSERT_TRUE(job.begin());
  go_on = true;
  job.finish();
}

TEST(Worker, WorksForOneAtATime) {
  Worker worker;
  std::atomic<bool> go_on{false};
  Worker::Job waits(worker, [&] { go_on.wait(false); });
  Worker::Job other(worker, [] { FAIL(); });
  ASSERT_TRUE(waits.begin());
  EXPECT_FALSE(other.begin());
  go_on = true;
  go_on.notify_all();
  waits.finish();
}

TEST(Worker, IsSharedByManyThreads) {
  Worker worker;
  std::atomic<int> begun{0};
  int done = 0;  // by one at a time
  {
    std::vector<std::jthread> owners;
    for (int t = 0; t < 4; ++t) {
      owners.emplace_back([&] {
        Worker::Job job(worker, [&] { ++done; });
        for (int i = 0; i < 500; ++i) {
          if (!job.begin()) continue;
          ++begun;
          job.finish();
        }
      });
    }
  }
  EXPECT_GT(done, 0);
  EXPECT_EQ(done, begun);
}

TEST(Worker, EndsBehindTheJobThatItHas) {
  Worker worker;
  std::atomic<bool> go_on{false};
  std::atomic<bool> done{false};
  Worker::Job job(worker, [&] {
    go_on.wait(false);
    done = true;
  });
  ASSERT_TRUE(job.begin());
  std::jthread stops([&] {
    worker.stop();
    EXPECT_TRUE(done);
  });
  go_on = true;
  go_on.notify_all();
  job.finish();
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
  Worker::Job job(worker, [] {});
  ASSERT_TRUE(job.begin());
  job.finish();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));  // beyond its spinning
  worker.stop();
  EXPECT_FALSE(job.begin()) << "it has ended";
}

}  // namespace
}  // namespace spoolmq::test
