// The hot cache's ring while somebody scribbles over it: a reader may miss messages, but what it
// gets is what was published.

#include "tests/fuzz/target.h"
#include "tests/store/hot_ring_world.h"

namespace spoolmq::fuzz {
namespace {

constexpr std::size_t kLongestBody = 200;
constexpr int kMostActs = 300;
constexpr std::uint8_t kWriter = 3;

// Any word of the ring that other processes may write to.
std::uint64_t& some_word(HotRing& ring, Choices& choices, std::uint64_t near) {
  switch (choices.below(6)) {
    case 0:
      return ring.next_ticket();
    case 1:
      return ring.arena_given();
    case 2:
      return ring.state(near + choices.below(4));
    case 3:
      return ring.arena_word(std::uint64_t{choices.below(255)} * hot_cache::kWordBytes);
    default:
      return ring.slot_word(near + choices.below(4), choices.below(hot_cache::kSlotWords + 1));
  }
}

void scribble(HotRing& ring, Choices& choices, std::uint64_t near) {
  std::uint64_t& word = some_word(ring, choices, near);
  switch (choices.below(6)) {
    case 0:
      word = 0;
      break;
    case 1:
      word = ~std::uint64_t{0};
      break;
    case 2:
      word ^= std::uint64_t{1} << choices.below(64);
      break;
    case 3:
      word += choices.below(9);
      break;
    case 4:
      word -= choices.below(9);
      break;
    default:
      word = some_word(ring, choices, near);
  }
}

void check(HotCacheReader& reader, HotCacheReader::Look look, std::uint64_t published) {
  if (reader.read(look) != HotCacheReader::Got::kMessage) return;
  SPOOLMQ_CHECK(test::writer_of(reader.id()) == kWriter);
  SPOOLMQ_CHECK(test::number_of(reader.id()) >= 1 && test::number_of(reader.id()) <= published);
  SPOOLMQ_CHECK(reader.record().id == reader.id());
  SPOOLMQ_CHECK(test::body_in(reader.record()) == test::body_of(reader.id(), kLongestBody));
  SPOOLMQ_CHECK(reader.where().offset == test::RingWriter::kOffset);
  SPOOLMQ_CHECK(reader.where().length == reader.record().size);
}

}  // namespace

void ring(std::string_view input) {
  const auto ring = test::make_ring();
  HotCacheReader reader(ring);
  test::RingWriter writer(kWriter, kLongestBody, [](std::uint32_t slot) { return slot % 2 == 0; });
  Choices choices(input);
  for (int act = 0; act < kMostActs && !choices.rest().empty(); ++act) {
    switch (choices.below(6)) {
      case 0:
      case 1:
        writer.publish(*ring);
        break;
      case 2:
        check(reader, HotCacheReader::Look::kQuick, writer.number());
        break;
      case 3:
        check(reader, HotCacheReader::Look::kThorough, writer.number());
        break;
      case 4:
        ring->abandon(choices.below(5));
        break;
      default:
        scribble(*ring, choices, reader.position());
    }
  }
  for (int i = 0; i < 300; ++i) check(reader, HotCacheReader::Look::kQuick, writer.number());
}

}  // namespace spoolmq::fuzz
