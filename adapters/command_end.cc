#include "adapters/command_end.h"

#include <cstring>

namespace spoolmq::adapters {
Verdict verdict_of(const CommandEnd& end) {
  switch (end.how) {
    case Ending::kExited:
      return verdict_of_exit(end.number);
    case Ending::kSignalled:
    case Ending::kTimedOut:
      return Verdict::kNack;
    case Ending::kBadBody:
    case Ending::kTooMuch:
      return Verdict::kReject;
    case Ending::kLeaseLost:
      return Verdict::kNone;
    case Ending::kInterrupted:
      return Verdict::kRelease;
  }
  return Verdict::kNack;
}

std::string describe(const CommandEnd& end) {
  switch (end.how) {
    case Ending::kExited:
      return "command exited with " + std::to_string(end.number);
    case Ending::kSignalled: {
      const char* name = ::sigabbrev_np(end.number);
      return "command ended by signal " + std::to_string(end.number) +
             (name == nullptr ? "" : std::string(" (SIG") + name + ")");
    }
    case Ending::kTimedOut:
      return "command ran longer than allowed";
    case Ending::kBadBody:
      return "body cannot be read: " + end.why;
    case Ending::kTooMuch:
      return "command printed more than a reply may hold";
    case Ending::kLeaseLost:
      return "the lease has ended";
    case Ending::kInterrupted:
      return "command interrupted";
  }
  return "command ended";
}

}  // namespace spoolmq::adapters
