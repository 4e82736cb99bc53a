// Real processes. Every wait is on the child itself, or on the end of a pipe it holds.

#include "adapters/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "adapters/message_environment.h"
#include "adapters/terminal.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

struct Pipe {
  std::array<int, 2> ends{-1, -1};
  Pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  void close_end(std::size_t end) {
    if (ends[end] >= 0) ::close(std::exchange(ends[end], -1));
  }
  [[nodiscard]] std::string read_all() const {
    std::string all;
    char piece[256];
    ssize_t count = 0;
    while ((count = ::read(ends[0], piece, sizeof piece)) > 0) {
      all.append(piece, static_cast<std::size_t>(count));
    }
    return all;
  }
};

Child::Start shell(const std::string& script, const Pipe& input) {
  Child::Start start;
  start.command = {"sh", "-c", script};
  start.environment = own_environment();
  start.standard_input = input.ends[0];
  ::sigemptyset(&start.signal_mask);
  return start;
}

TEST(Child, TellsItsExitCodeThroughADescriptor) {
  const Pipe input;
  Child child(shell("exit 7", input));
  pollfd ended{child.descriptor(), POLLIN, 0};
  ASSERT_EQ(::poll(&ended, 1, 30'000), 1);
  EXPECT_EQ(child.reap(Rest::kLeave), (CommandEnd{Ending::kExited, 7}));
}

TEST(Child, TellsTheSignalThatEndedIt) {
  const Pipe input;
  Child child(shell("kill -KILL $$", input));
  EXPECT_EQ(child.reap(Rest::kLeave), (CommandEnd{Ending::kSignalled, SIGKILL}));
}

TEST(Child, ReadsItsStandardInput) {
  Pipe input;
  Child child(shell("read word; test \"$word\" = hello", input));
  ASSERT_EQ(::write(input.ends[1], "hello\n", 6), 6);
  EXPECT_EQ(child.reap(Rest::kLeave), (CommandEnd{Ending::kExited, 0}));
}

TEST(Child, GetsTheEnvironmentItIsGiven) {
  const Pipe input;
  Child::Start start = shell("test \"$SPOOLMQ_ID\" = x", input);
  start.environment.emplace_back("SPOOLMQ_ID=x");
  EXPECT_EQ(Child(start).reap(Rest::kLeave), (CommandEnd{Ending::kExited, 0}));
}

TEST(Child, InheritsOneDescriptorUnderItsNumberAndNoOther) {
  const Pipe input;
  Pipe lease;
  Pipe other;
  const auto path = [](int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); };
  Child::Start start =
      shell("test -e " + path(lease.ends[1]) + " && ! test -e " + path(other.ends[1]), input);
  start.inherited = lease.ends[1];
  EXPECT_EQ(Child(start).reap(Rest::kLeave), (CommandEnd{Ending::kExited, 0}));
  EXPECT_NE(::fcntl(lease.ends[1], F_GETFD) & FD_CLOEXEC, 0);  // ours stays as it was
}

TEST(Child, DoesNotInheritAnIgnoredPipeSignal) {
  const Pipe input;
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  Child child(shell("kill -PIPE $$; exit 0", input));
  EXPECT_EQ(child.reap(Rest::kLeave), (CommandEnd{Ending::kSignalled, SIGPIPE}));
  ::signal(SIGPIPE, before);
}

TEST(Child, InheritsNoDescriptorOfOursWhereNoneIsNamed) {
  const Pipe input;
  const Pipe other;
  ASSERT_EQ(::fcntl(other.ends[1], F_SETFD, 0), 0);  // as a library may leave it
  Child child(shell("! test -e /proc/self/fd/" + std::to_string(other.ends[1]), input));
  EXPECT_EQ(child.reap(Rest::kLeave), (CommandEnd{Ending::kExited, 0}));
}

TEST(Child, IsEndedByATimetable) {
  const Pipe input;
  Child::Start start = shell("exec sleep 1000", input);
  ::sigaddset(&start.signal_mask, SIGTERM);  // from its first moment
  Child child(start);
  EXPECT_EQ(child.attend(5), INT64_MAX);
  child.end(10, Milliseconds{100});
  child.end(20);  // the first order counts
  EXPECT_FALSE(child.was_told_to_end());
  EXPECT_EQ(child.attend(109), 110);
  EXPECT_EQ(child.attend(110), 110 + Child::kTermToKill.count());
  EXPECT_TRUE(child.was_told_to_end());
  EXPECT_EQ(child.attend(110 + Child::kTermToKill.count()), INT64_MAX);
  EXPECT_EQ(child.reap(Rest::kKill), (CommandEnd{Ending::kSignalled, SIGKILL}));
}

TEST(Child, LeadsASessionWithATerminalOfItsOwn) {
  const Terminal terminal({.columns = 77, .rows = 11, .echo = false});
  Child::Start start;
  start.command = {"sh", "-c",
                   "test \"$(stty size </dev/tty)\" = '11 77' && test -t 1 && test -t 2"};
  start.environment = own_environment();
  start.terminal = terminal.slave_path();
  EXPECT_EQ(Child(start).reap(Rest::kLeave), (CommandEnd{Ending::kExited, 0}));
}

TEST(Child, TakesItsWholeGroupWithIt) {
  const Pipe input;
  Pipe held;  // by the grandchild, until it is gone
  Child::Start start = shell(
      "sleep 1000 & echo started >&" + std::to_string(held.ends[1]) + "; trap '' TERM; wait; wait",
      input);
  start.inherited = held.ends[1];
  Child child(start);
  held.close_end(1);
  char started[8];
  ASSERT_EQ(::read(held.ends[0], started, sizeof started), 8);
  child.signal_group(SIGKILL);
  EXPECT_EQ(child.reap(Rest::kKill), (CommandEnd{Ending::kSignalled, SIGKILL}));
  EXPECT_EQ(held.read_all(), "");  // ends only when nobody holds it
}

TEST(Child, KillsWhatItsLeaderLeftBehindOnlyIfTold) {
  for (const Rest rest : {Rest::kLeave, Rest::kKill}) {
    Pipe input;
    Pipe held;
    const std::string out = std::to_string(held.ends[1]);
    // The grandchild says "left" when its input ends; a killed one says nothing.
    Child::Start start =
        shell("exec 3<&0; (read word <&3; echo left >&" + out + ") & exit 0", input);
    start.inherited = held.ends[1];
    Child child(start);
    input.close_end(0);
    held.close_end(1);
    EXPECT_EQ(child.reap(rest), (CommandEnd{Ending::kExited, 0}));
    input.close_end(1);
    EXPECT_EQ(held.read_all(), rest == Rest::kLeave ? "left\n" : "");
  }
}

TEST(Child, IsKilledWhenNobodyReapsIt) {
  const Pipe input;
  Pipe held;
  {
    Child::Start start = shell("sleep 1000", input);
    start.inherited = held.ends[1];
    const Child child(start);
    held.close_end(1);
  }
  EXPECT_EQ(held.read_all(), "");
}

TEST(Child, SaysWhyACommandCannotBeRun) {
  const Pipe input;
  Child::Start start = shell("", input);
  for (const auto& [command, expected] :
       {std::pair{"no-such-command-here", ENOENT}, std::pair{"/no/such/command", ENOENT},
        std::pair{"/dev/null", EACCES}}) {
    start.command = {command};
    try {
      const Child child(start);
      FAIL() << command << " was run";
    } catch (const Error& error) {
      EXPECT_EQ(error.error_number(), expected) << command;
    }
  }
}

}  // namespace
}  // namespace spoolmq::adapters
