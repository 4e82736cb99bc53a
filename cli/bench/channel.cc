#include "cli/bench/channel.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <new>
#include <thread>
#include <utility>

#include "cli/bench/bench_place.h"
#include "core/futex.h"

namespace spoolmq::bench {
namespace {

constexpr int kMostMessages = 200'000;
constexpr std::int64_t kLongestTravelNs = 5'000'000'000;
constexpr std::chrono::microseconds kLongestSpin{50};
constexpr std::chrono::microseconds kNap{50};
constexpr int kFailed = -1;
constexpr std::int64_t kNever = -1;
constexpr std::size_t kMostMissedIn = 10;

// In memory that both share. Times are kept by whoever takes them, in pages of his own: a line
// that both wrote would be a part of what is measured.
struct Board {
  alignas(4096) std::atomic<int> arrived{0};  // messages so far, counting from 1: "ready"
  alignas(4096) std::int64_t sent_ns[kMostMessages] = {};
  std::int64_t returned_ns[kMostMessages] = {};
  alignas(4096) std::int64_t received_ns[kMostMessages] = {};
};

class SharedBoard {
 public:
  SharedBoard() {
    void* const memory =
        ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED, "mmap");
    board_ = new (memory) Board;
  }
  SharedBoard(const SharedBoard&) = delete;
  SharedBoard& operator=(const SharedBoard&) = delete;
  ~SharedBoard() { ::munmap(board_, sizeof(Board)); }
  Board* operator->() { return board_; }

 private:
  Board* board_;
};

// This process on one core, until the end of the scope.
class OnCore {
 public:
  explicit OnCore(Pace::Cores cores, int number) : on_(cores == Pace::Cores::kOneEach) {
    if (!on_) return;
    must(::sched_getaffinity(0, sizeof before_, &before_) == 0, "sched_getaffinity");
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(number), &one);
    must(::sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
  }
  OnCore(const OnCore&) = delete;
  OnCore& operator=(const OnCore&) = delete;
  ~OnCore() {
    if (on_) static_cast<void>(::sched_setaffinity(0, sizeof before_, &before_));
  }

 private:
  bool on_;
  cpu_set_t before_{};
};

[[noreturn]] void run_receiver(Channel& channel, const Pace& pace, SharedBoard& board) {
  int code = 0;
  try {
    const OnCore core(pace.cores, 1);
    channel.begin_receiving();
    board->arrived = 1;
    for (int i = 0; i < pace.warm_up + pace.messages; ++i) {
      const int number = channel.receive();
      board->received_ns[i] = number == Channel::kMissed ? kNever : monotonic_ns();
      if (number != i && number != Channel::kMissed)
        throw failed("another message than the one that was sent");
      channel.settle();
      board->arrived = i + 2;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "receiver: %s\n", error.what());
    board->arrived = kFailed;
    code = 1;
  }
  ::_exit(code);
}

void rest(std::chrono::microseconds length) {
  if (length > kLongestSpin) {
    std::this_thread::sleep_for(length);
    return;
  }
  const std::int64_t end = monotonic_ns() + std::chrono::nanoseconds(length).count();
  while (monotonic_ns() < end) pause_spinning();
}

// Naps only where messages are far apart: waking up again would spoil the next send.
void wait_until(SharedBoard& board, int wanted, std::chrono::microseconds apart) {
  const std::int64_t end = monotonic_ns() + kLongestTravelNs;
  while (board->arrived != wanted) {
    if (board->arrived == kFailed) throw failed("the receiver failed");
    if (monotonic_ns() > end) throw failed("a message did not arrive");
    if (apart > kLongestSpin) {
      std::this_thread::sleep_for(kNap);
    } else {
      pause_spinning();
    }
  }
}

void run_sender(Channel& channel, const Pace& pace, SharedBoard& board) {
  const OnCore core(pace.cores, 0);
  channel.begin_sending();
  for (int i = 0; i < pace.warm_up + pace.messages; ++i) {
    wait_until(board, i + 1, pace.apart);
    channel.prepare(i);
    rest(pace.apart / 2);
    if (pace.between) pace.between();
    rest(pace.apart / 2);
    board->sent_ns[i] = monotonic_ns();
    channel.send();
    board->returned_ns[i] = monotonic_ns();
  }
  wait_until(board, pace.warm_up + pace.messages + 1, pace.apart);
}

// Runs the receiver's side of it in a child, which starts the clock by its first message.
[[noreturn]] void run_counting_receiver(Channel& channel, int messages, SharedBoard& board) {
  int code = 0;
  try {
    channel.begin_receiving();
    board->arrived = 1;
    for (int i = 0; i < messages && channel.receive() != Channel::kMissed; ++i) {
      channel.settle();
      board->received_ns[0] = monotonic_ns();
      board->received_ns[1] = i + 1;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "receiver: %s\n", error.what());
    board->arrived = kFailed;
    code = 1;
  }
  ::_exit(code);
}

// Kills the receiver unless it ended by itself.
class Receiver {
 public:
  explicit Receiver(pid_t child) : child_(child) { must(child >= 0, "fork"); }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  ~Receiver() {
    if (child_ < 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  void join() {
    int status = 0;
    const pid_t ended = ::waitpid(std::exchange(child_, -1), &status, 0);
    if (ended < 0 || status != 0) throw failed("the receiver failed");
  }

 private:
  pid_t child_;
};

}  // namespace

double rate(Channel& channel, int messages) {
  SharedBoard board;
  const pid_t child = ::fork();
  if (child == 0) run_counting_receiver(channel, messages, board);
  Receiver receiver(child);
  channel.begin_sending();
  wait_until(board, 1, {});
  const std::int64_t begun_ns = monotonic_ns();
  for (int i = 0; i < messages; ++i) {
    channel.prepare(i);
    channel.send();
  }
  receiver.join();
  return static_cast<double>(board->received_ns[1]) * 1e9 /
         static_cast<double>(board->received_ns[0] - begun_ns);
}

Travel travel(Channel& channel, const Pace& pace) {
  if (pace.warm_up + pace.messages > kMostMessages) throw failed("too many messages");
  SharedBoard board;
  const pid_t child = ::fork();
  if (child == 0) run_receiver(channel, pace, board);
  Receiver receiver(child);
  run_sender(channel, pace, board);
  receiver.join();
  Travel result;
  for (int i = pace.warm_up; i < pace.warm_up + pace.messages; ++i) {
    if (board->received_ns[i] == kNever) continue;
    result.took_ns.push_back(static_cast<double>(board->received_ns[i] - board->sent_ns[i]));
    result.calls_ns.push_back(static_cast<double>(board->returned_ns[i] - board->sent_ns[i]));
  }
  const auto wanted = static_cast<std::size_t>(pace.messages);
  if (wanted - result.took_ns.size() > wanted / kMostMissedIn) {
    throw failed("too many messages were missed");
  }
  return result;
}

}  // namespace spoolmq::bench
