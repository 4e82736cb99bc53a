#include "adapters/notified_process.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

std::optional<int> parse_number(std::string_view text) {
  int number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size() || text.empty()) {
    return std::nullopt;
  }
  return number;
}

bool may_be_sent(int signal) {
  // Those between are the C library's own.
  return (signal >= 1 && signal < __SIGRTMIN) || (signal >= SIGRTMIN && signal <= SIGRTMAX);
}

// "RTMIN", "RTMIN+3", "RTMAX-1".
std::optional<int> parse_real_time(std::string_view name) {
  const bool from_least = name.starts_with("RTMIN");
  if (!from_least && !name.starts_with("RTMAX")) return std::nullopt;
  const int base = from_least ? SIGRTMIN : SIGRTMAX;
  name.remove_prefix(5);
  if (name.empty()) return base;
  if (name.front() != (from_least ? '+' : '-')) return std::nullopt;
  const std::optional<int> offset = parse_number(name.substr(1));
  if (!offset || *offset < 0 || *offset > SIGRTMAX - SIGRTMIN) return std::nullopt;
  return from_least ? base + *offset : base - *offset;
}

std::string signal_text(int signal) {
  if (signal >= SIGRTMIN) return "RTMIN+" + std::to_string(signal - SIGRTMIN);
  const char* const name = ::sigabbrev_np(signal);
  return name != nullptr ? name : std::to_string(signal);
}

// Not pidfd_open(): glibc 2.36 declares it without C linkage for C++.
int open_pidfd(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)); }

}  // namespace

std::optional<int> parse_signal(std::string_view text) {
  std::optional<int> signal = parse_number(text);
  if (!signal) {
    if (text.starts_with("SIG")) text.remove_prefix(3);
    signal = parse_real_time(text);
    for (int one = 1; !signal && one < __SIGRTMIN; ++one) {
      const char* const name = ::sigabbrev_np(one);
      if (name != nullptr && text == name) signal = one;
    }
  }
  if (!signal || !may_be_sent(*signal)) return std::nullopt;
  return signal;
}

NotifiedProcess::NotifiedProcess(pid_t pid, int signal)
    : pid_(pid), signal_(signal), pidfd_(open_pidfd(pid)) {
  if (pidfd_.is_open() || errno == ESRCH || errno == EINVAL) return;
  throw Error::from_errno(errno, "watch process", std::to_string(pid));
}

NotifiedProcess::Sent NotifiedProcess::send(int value) const {
  if (!pidfd_.is_open()) return Sent::kOver;
  siginfo_t details{};
  details.si_signo = signal_;
  details.si_code = SI_QUEUE;
  details.si_pid = ::getpid();
  details.si_uid = ::getuid();
  details.si_value.sival_int = value;
  // pidfd_send_signal(2)
  if (::syscall(SYS_pidfd_send_signal, pidfd_.number(), signal_, &details, 0U) == 0) {
    return Sent::kYes;
  }
  switch (errno) {
    case EAGAIN:
      return Sent::kLater;
    case ESRCH:
      return Sent::kOver;
    case EPERM:
      return Sent::kDenied;
    default:
      throw Error::from_errno(errno, "signal process", text());
  }
}

bool NotifiedProcess::has_ended() const {
  if (!pidfd_.is_open()) return true;
  pollfd wait{pidfd_.number(), POLLIN, 0};
  return ::poll(&wait, 1, 0) == 1;  // pidfd_open(2): readable when it ends
}

std::string NotifiedProcess::text() const {
  return std::to_string(pid_) + ":" + signal_text(signal_);
}

}  // namespace spoolmq::adapters
