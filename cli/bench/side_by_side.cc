#include "cli/bench/side_by_side.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "cli/bench/bench_place.h"

namespace spoolmq::bench {
namespace {

constexpr int kMostProcesses = 64;

// In memory that parent and children share.
struct Board {
  std::atomic<int> ready{0};
  std::atomic<int> failed{0};
  std::atomic<bool> go{false};
  std::atomic<bool> stop{false};
  std::atomic<double> told[kMostProcesses] = {};
  double done[kMostProcesses] = {};
  double took_seconds[kMostProcesses] = {};
};

void nap() { std::this_thread::sleep_for(std::chrono::microseconds(200)); }

[[noreturn]] void run_child(Board& board, int number, const Work& work) {
  int code = 0;
  try {
    double began = now_seconds();
    const Stretch stretch{[&] {
                            ++board.ready;
                            while (!board.go) nap();
                            began = now_seconds();
                          },
                          [&] {
                            const bool over = board.stop;
                            if (over && board.took_seconds[number] == 0) {
                              board.took_seconds[number] = now_seconds() - began;
                            }
                            return over;
                          },
                          [&](double done) { board.told[number] = done; },
                          [&](int other) { return board.told[other].load(); }};
    board.done[number] = work(number, stretch);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "process %d: %s\n", number, error.what());
    ++board.failed;
    code = 1;
  }
  ::_exit(code);
}

}  // namespace

double per_second_of(int processes, double seconds, const Work& work) {
  if (processes > kMostProcesses) throw failed("too many processes");
  void* const memory =
      ::mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw failed("no shared memory");
  Board& board = *new (memory) Board;
  std::vector<pid_t> children;
  for (int number = 0; number < processes; ++number) {
    const pid_t child = ::fork();
    if (child == 0) run_child(board, number, work);
    if (child > 0) children.push_back(child);
  }
  while (board.ready + board.failed < static_cast<int>(children.size())) nap();
  board.go = true;
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  board.stop = true;
  bool good = static_cast<int>(children.size()) == processes;
  for (const pid_t child : children) {
    int status = 0;
    good = ::waitpid(child, &status, 0) == child && status == 0 && good;
  }
  double sum = 0;
  for (int number = 0; number < processes; ++number) {
    if (board.took_seconds[number] > 0) sum += board.done[number] / board.took_seconds[number];
  }
  ::munmap(memory, sizeof(Board));
  if (!good) throw failed("a process failed");
  return sum;
}

void in_killed_child(const std::function<void()>& work) {
  const pid_t child = ::fork();
  must(child >= 0, "fork");
  if (child == 0) {
    int code = 0;
    try {
      work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      code = 1;
    }
    if (code == 0) ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  must(::waitpid(child, &status, 0) == child, "waitpid");
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) throw failed("a process failed");
}

}  // namespace spoolmq::bench
