// A receiver that waits is woken while its sender's disk still works, and gets everything ready but
// the commit: nothing is delivered before it is durable, and nothing whose sync fails. The sender
// runs under strace, which delays its fifth fdatasync (an own file; the log and its directory; the
// beginning of a segment; the first group that is appended to it), and may
// have it fail.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "spoolmq/queue.h"
#include "tests/crash/kill_process.h"

namespace spoolmq::test {
namespace {

constexpr const char* kStrace = "/usr/bin/strace";
constexpr std::int64_t kDelayNs = 300'000'000;

bool is_in_futex(pid_t pid) {
  std::string place;
  std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/wchan"), place);
  return place.starts_with("futex") || place == "0";
}

class Unsynced : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access(kStrace, X_OK) != 0) GTEST_SKIP() << "no strace";
    Root::open(root_.path()).create_queue("q");
    receiver_.emplace(agent(root_, "q"));
  }

  Process sender(const std::string& inject) {
    std::vector<std::string> command{kStrace,
                                     "-f",
                                     "--seccomp-bpf",  // nothing else is slowed down
                                     "-qq",
                                     "-o",
                                     trace(),
                                     "-e",
                                     "trace=fdatasync,futex",
                                     "-e",
                                     "inject=fdatasync:" + inject + ":when=5"};
    for (const std::string& word : driver({"agent", root_.path(), "q"})) command.push_back(word);
    Process started(command);
    EXPECT_EQ(started.hear(), "open");
    return started;
  }
  [[nodiscard]] std::string trace() const { return root_.path() + "/trace"; }

  // Asleep: it says that it waits, and the kernel that it does so for a futex. Where the kernel
  // tells nobody what its tasks wait for ("0"), its word must do.
  void let_it_wait(int wait_ms) {
    receiver_->say("receive 1 " + std::to_string(wait_ms) + " 60000");
    Queue queue = Root::open(root_.path()).open_queue("q");
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    const auto waits = [&] {
      for (const Consumer& one : queue.consumers()) {
        if (one.waiting) return is_in_futex(receiver_->pid());
      }
      return false;
    };
    while (!waits() && std::chrono::steady_clock::now() < deadline) {
    }
    ASSERT_TRUE(waits());
  }

  // The words of its answer: got N TIME_NS ID:DELIVERIES:BODY
  std::vector<std::string> answer() { return words(receiver_->hear()); }
  void take(const std::string& body) {
    const std::vector<std::string> got = answer();
    ASSERT_EQ(got.size(), 4U);
    EXPECT_EQ(got[3].substr(got[3].rfind(':') + 1), body);
    EXPECT_EQ(receiver_->ask("ack"), "done 1");
  }
  // An own file, and the beginning of a segment.
  void send_two(Process& sender) {
    for (const char* body : {"one", "two"}) {
      ASSERT_NO_FATAL_FAILURE(let_it_wait(20'000));
      EXPECT_EQ(words(sender.ask(std::string("send ") + body))[0], "sent");
      ASSERT_NO_FATAL_FAILURE(take(body));
    }
  }

  TemporaryRoot root_;
  std::optional<Process> receiver_;
};

TEST_F(Unsynced, IsNotDeliveredBeforeItsSyncHasEnded) {
  Process sending = sender("delay_enter=300000");
  ASSERT_NO_FATAL_FAILURE(send_two(sending));
  ASSERT_NO_FATAL_FAILURE(let_it_wait(20'000));
  const std::int64_t before_ns = monotonic_ns();
  EXPECT_EQ(words(sending.ask("send three"))[0], "sent");
  const std::vector<std::string> got = answer();
  ASSERT_EQ(got.size(), 4U);
  EXPECT_GE(std::stoll(got[2]) - before_ns, kDelayNs);
  // And it was woken before: the wake of one stands before the sync that was delayed.
  std::stringstream all;
  all << std::ifstream(trace()).rdbuf();
  const std::string text = all.str();
  EXPECT_LT(text.find("FUTEX_WAKE, 1)"), text.find("DELAYED"));
  EXPECT_EQ(sending.ask("close"), "done 0");
}

TEST_F(Unsynced, IsNotDeliveredWhenItsSyncFails) {
  Process sending = sender("error=EIO:delay_enter=300000");
  ASSERT_NO_FATAL_FAILURE(send_two(sending));
  ASSERT_NO_FATAL_FAILURE(let_it_wait(1'500));
  EXPECT_EQ(sending.ask("send three").substr(0, 8), "error 74");
  const std::vector<std::string> nothing = answer();
  ASSERT_GE(nothing.size(), 2U);
  EXPECT_EQ(nothing[1], "0");
  ASSERT_NO_FATAL_FAILURE(let_it_wait(20'000));
  EXPECT_EQ(words(sending.ask("send four"))[0], "sent");
  ASSERT_NO_FATAL_FAILURE(take("four"));
  EXPECT_EQ(sending.ask("close"), "done 0");
}

}  // namespace
}  // namespace spoolmq::test
