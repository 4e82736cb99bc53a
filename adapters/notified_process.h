#pragma once
// A process that wants a signal. It is held by a pidfd from the moment its number was read, so that
// a number which the kernel gives to somebody else is never signalled. Thread-safe.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/descriptor.h"

namespace spoolmq::adapters {

// "USR1" "SIGUSR1" "10" "SIGRTMIN+2" "RTMAX-1"; nullopt: no signal that may be sent, 0 among them.
std::optional<int> parse_signal(std::string_view text);

class NotifiedProcess {
 public:
  // Where there is no such process it is over from the start.
  NotifiedProcess(pid_t pid, int signal);

  enum class Sent : std::uint8_t {
    kYes,
    kLater,  // its queue of signals is full (RLIMIT_SIGPENDING)
    kOver,   // it has ended
    kDenied,
  };
  // `value` becomes si_value.sival_int of a siginfo_t as sigqueue(3) makes it.
  [[nodiscard]] Sent send(int value) const;

  [[nodiscard]] bool has_ended() const;
  [[nodiscard]] std::string text() const;  // "4711:USR1"

 private:
  pid_t pid_;
  int signal_;
  Descriptor pidfd_;  // none: there was no such process
};

}  // namespace spoolmq::adapters
