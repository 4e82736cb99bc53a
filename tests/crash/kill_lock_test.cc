// A process that stops, or dies, while it holds byte 0.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "spoolmq/queue.h"
#include "tests/crash/kill_process.h"

namespace spoolmq::test {
namespace {

class KillLock : public ::testing::Test {
 protected:
  KillLock() {
    Settings settings;
    settings.max_failures = 1000;
    Root::open(root_.path()).create_queue("q", settings);
  }
  Process start() { return agent(root_, "q"); }
  static std::string count_of(const std::string& answer) {
    return words(answer).at(0) + " " + words(answer).at(1);
  }
  TemporaryRoot root_;
};

TEST_F(KillLock, AppendsGoOnWhileItsHolderIsStoppedAndOthersAreToldWhoItIs) {
  Process sender = start();
  Process receiver = start();
  ASSERT_EQ(receiver.ask("open-wait 300"), "done 0");
  // The second send within a second opens the segment that later ones append to.
  ASSERT_EQ(count_of(sender.ask("batch 3 before")), "sent 3");
  Process stopped(driver({"stop-inside-lock", root_.queue_path("q") + "/lock"}));
  ASSERT_EQ(stopped.hear(), "locked");
  for (int i = 0; i < 50; ++i) ASSERT_EQ(count_of(sender.ask("batch 2 during")), "sent 2");

  const std::string refused = receiver.ask("receive 200 0 60000");
  EXPECT_EQ(refused.rfind("error 75 ", 0), 0U) << refused;
  EXPECT_NE(refused.find("held by process " + std::to_string(stopped.pid())), std::string::npos)
      << refused;
  stopped.kill();
  EXPECT_EQ(count_of(receiver.ask("receive 200 0 60000")), "got 103");
}

TEST_F(KillLock, RowsOwedByASenderThatDiesAreIndexedByOthers) {
  Process sender = start();
  Process receiver = start();
  ASSERT_EQ(count_of(sender.ask("batch 3 before")), "sent 3");
  Process stopped(driver({"stop-inside-lock", root_.queue_path("q") + "/lock"}));
  ASSERT_EQ(stopped.hear(), "locked");
  for (int i = 0; i < 10; ++i) ASSERT_EQ(count_of(sender.ask("send during")), "sent 1");
  sender.kill();
  stopped.kill();
  EXPECT_EQ(count_of(receiver.ask("receive 200 2000 60000")), "got 13");
}

// The reaper is killed by the kernel at the first byte that its commit writes: nothing of what it
// did may count, and the next one does it all.
TEST_F(KillLock, AReaperThatDiesInItsCommitLeavesTheWorkToTheNext) {
  Process sender = start();
  Process holder = start();
  ASSERT_EQ(count_of(sender.ask("batch 40 body")), "sent 40");
  ASSERT_EQ(count_of(holder.ask("receive 40 0 600000")), "got 40");
  ASSERT_EQ(count_of(holder.ask("batch 5 body")), "sent 5");
  Process reaper = start();
  ASSERT_EQ(count_of(reaper.ask("receive 5 1000 600000")), "got 5");
  ASSERT_EQ(reaper.ask("ack"), "done 5");
  Process next = start();
  holder.kill();
  // Beyond this many bytes a write is SIGXFSZ: the lock and handle files are shorter, the log's
  // tail lies behind.
  ASSERT_EQ(reaper.ask("file-limit 8192"), "done 0");
  reaper.say("receive 100 0 600000");
  const int status = reaper.wait();
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ) << status;
  EXPECT_EQ(count_of(next.ask("receive 100 2000 600000")), "got 40");
}

}  // namespace
}  // namespace spoolmq::test
