#include "store/doorbell.h"

#include <atomic>
#include <climits>
#include <utility>

#include "store/futex.h"

namespace spoolmq {
namespace {

constexpr char kKind[] = "bell-3";
constexpr std::size_t kBellBytes = 4096;
constexpr std::size_t kWordAt = 1024;
constexpr std::size_t kAnnouncedAt = 1088;  // in a cache line of its own
constexpr std::uint32_t kSleeper = 1;
constexpr std::uint32_t kOneRing = 2;

}  // namespace

Doorbell::Doorbell(SharedMemory memory, bool shared) {
  if (!shared) return;
  mapping_ = memory
                 .open_or_make(
                     kKind, kBellBytes, [](const SharedMapping&) {},
                     [](std::span<const std::byte> bytes) { return bytes.size() == kBellBytes; })
                 .mapping;
  if (!mapping_.is_mapped()) return;
  word_ = &mapping_.word<std::uint32_t>(kWordAt);
  announced_ns_ = &mapping_.word<std::int64_t>(kAnnouncedAt);
}

void Doorbell::ring() {
  const std::atomic_ref<std::uint32_t> word(*word_);
  std::uint32_t old = word.load();
  while (!word.compare_exchange_weak(old, (old + kOneRing) & ~kSleeper)) {
  }
  if ((old & kSleeper) != 0) wake_futex(*word_, INT_MAX);
}

void Doorbell::announce() {
  const std::atomic_ref<std::uint32_t> word(*word_);
  if ((word.load() & kSleeper) == 0) return;
  std::atomic_ref(*announced_ns_).store(monotonic_ns(), std::memory_order_relaxed);
  wake_futex(*word_, 1);
}

std::uint32_t Doorbell::prepare() {
  return std::atomic_ref<std::uint32_t>(*word_).load() & ~kSleeper;
}

void Doorbell::wait(std::uint32_t prepared, std::chrono::milliseconds longest) {
  if (longest.count() <= 0) return;
  const std::atomic_ref<std::uint32_t> word(*word_);
  std::uint32_t now = word.load();
  do {
    if ((now & ~kSleeper) != prepared) return;
  } while (!word.compare_exchange_weak(now, now | kSleeper));
  // Returns early on a signal or a ring; the caller looks again either way.
  wait_futex(*word_, prepared | kSleeper, longest);
  watch(prepared);
}

// After an announcement: until the ring, or its time is over.
void Doorbell::watch(std::uint32_t prepared) {
  const std::atomic_ref<std::uint32_t> word(*word_);
  const std::atomic_ref<std::int64_t> announced(*announced_ns_);
  constexpr std::int64_t kLongestNs = std::chrono::nanoseconds(kLongestWatch).count();
  while ((word.load(std::memory_order_relaxed) & ~kSleeper) == prepared) {
    const std::int64_t since = monotonic_ns() - announced.load(std::memory_order_relaxed);
    if (since < 0 || since >= kLongestNs) return;
    pause_spinning();
  }
}

void Doorbell::remove(SharedMemory memory) { memory.remove(kKind); }

}  // namespace spoolmq
