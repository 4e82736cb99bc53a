// A whole segment under damage: what was written and not hit is found, in its order, as FORMAT.md
// section 4 says; nothing else ever is, though bodies hold copies of our own bytes and valid
// records. And a file of raw bytes.

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "core/file_system.h"
#include "core/record_codec.h"
#include "store/spool_scan.h"
#include "tests/fuzz/target.h"
#include "tests/support/memory_file_system.h"

namespace spoolmq::fuzz {
namespace {

namespace r = spoolmq::record;

const MessageId kFile(std::array<std::uint8_t, 16>{1, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 10});
constexpr std::uint64_t kLongestBody = 3000;

struct Written {
  ByteRange at;
  Message message;
  bool nested = false;  // its body is a record that would verify where it stands
};
struct WrittenGroup {
  ByteRange at;  // with its header
  std::vector<Written> records;
};

MessageId id_of(std::uint8_t number) {
  return MessageId(std::array<std::uint8_t, 16>{9, 9, 9, 9, 9, 9, 0x70, number, 0x80});
}

// Of a record inside a body.
constexpr std::uint8_t kNested = 0x80;
bool is_nested(const MessageId& id) { return id.bytes()[7] >= kNested; }

// The segment's bytes, and what stands where in them.
class Segment {
 public:
  explicit Segment(Choices& choices) : bytes(r::kFileHeaderBytes) {
    r::encode_file_header({kFile, 1, 1, r::FileUse::kSegment}, bytes);
    const std::uint8_t count = choices.below(4);
    for (std::uint8_t i = 0; i < count; ++i) add_group(choices);
  }
  std::vector<std::byte> bytes;
  std::vector<WrittenGroup> groups;

 private:
  void add_group(Choices& choices) {
    const std::uint64_t begin = bytes.size();
    bytes.resize(begin + r::kGroupHeaderBytes);
    WrittenGroup group;
    const std::uint8_t count = static_cast<std::uint8_t>(1 + choices.below(3));
    for (std::uint8_t i = 0; i < count; ++i) group.records.push_back(add_record(choices));
    group.at = {begin, bytes.size()};
    r::encode_group_header({static_cast<std::uint32_t>(groups.size() + 1), count,
                            bytes.size() - begin - r::kGroupHeaderBytes},
                           kFile, begin, std::span(bytes).subspan(begin, r::kGroupHeaderBytes));
    groups.push_back(std::move(group));
  }

  Written add_record(Choices& choices) {
    const std::uint64_t begin = bytes.size();
    Written one;
    one.message.id = id_of(++number_);
    one.message.sent_at_ms = 1;
    switch (choices.below(4)) {
      case 0:
        one.message.body = choices.rest().substr(0, choices.below(100));
        break;
      case 1:  // all that stands before it, as if somebody sent the segment
        one.message.body.resize(std::min(begin, kLongestBody));
        std::memcpy(one.message.body.data(), bytes.data(), one.message.body.size());
        break;
      case 2:
        one.message.body = nested_record(begin + r::kRecordHeaderBytes);
        one.nested = true;
        break;
      default:
        break;
    }
    r::encode(one.message, 0, kFile, begin, bytes);
    one.at = {begin, bytes.size()};
    return one;
  }

  std::string nested_record(std::uint64_t at) {
    Message inner;
    inner.id = id_of(static_cast<std::uint8_t>(kNested + number_));
    inner.sent_at_ms = 1;
    inner.body = "inner";
    std::vector<std::byte> encoded;
    r::encode(inner, 0, kFile, at, encoded);
    return {reinterpret_cast<const char*>(encoded.data()), encoded.size()};
  }

  std::uint8_t number_ = 0;
};

bool overlaps(const ByteRange& a, const ByteRange& b) { return a.begin < b.end && b.begin < a.end; }

// What a reader may expect, by the document.
struct Expected {
  std::vector<const Written*> found;
  std::vector<MessageId> corrupt;
  bool tail = false;
};

Expected expect(const Segment& segment, const ByteRange& hit, std::uint64_t promised) {
  const auto has_header = [&](const WrittenGroup& group) {
    return !overlaps(hit, {group.at.begin, group.at.begin + r::kGroupHeaderBytes}) &&
           group.at.end <= segment.bytes.size();
  };
  Expected expected;
  bool to_the_end = false;  // below `promised` no header is left: all that verifies counts
  for (auto group = segment.groups.begin(); group != segment.groups.end(); ++group) {
    const bool is_whole = has_header(*group) && !overlaps(hit, group->at);
    const bool is_last = std::none_of(group + 1, segment.groups.end(), has_header);
    if (!is_whole && is_last && group->at.begin >= promised && !to_the_end) {
      expected.tail = true;
      break;
    }
    to_the_end = to_the_end || (!has_header(*group) && is_last);
    for (const Written& one : group->records) {
      if (one.at.end > segment.bytes.size()) continue;
      if (!overlaps(hit, one.at)) {
        expected.found.push_back(&one);
      } else if (!overlaps(hit, {one.at.begin, one.at.begin + r::kRecordHeaderBytes})) {
        expected.corrupt.push_back(one.message.id);
      }
    }
  }
  return expected;
}

std::unique_ptr<File> file_of(Dir& dir, std::span<const std::byte> bytes) {
  auto file = dir.create("segment", 0600, IfExists::kFail);
  file->write_at(bytes, 0);
  return file;
}

void check_bounds(const ScanResult& result, std::uint64_t size) {
  SPOOLMQ_CHECK(result.valid_end <= std::max<std::uint64_t>(size, r::kFileHeaderBytes));
  std::uint64_t last = r::kFileHeaderBytes;
  for (const ByteRange& range : result.damaged) {
    SPOOLMQ_CHECK(last <= range.begin && range.begin < range.end && range.end <= result.valid_end);
    last = range.end;
  }
  for (const auto& [id, at] : result.corrupt) {
    SPOOLMQ_CHECK(at.offset + at.length <= result.valid_end);
  }
}

void check_damaged(Choices& choices) {
  Segment segment(choices);
  const std::uint64_t size = segment.bytes.size();
  std::uint64_t promised = choices.below(255) * size / 254;
  const std::uint64_t at = (choices.below(255) * std::uint64_t{255} + choices.below(255)) % size;
  ByteRange hit{std::max<std::uint64_t>(at, r::kFileHeaderBytes), size};
  if (choices.below(2) == 0) {  // cut
    segment.bytes.resize(hit.begin);
  } else {
    hit.end = std::min<std::uint64_t>(size, hit.begin + 1 + choices.below(200));
    const std::byte change{static_cast<std::uint8_t>(1 + choices.below(255))};
    for (std::uint64_t i = hit.begin; i < hit.end; ++i) segment.bytes[i] ^= change;
  }
  promised = std::min<std::uint64_t>(promised, segment.bytes.size());
  const Expected expected = expect(segment, hit, promised);

  test::MemoryFileSystem disk;
  const auto root = disk.root();
  const auto file = file_of(*root, segment.bytes);
  std::vector<ScannedRecord> found;
  const ScanResult result =
      scan_segment(*file, kFile, r::kFileHeaderBytes, segment.bytes.size(), promised,
                   [&](ScannedRecord&& one) { found.push_back(std::move(one)); });
  check_bounds(result, segment.bytes.size());

  // A record in the body of one whose header was hit stands where it says: nobody can tell.
  std::erase_if(found, [](const ScannedRecord& one) { return is_nested(one.message.id); });
  SPOOLMQ_CHECK(found.size() == expected.found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    SPOOLMQ_CHECK(found[i].message == expected.found[i]->message);
    SPOOLMQ_CHECK(found[i].at.offset == expected.found[i]->at.begin);
    SPOOLMQ_CHECK(found[i].at.offset + found[i].at.length == expected.found[i]->at.end);
  }
  for (const MessageId& id : expected.corrupt) {
    SPOOLMQ_CHECK(
        std::ranges::count(result.corrupt, id, [](const auto& one) { return one.first; }) == 1);
  }
  if (!expected.tail) SPOOLMQ_CHECK(!result.has_tail);
}

void check_raw(std::string_view input) {
  test::MemoryFileSystem disk;
  const auto root = disk.root();
  const auto file = file_of(*root, as_bytes(input));
  (void)is_own_file(*file, kFile);
  std::uint64_t last = 0;
  const ScanResult result = scan_segment(
      *file, kFile, r::kFileHeaderBytes, ~std::uint64_t{0}, input.size() / 2,
      [&](ScannedRecord&& one) {
        SPOOLMQ_CHECK(one.at.offset >= last && one.at.offset + one.at.length <= input.size());
        last = one.at.offset + one.at.length;
        const auto bytes = as_bytes(input).subspan(one.at.offset);
        SPOOLMQ_CHECK(r::decode(bytes, kFile, one.at.offset)->message == one.message);
      });
  check_bounds(result, input.size());
}

}  // namespace

void segment(std::string_view input) {
  Choices choices(input);
  check_damaged(choices);
  check_raw(input);
}

}  // namespace spoolmq::fuzz
