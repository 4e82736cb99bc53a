// A command run by `consume` keeps its message's lease when the consumer is killed.
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <thread>

#include "spoolmq/queue.h"
#include "tests/crash/kill_process.h"

namespace spoolmq::test {
namespace {

constexpr std::chrono::milliseconds kLook{5};

class KillCommand : public ::testing::Test {
 protected:
  void consume_one(Milliseconds lease) {
    Root root = Root::open(root_.path());
    Settings settings;
    settings.lease = lease;
    root.create_queue("q", settings);
    queue_.emplace(root.open_queue("q"));
    Message message;
    message.body = "work";
    queue_->send(std::move(message));
    // Says its process id, then lasts until somebody makes the file "end".
    const std::string script = "echo $$ > " + root_.path() + "/pid.new; mv " + root_.path() +
                               "/pid.new " + root_.path() + "/pid; while [ ! -e " + root_.path() +
                               "/end ]; do sleep 0.02; done";
    consumer_.emplace(std::vector<std::string>{SPOOLMQ_PROGRAM, "--root", root_.path(), "consume",
                                               "q", "--", "/bin/sh", "-c", script});
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (child_ == 0 && std::chrono::steady_clock::now() < deadline) {
      std::ifstream(root_.path() + "/pid") >> child_;
      if (child_ == 0) std::this_thread::sleep_for(kLook);
    }
    ASSERT_GT(child_, 0) << "the command did not start";
  }

  std::optional<Delivery> receive(Milliseconds wait) {
    ReceiveOptions options;
    options.wait = wait;
    return queue_->receive(options);
  }

  void end_child() const { std::ofstream(root_.path() + "/end") << "now"; }
  ~KillCommand() override {
    // Nobody's child any more: it must not outlive the test.
    if (child_ > 0) ::kill(child_, SIGKILL);
  }

  TemporaryRoot root_;
  std::optional<Queue> queue_;
  std::optional<Process> consumer_;
  pid_t child_ = 0;
};

TEST_F(KillCommand, ItsMessageComesBackWhenTheCommandEnds) {
  ASSERT_NO_FATAL_FAILURE(consume_one(Milliseconds{600'000}));
  consumer_->kill();
  // Several looks at the slots: the command lives, so the lease does.
  EXPECT_FALSE(receive(Milliseconds{1500}));
  ASSERT_EQ(::kill(child_, 0), 0);
  end_child();
  const auto again = receive(Milliseconds{10'000});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->counters().deliveries, 2);
}

TEST_F(KillCommand, ItsMessageComesBackAtTheDeadlineThoughTheCommandRunsOn) {
  const std::int64_t began = monotonic_ns();
  ASSERT_NO_FATAL_FAILURE(consume_one(Milliseconds{2000}));
  consumer_->kill();
  const auto again = receive(Milliseconds{10'000});
  ASSERT_TRUE(again);
  EXPECT_GE(monotonic_ns() - began, 1'990'000'000);
  EXPECT_EQ(::kill(child_, 0), 0);
}

}  // namespace
}  // namespace spoolmq::test
