#include "cli/stop_signals.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include "spoolmq/error.h"

namespace spoolmq::cli {

StopSignals::StopSignals() {
  sigset_t stop{};
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTERM);
  ::sigaddset(&stop, SIGINT);
  descriptor_ = ::signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor_ < 0) throw Error::from_errno(errno, "make", "signal descriptor");
  const int failed = ::pthread_sigmask(SIG_BLOCK, &stop, &before_);
  if (failed == 0) return;
  ::close(descriptor_);
  throw Error::from_errno(failed, "block", "signals");
}

StopSignals::~StopSignals() {
  static_cast<void>(take());
  ::close(descriptor_);
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

int StopSignals::take() const {
  int count = 0;
  signalfd_siginfo signal{};
  while (::read(descriptor_, &signal, sizeof signal) == sizeof signal) ++count;
  return count;
}

}  // namespace spoolmq::cli
