// A test that hangs says where: with SPOOLMQ_TELL_AFTER=SECONDS in the environment, each thread of
// a test program that still runs by then writes its stack to stderr, and the program aborts.
// ctest's time limit, which must be longer, ends a program without a word. `addr2line -Cfpe PROGRAM
// OFFSET` reads the lines. A program that writes nothing is stopped or inside the kernel.

#include <dirent.h>
#include <execinfo.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>

namespace spoolmq::test {
namespace {

void say(std::string_view text) {
  static_cast<void>(::write(STDERR_FILENO, text.data(), text.size()));
}

void tell_own_stack(int) {
  std::array<void*, 64> frames{};
  say("a thread that has not ended stands in:\n");
  ::backtrace_symbols_fd(frames.data(), ::backtrace(frames.data(), frames.size()), STDERR_FILENO);
}

// Nothing that runs after it, so the calls that a signal handler must not make can do no more harm.
void tell_all(int number) {
  ::signal(number, tell_own_stack);
  tell_own_stack(number);
  if (DIR* const threads = ::opendir("/proc/self/task")) {
    while (const dirent* const entry = ::readdir(threads)) {
      const int thread = std::atoi(&entry->d_name[0]);
      if (thread > 0 && thread != ::gettid()) ::syscall(SYS_tgkill, ::getpid(), thread, number);
    }
  }
  ::sleep(1);
  std::abort();
}

[[maybe_unused]] const bool kArmed = [] {
  const char* const seconds = std::getenv("SPOOLMQ_TELL_AFTER");
  if (seconds == nullptr) return false;
  std::array<void*, 1> frame{};
  ::backtrace(frame.data(), frame.size());  // its library is loaded now, not in the handler
  const int number = SIGRTMAX;
  ::signal(number, tell_all);
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = number;
  timer_t timer{};
  itimerspec after{};
  after.it_value.tv_sec = std::atoi(seconds);
  return ::timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 &&
         ::timer_settime(timer, 0, &after, nullptr) == 0;
}();

}  // namespace
}  // namespace spoolmq::test
