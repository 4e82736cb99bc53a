#include "core/id_source.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <span>

#include "core/check.h"
#include "spoolmq/error.h"

// How an id is put together, from the most significant bit (RFC 9562 section 5.7):
//   48 time_ms | 4 version 7 | 2 zero, 10 of low | 2 variant 0b10 | 54 of low | 8 shard
// Within one millisecond `low` only grows, by random steps, so ids of several handles that made
// the same start do not meet again.

namespace spoolmq {
namespace {

constexpr std::int64_t kMaxMs = (std::int64_t{1} << 48) - 1;
constexpr unsigned kLowTailBits = 54;  // those of `low` that follow the variant
constexpr std::uint64_t kLowTailMask = (std::uint64_t{1} << kLowTailBits) - 1;
constexpr std::uint64_t kTopLowBit = std::uint64_t{1} << 63;
constexpr std::uint64_t kStepMask = 0xffff;
constexpr std::uint64_t kJumpMask = (std::uint64_t{1} << 40) - 1;

void put_big_endian(std::uint64_t value, std::span<std::uint8_t> into) {
  for (std::size_t i = into.size(); i-- > 0; value >>= 8) into[i] = value & 0xff;
}

std::uint64_t big_endian(std::span<const std::uint8_t> from) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : from) value = value << 8 | byte;
  return value;
}

MessageId assemble(std::int64_t ms, std::uint64_t low, std::uint8_t shard) {
  std::array<std::uint8_t, MessageId::kBytes> bytes{};
  const std::span<std::uint8_t> all(bytes);
  const std::uint64_t high = static_cast<std::uint64_t>(ms) << 16 | 0x7000 | low >> kLowTailBits;
  put_big_endian(high, all.first(8));
  put_big_endian(kTopLowBit | (low & kLowTailMask) << 8 | shard, all.last(8));
  return MessageId(bytes);
}

std::uint64_t low_of(const MessageId& id) {
  const std::span<const std::uint8_t> all(id.bytes());
  return (big_endian(all.first(8)) & 0x3ff) << kLowTailBits |
         (big_endian(all.last(8)) >> 8 & kLowTailMask);
}

// The top bit is clear, so that there is room to count.
std::uint64_t fresh_low() { return random_bits() & ~kTopLowBit; }

// Steps need not be secret: SplitMix64, one sequence per process.
std::uint64_t random_step() {
  static std::atomic<std::uint64_t> state{random_bits()};
  constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15u;
  std::uint64_t z = state.fetch_add(kGamma, std::memory_order_relaxed) + kGamma;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return ((z ^ z >> 31) & kStepMask) + 1;
}

}  // namespace

std::uint64_t random_bits() {
  std::uint64_t bits = 0;
  fill_with_random_bits({&bits, 1});
  return bits;
}

void fill_with_random_bits(std::span<std::uint64_t> into) {
  std::span<std::byte> left = std::as_writable_bytes(into);
  while (!left.empty()) {
    const ssize_t got = getrandom(left.data(), left.size(), 0);
    if (got > 0) {
      left = left.subspan(static_cast<std::size_t>(got));
    } else if (errno != EINTR) {
      throw Error::from_errno(errno, "read random bits", "getrandom");
    }
  }
}

IdSource::IdSource(const Clock& clock, std::uint8_t shard, const MessageId& newest)
    : clock_(clock), shard_(shard) {
  never_below(newest);
  // From here on none is below the time of now, wherever the clock is set: who looks for the files
  // of a handle that died looks for none that is older than the handle.
  static_cast<void>(next());
}

MessageId IdSource::next() {
  const std::int64_t now = std::min(clock_.wall_ms(), kMaxMs);
  const std::lock_guard lock(mutex_);
  if (now > last_ms_) {
    last_ms_ = now;
    low_ = fresh_low();
  } else if (__builtin_add_overflow(low_, random_step(), &low_)) {
    ++last_ms_;
    low_ = fresh_low();
  }
  SPOOLMQ_CHECK(last_ms_ <= kMaxMs);
  return assemble(last_ms_, low_, shard_);
}

void IdSource::never_below(const MessageId& seen) {
  const std::int64_t seen_ms = seen.time_ms();
  // Nothing sensible is above an id of the last millisecond there is (year 10889): it is foreign.
  if (seen.is_nil() || seen_ms == kMaxMs) return;
  const std::lock_guard lock(mutex_);
  if (seen < assemble(last_ms_, low_, shard_)) return;
  std::uint64_t low = low_of(seen);
  // The random jump keeps handles that saw the same id apart.
  if (assemble(seen_ms, low, seen.shard()) == seen &&
      !__builtin_add_overflow(low, random_bits() & kJumpMask, &low)) {
    last_ms_ = seen_ms;
    low_ = low;
  } else {  // no room above it, or not made here: other version bits may sort above ours
    last_ms_ = seen_ms + 1;
    low_ = fresh_low();
  }
}

}  // namespace spoolmq
