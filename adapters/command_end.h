#pragma once
// What the end of a command says about the message it was run for. Pure.
//   0 ack · 65, 100 reject · 69 release and pause with probing · 64, 77, 78, 126, 127 release and
//   stop · anything else, a signal, or running too long: nack

#include <cstdint>
#include <string>

#include "adapters/verdict.h"

namespace spoolmq::adapters {

enum class Ending : std::uint8_t {
  kExited,       // number: its exit code
  kSignalled,    // number: the signal that ended it
  kTimedOut,     // we ended it: it ran longer than allowed
  kBadBody,      // we ended it: its input could not be read
  kTooMuch,      // we ended it: it printed more than a reply may hold
  kLeaseLost,    // we ended it: the message is somebody else's now
  kInterrupted,  // we ended it: this process was told to go at once
};

struct CommandEnd {
  Ending how = Ending::kExited;
  int number = 0;
  std::string why = {};  // of kBadBody, and of a command that could not be started
  bool operator==(const CommandEnd&) const = default;
};

Verdict verdict_of(const CommandEnd& end);
std::string describe(const CommandEnd& end);  // "command exited with 3"

}  // namespace spoolmq::adapters
