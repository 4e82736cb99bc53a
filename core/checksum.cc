#include "core/checksum.h"

#include <xxhash.h>

#include <new>

namespace spoolmq {

std::uint64_t checksum(std::span<const std::byte> bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

ChecksumStream::ChecksumStream() : state_(XXH3_createState()) {
  if (state_ == nullptr || XXH3_64bits_reset(state_.get()) != XXH_OK) throw std::bad_alloc();
}

void ChecksumStream::add(std::span<const std::byte> bytes) {
  // Fails for a null state or pointer only; an empty span may have the latter.
  if (!bytes.empty()) XXH3_64bits_update(state_.get(), bytes.data(), bytes.size());
}

std::uint64_t ChecksumStream::value() const { return XXH3_64bits_digest(state_.get()); }

void ChecksumStream::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

}  // namespace spoolmq
