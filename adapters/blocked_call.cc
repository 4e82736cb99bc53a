#include "adapters/blocked_call.h"

#include <pthread.h>
#include <signal.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "core/check.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr int kSignalAboveFirst = 7;
constexpr std::chrono::milliseconds kSignalAgain{5};

int ending_signal() { return SIGRTMIN + kSignalAboveFirst; }

void do_nothing(int /*signal*/) {}

// Once per process; its default would be the process's end.
void install_handler() {
  static const bool installed = [] {
    struct sigaction action {};
    action.sa_handler = do_nothing;
    sigemptyset(&action.sa_mask);
    return ::sigaction(ending_signal(), &action, nullptr) == 0;
  }();
  if (!installed) throw Error::from_errno(errno, "install", "a signal handler");
}

}  // namespace

BlockedCall::BlockedCall() { install_handler(); }

BlockedCall::~BlockedCall() {
  static_cast<void>(end());
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void BlockedCall::run() {
  // Of all signals this thread gets its own only.
  sigset_t signals;
  sigfillset(&signals);
  sigdelset(&signals, ending_signal());
  ::pthread_sigmask(SIG_SETMASK, &signals, nullptr);
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return quit_ || (call_ && !result_); });
    if (quit_) return;
    const std::function<int()>& call = call_;  // not changed before result_ is set
    int result = EINTR;
    while (result == EINTR && !ending_) {
      lock.unlock();
      result = call();
      lock.lock();
    }
    result_ = result;
    bell_.ring();
    changed_.notify_all();
  }
}

void BlockedCall::start(std::function<int()> call) {
  {
    const std::lock_guard lock(mutex_);
    SPOOLMQ_CHECK(!call_ && !result_);
    call_ = std::move(call);
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  changed_.notify_all();
}

bool BlockedCall::is_idle() const {
  const std::lock_guard lock(mutex_);
  return !call_;
}

std::optional<int> BlockedCall::take_result() {
  const std::lock_guard lock(mutex_);
  if (!result_) return std::nullopt;
  bell_.silence();
  call_ = nullptr;
  return std::exchange(result_, std::nullopt);
}

std::optional<int> BlockedCall::end() {
  {
    std::unique_lock lock(mutex_);
    if (!call_) return std::nullopt;
    ending_ = true;
    while (!result_) {
      ::pthread_kill(thread_.native_handle(), ending_signal());
      changed_.wait_for(lock, kSignalAgain);
    }
    ending_ = false;
  }
  return take_result();
}

}  // namespace spoolmq::adapters
