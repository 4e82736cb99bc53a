#pragma once
// What a publish costs its sender.

#include <string>

namespace spoolmq::bench {

// Nanoseconds per publish of a 64-byte body, back to back; `reader` spins in another process.
enum class Reader : bool { kNone, kSpins };
double publish_ns(const std::string& directory, Reader reader, double seconds);

// For strace: writes "begin" to stdout, publishes `count` messages and reads each, writes "end".
// Asleep: as if somebody slept before every one.
enum class Sleeper : bool { kNone, kAsleep };
void publish_between_marks(const std::string& directory, int count, Sleeper sleeper);

}  // namespace spoolmq::bench
