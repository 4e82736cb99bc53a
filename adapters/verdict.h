#pragma once
// What the other side says about one message that was handed to it. One vocabulary for all bridges:
// exit codes of commands (DESIGN of the command line) and the words of answer_line.h. Pure.

#include <cstdint>
#include <string_view>

namespace spoolmq::adapters {

enum class Verdict : std::uint8_t {
  kAck,      // done
  kNack,     // failed: tried again later, counted
  kReject,   // the message is bad: dead
  kRelease,  // not handled, nobody's fault: ready again, nothing counted
  kPause,    // what it needs is down: released, tried again after a pause, nothing counted
  kStop,     // whoever handles messages is broken: released, nothing more is taken
  kNone,     // it is not ours to answer for: the lease is somebody else's now
};

// It is about whoever handles messages, not about the message.
constexpr bool is_out_of_order(Verdict verdict) {
  return verdict == Verdict::kPause || verdict == Verdict::kStop;
}

inline constexpr int kCannotRun = 126;  // as shells say it
inline constexpr int kNoCommand = 127;

// 0 ack · 65, 100 reject · 69 pause · 64, 77, 78, 126, 127 stop · anything else nack
Verdict verdict_of_exit(int exit_code);

}  // namespace spoolmq::adapters
