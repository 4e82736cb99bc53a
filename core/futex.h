#pragma once
// futex(2) between processes: std::atomic::wait of libstdc++ wakes threads of one process only.

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>

namespace spoolmq {

// Returns how many were woken.
inline int wake_futex(std::uint32_t& word, int most) {
  return static_cast<int>(::syscall(SYS_futex, &word, FUTEX_WAKE, most, nullptr, nullptr, 0));
}

// Returns when it is woken, at once where the word is not `expected`, on a signal, or after
// `longest`: then false. The caller looks again either way.
inline bool wait_futex(std::uint32_t& word, std::uint32_t expected,
                       std::chrono::nanoseconds longest) {
  struct timespec limit {};
  limit.tv_sec = static_cast<time_t>(longest.count() / 1'000'000'000);
  limit.tv_nsec = static_cast<long>(longest.count() % 1'000'000'000);
  const long result = ::syscall(SYS_futex, &word, FUTEX_WAIT, expected, &limit, nullptr, 0);
  return result == 0 || errno != ETIMEDOUT;
}

// CLOCK_MONOTONIC, which all processes of a machine share.
inline std::int64_t monotonic_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Tells the processor that this is a loop that waits.
inline void pause_spinning() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Asks for a cache line; several that are asked for come at once. Not the builtin: g++ 12 takes a
// function of nothing else for one without effects, and leaves out its calls.
inline void prefetch_to_read(const void* at) {
#if defined(__x86_64__)
  asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(at)));
#else
  static_cast<void>(at);
#endif
}

// The same of one that will be written soon.
inline void prefetch_to_write(const void* at) {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(at)));
#else
  static_cast<void>(at);
#endif
}

}  // namespace spoolmq
