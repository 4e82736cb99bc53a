#include "adapters/shm_layout.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "adapters/shm_segment.h"
#include "core/bytes.h"

namespace spoolmq::adapters::test {
namespace {

constexpr shm::Shape kShape{shm::Sync::kSysv, 8, 1088};

std::array<std::byte, shm::kHeaderBytes> sound_header() {
  std::array<std::byte, shm::kHeaderBytes> header{};
  store_le(std::span<std::byte>(header), shm::at::kMagic, shm::kMagic);
  store_le(std::span<std::byte>(header), shm::at::kSync, static_cast<std::uint32_t>(kShape.sync));
  store_le(std::span<std::byte>(header), shm::at::kEntries, kShape.entries);
  store_le(std::span<std::byte>(header), shm::at::kEntryBytes, kShape.entry_bytes);
  store_le(std::span<std::byte>(header), shm::at::kTotalBytes, kShape.total_bytes());
  return header;
}

std::optional<shm::Shape> parse(std::span<const std::byte> header, std::uint64_t size) {
  std::string why;
  const auto shape = parse_shm_header(header, size, why);
  EXPECT_EQ(shape.has_value(), why.empty());
  return shape;
}

TEST(ShmLayout, ReadsASoundHeader) {
  EXPECT_EQ(parse(sound_header(), kShape.total_bytes()), kShape);
  EXPECT_EQ(parse(sound_header(), kShape.total_bytes() + 1), kShape);
}

TEST(ShmLayout, RefusesEveryOtherBitOfTheHeader) {
  for (std::size_t bit = 0; bit < 32 * 8; ++bit) {
    const bool is_unused = bit >= 20 * 8 && bit < 24 * 8;
    auto header = sound_header();
    header[bit / 8] ^= std::byte{1} << (bit % 8);
    const auto shape = parse(header, kShape.total_bytes());
    if (!shape) continue;
    // Another sync is as sound, and is compared with the wished one.
    EXPECT_TRUE(is_unused || shape->sync != kShape.sync) << "bit " << bit;
  }
}

TEST(ShmLayout, RefusesImpossibleNumbers) {
  struct Case {
    std::size_t place;
    std::uint32_t value;
  };
  const Case cases[] = {{shm::at::kSync, 0},
                        {shm::at::kSync, 5},
                        {shm::at::kSync, std::numeric_limits<std::uint32_t>::max()},
                        {shm::at::kEntries, 0},
                        {shm::at::kEntries, 65'537},
                        {shm::at::kEntries, std::numeric_limits<std::uint32_t>::max()},
                        {shm::at::kEntryBytes, 0},
                        {shm::at::kEntryBytes, 64},
                        {shm::at::kEntryBytes, 1089},
                        {shm::at::kEntryBytes, (64U << 20) + 64},
                        {shm::at::kEntryBytes, 0xffffffc0}};
  for (const Case& one : cases) {
    auto header = sound_header();
    store_le(std::span<std::byte>(header), one.place, one.value);
    EXPECT_FALSE(parse(header, std::numeric_limits<std::uint64_t>::max())) << one.value;
  }
}

TEST(ShmLayout, RefusesEveryTruncation) {
  const auto header = sound_header();
  for (std::uint64_t size = 0; size < kShape.total_bytes(); ++size) {
    const std::size_t there = std::min<std::size_t>(size, header.size());
    EXPECT_FALSE(parse(std::span(header).first(there), size)) << size;
  }
}

TEST(ShmLayout, EveryEntryLiesWithinTheSegment) {
  for (const std::uint64_t number :
       {std::uint64_t{0}, std::uint64_t{7}, std::uint64_t{8}, ~std::uint64_t{0}}) {
    EXPECT_LE(kShape.place_of(number) + kShape.entry_bytes, kShape.total_bytes());
    EXPECT_EQ(kShape.place_of(number) % 64, 0U);
  }
}

}  // namespace
}  // namespace spoolmq::adapters::test
