#include "core/record_codec.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "core/checksum.h"
#include "core/record_fields.h"
#include "spoolmq/error.h"

namespace spoolmq::record {
namespace {

using Bytes = std::vector<std::byte>;

const MessageId kFile = MessageId::parse("018bcfe5-6800-7123-8456-789abcdef0a5").value();
const MessageId kOther = MessageId::parse("018bcfe5-6800-7123-8456-789abcdef1a5").value();
const MessageId kId = MessageId::parse("017f22e2-79b0-7cc3-98c4-dc0c0c07398f").value();
constexpr std::uint64_t kOffset = 96;

Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  std::string digits;
  for (const char c : hex) {
    if (c == ' ') continue;
    digits += c;
    if (digits.size() < 2) continue;
    bytes.push_back(static_cast<std::byte>(std::stoi(digits, nullptr, 16)));
    digits.clear();
  }
  return bytes;
}

Bytes slice(std::span<const std::byte> bytes, std::size_t from, std::size_t length) {
  const auto part = bytes.subspan(from, length);
  return {part.begin(), part.end()};
}

void append(Bytes& bytes, const Bytes& more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

// The seed as the format document states it, computed without the codec.
std::uint64_t seed(const MessageId& file, std::uint64_t offset) {
  std::array<std::uint8_t, 24> place{};
  std::ranges::copy(file.bytes(), place.begin());
  for (std::size_t i = 0; i < 8; ++i) place[16 + i] = offset >> 8 * i & 0xff;
  return XXH3_64bits(place.data(), place.size());
}

// Puts a right checksum of [from, to) at `at`.
void seal(Bytes& bytes, std::size_t from, std::size_t to, std::size_t at, std::uint64_t with) {
  const std::uint64_t sum = XXH3_64bits_withSeed(bytes.data() + from, to - from, with);
  for (std::size_t i = 0; i < 8; ++i) bytes[at + i] = static_cast<std::byte>(sum >> 8 * i & 0xff);
}

Message small() {
  Message message;
  message.id = kId;
  message.priority = 0x0102;
  message.sent_at_ms = 0x0102030405060708;
  message.from.uid = 0x11121314;
  message.from.pid = 0x21222324;
  message.body = "hello";
  return message;
}

Message full() {
  Message message = small();
  message.headers = {{"site", "LYS"},
                     {"empty", ""},
                     {"site", std::string("\0\n\xff", 3)},
                     {std::string(256, 'n'), std::string(300, 'v')}};
  message.not_before_ms = -1;
  message.expires_at_ms = std::numeric_limits<std::int64_t>::max();
  message.dedupe_key = "dedupe";
  message.order_key = std::string(kMaxKeyBytes, 'o');
  message.reply_to = "process/replies";
  message.correlation_id = "c";
  message.from.name = "clerk";
  message.body = std::string("\0body\0", 6);
  return message;
}

Bytes encoded(const Message& message, std::uint16_t flags = 0, std::uint64_t offset = kOffset) {
  Bytes bytes;
  encode(message, flags, kFile, offset, bytes);
  return bytes;
}

// A record whose fields are these bytes, with right checksums.
Bytes with_fields(const Bytes& fields, std::uint8_t flags = 0) {
  Message message = small();
  message.body.clear();
  Bytes bytes = encoded(message);
  bytes.resize(64);
  append(bytes, fields);
  bytes.resize((bytes.size() + 7) / 8 * 8);
  const auto put = [&bytes](std::size_t at, std::size_t value) {
    for (std::size_t i = 0; i < 4; ++i)
      bytes[at + i] = static_cast<std::byte>(value >> 8 * i & 0xff);
  };
  put(0, bytes.size());
  bytes[4] = std::byte{flags};
  put(40, fields.size());
  seal(bytes, 64, 64 + fields.size(), 48, seed(kFile, kOffset));
  seal(bytes, 0, 56, 56, seed(kFile, kOffset));
  return bytes;
}

TEST(Record, HasTheLayoutOfTheFormat) {
  const Bytes bytes = encoded(small(), kOsDurability);
  ASSERT_EQ(bytes.size(), 72u);
  EXPECT_EQ(slice(bytes, 0, 48), from_hex("48000000 0100 0201"
                                          "017f22e279b07cc398c4dc0c0c07398f"
                                          "0807060504030201 14131211 24232221"
                                          "00000000 05000000"));
  EXPECT_EQ(slice(bytes, 64, 8), from_hex("68656c6c6f 000000"));
  Bytes resealed = bytes;
  seal(resealed, 64, 69, 48, seed(kFile, kOffset));
  seal(resealed, 0, 56, 56, seed(kFile, kOffset));
  EXPECT_EQ(resealed, bytes);
}

TEST(Record, HasItsFieldsInAscendingOrder) {
  Message message = small();
  message.body.clear();
  message.headers = {{"b", "2"}, {"a", ""}};
  message.not_before_ms = 1;
  message.expires_at_ms = -2;
  message.dedupe_key = "D";
  message.order_key = "O";
  message.reply_to = "R";
  message.correlation_id = "C";
  message.from.name = "N";
  message.large_body = LargeBody{.length = 0x0102, .checksum = 0x0304};
  const Bytes bytes = encoded(message);
  const Bytes fields = from_hex(
      "01 03 01 62 32  01 02 01 61  02 08 0100000000000000  03 08 feffffffffffffff"
      "04 01 44  05 01 4f  06 01 52  07 01 43  08 01 4e  09 10 0201000000000000 0403000000000000");
  EXPECT_EQ(slice(bytes, 64, fields.size()), fields);
  EXPECT_EQ(slice(bytes, 40, 4), from_hex("3e000000"));
  EXPECT_EQ(slice(bytes, 4, 2), from_hex("0200"));  // kLargeBodyRecord
}

TEST(Record, WritesLongLengthsInSevenBitGroups) {
  Message message = small();
  message.headers = {{std::string(200, 'n'), std::string(100, 'v')}};
  // 2 bytes of name length, 200 + 100 bytes: 302 = 0b10'0101110
  EXPECT_EQ(slice(encoded(message), 64, 6), from_hex("01 ae02 c801 6e"));
}

TEST(Record, RoundTripsEveryField) {
  const std::vector<std::function<void(Message&)>> changes = {
      [](Message&) {},
      [](Message& m) { m = full(); },
      [](Message& m) { m.id = kOther; },
      [](Message& m) {
        m.headers = {{"a", "1"}, {"a", "2"}, {"\xff", ""}};
      },
      [](Message& m) {
        m.headers.assign(kMaxHeaderCount, {"n", "v"});
      },
      [](Message& m) {
        m.headers = {{"big", std::string(kMaxFieldBytes, 'x')}};
      },
      [](Message& m) { m.body.clear(); },
      [](Message& m) { m.body = std::string(1 << 20, '\0'); },
      [](Message& m) { m.body.clear(), m.large_body = LargeBody{}; },
      [](Message& m) {
        m.body.clear(), m.large_body = LargeBody{UINT64_MAX, UINT64_MAX};
      },
      [](Message& m) { m.priority = 0; },
      [](Message& m) { m.priority = kMaxPriority; },
      [](Message& m) { m.sent_at_ms = std::numeric_limits<std::int64_t>::min(); },
      [](Message& m) { m.not_before_ms = 5; },
      [](Message& m) { m.expires_at_ms = 5; },
      [](Message& m) { m.dedupe_key = "k"; },
      [](Message& m) { m.order_key = "k"; },
      [](Message& m) { m.reply_to = std::string(5000, 'r'); },
      [](Message& m) { m.correlation_id = "k"; },
      [](Message& m) { m.from = {.uid = UINT32_MAX, .pid = UINT32_MAX, .name = "n"}; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Message message = small();
    changes[i](message);
    const Bytes bytes = encoded(message);
    EXPECT_EQ(bytes.size(), encoded_size(message)) << i;
    EXPECT_EQ(bytes.size() % kAlignment, 0u);
    const auto decoded = decode(bytes, kFile, kOffset);
    ASSERT_TRUE(decoded) << i;
    EXPECT_EQ(decoded->message, message) << i;
    EXPECT_EQ(decoded->size, bytes.size());
    EXPECT_EQ(decoded->flags, message.large_body ? kLargeBodyRecord : 0);
  }
}

TEST(Record, RoundTripsEveryBodyLength) {
  for (std::size_t length = 0; length < 40; ++length) {
    Message message = small();
    message.body = std::string(length, '\xff');
    const auto decoded = decode(encoded(message, kOsDurability), kFile, kOffset);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->message, message);
    EXPECT_EQ(decoded->flags, kOsDurability);
  }
}

TEST(Record, IsAppendedAndReadWithOthersBehindIt) {
  Bytes bytes = from_hex("0102030405060708");
  encode(small(), 0, kFile, kOffset, bytes);
  const std::size_t second = bytes.size();
  encode(full(), 0, kFile, kOffset + second - 8, bytes);
  EXPECT_EQ(slice(bytes, 0, 8), from_hex("0102030405060708"));
  const std::span<const std::byte> all(bytes);
  const auto first = decode(all.subspan(8), kFile, kOffset);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->message, small());
  EXPECT_EQ(first->size, second - 8);
  const auto next = decode(all.subspan(8 + first->size), kFile, kOffset + first->size);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->message, full());
}

TEST(Record, RefusesEveryTruncation) {
  for (const Message& message : {small(), full()}) {
    const Bytes bytes = encoded(message);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      const Bytes part = slice(bytes, 0, length);  // its own allocation: reads past it are seen
      EXPECT_FALSE(decode(part, kFile, kOffset)) << length;
      EXPECT_EQ(decode_header(part, kFile, kOffset).has_value(), length >= 64) << length;
    }
  }
}

TEST(Record, RefusesEveryFlippedBit) {
  Message message = small();
  message.headers = {{"a", "1"}};
  Bytes bytes = encoded(message);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const std::byte mask{static_cast<std::uint8_t>(1 << bit % 8)};
    bytes[bit / 8] ^= mask;
    EXPECT_FALSE(decode(bytes, kFile, kOffset)) << bit;
    EXPECT_EQ(decode_header(bytes, kFile, kOffset).has_value(), bit / 8 >= 64) << bit;
    bytes[bit / 8] ^= mask;
  }
  EXPECT_TRUE(decode(bytes, kFile, kOffset));
}

TEST(Record, NeverVerifiesElsewhere) {
  const Bytes bytes = encoded(small());
  EXPECT_TRUE(decode(bytes, kFile, kOffset));
  for (const std::uint64_t offset :
       {std::uint64_t{0}, kOffset + 8, kOffset + (std::uint64_t{1} << 40)}) {
    EXPECT_FALSE(decode(bytes, kFile, offset));
    EXPECT_FALSE(decode_header(bytes, kFile, offset));
  }
  EXPECT_FALSE(decode(bytes, kOther, kOffset));
  EXPECT_FALSE(decode_header(bytes, kOther, kOffset));
}

TEST(Record, HeaderOfADamagedRecordTellsWhereTheNextOneIs) {
  Bytes bytes = encoded(small(), kOsDurability);
  bytes[64] ^= std::byte{1};
  const auto header = decode_header(bytes, kFile, kOffset);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->id, kId);
  EXPECT_EQ(header->size, bytes.size());
  EXPECT_EQ(header->flags, kOsDurability);
}

TEST(Record, RefusesHeadersThatContradictThemselves) {
  struct Case {
    std::size_t at;
    std::string_view bytes;
  };
  const Case cases[] = {
      {0, "50000000"},   // longer than its parts
      {0, "40000000"},   // shorter
      {0, "45000000"},   // not padded
      {4, "0400"},       // unknown flag
      {4, "0200"},       // a large body and an inline one
      {6, "0080"},       // priority 32768
      {40, "08000000"},  // fields beyond the end
      {40, "f8ffffff"},  // 32-bit overflow
      {44, "04000000"},  // body's last byte would be padding
      {44, "ffffffff"},
  };
  for (const Case& bad : cases) {
    Bytes bytes = encoded(small());
    std::ranges::copy(from_hex(bad.bytes), bytes.begin() + static_cast<std::ptrdiff_t>(bad.at));
    seal(bytes, 0, 56, 56, seed(kFile, kOffset));
    EXPECT_FALSE(decode(bytes, kFile, kOffset)) << bad.at << " " << bad.bytes;
  }
}

TEST(Record, RefusesPaddingThatIsNotZero) {
  Bytes bytes = encoded(small());
  bytes.back() = std::byte{1};
  EXPECT_TRUE(decode_header(bytes, kFile, kOffset));
  EXPECT_FALSE(decode(bytes, kFile, kOffset));
}

TEST(Record, AcceptsFieldsInTheirOneForm) {
  const auto decoded = decode(with_fields(from_hex("01 03 01 62 32  04 01 44")), kFile, kOffset);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->message.headers, (Headers{{"b", "2"}}));
  EXPECT_EQ(decoded->message.dedupe_key, "D");
}

TEST(Record, RefusesFieldsInAnyOtherForm) {
  for (const std::string_view fields : {
           "00 00",               // unknown tags
           "0a 01 41",            //
           "ff 01 41",            //
           "04",                  // no length
           "04 80",               // length not ended
           "04 02 44",            // past the end
           "04 ffffffff0f 44",    // far past the end
           "04 ffffffffff0f 44",  // more than 32 bits
           "04 8100 44",          // length not in its shortest form
           "04 00",               // empty
           "06 00",
           "08 00",                    //
           "04 01 44 04 01 44",        // twice
           "05 01 4f 04 01 44",        // wrong order
           "04 01 44 01 03 01 62 32",  //
           "01 00",                    // header without a name
           "01 01 00",
           "01 02 00 32",             // with an empty one
           "01 02 02 62",             // with one past its field
           "01 03 8100 62",           //
           "02 08 0000000000000000",  // times that say nothing
           "03 08 0000000000000000",  //
           "02 04 01000000",
           "02 09 010000000000000000",
           "09 10 0201000000000000 0403000000000000",  // flag not set
       }) {
    EXPECT_FALSE(decode(with_fields(from_hex(fields)), kFile, kOffset)) << fields;
  }
  const auto large = from_hex("09 10 0201000000000000 0403000000000000");
  EXPECT_TRUE(decode(with_fields(large, kLargeBodyRecord), kFile, kOffset));
  EXPECT_FALSE(decode(with_fields({}, kLargeBodyRecord), kFile, kOffset));
  EXPECT_FALSE(
      decode(with_fields(from_hex("09 0f 0201000000000000 04030000000000"), kLargeBodyRecord),
             kFile, kOffset));
}

TEST(Record, RefusesFieldsBeyondTheLimits) {
  Bytes name_too_long = from_hex("01 8302 8102");
  name_too_long.resize(5 + 257, std::byte{'n'});
  EXPECT_FALSE(decode(with_fields(name_too_long), kFile, kOffset));

  Bytes key_too_long = from_hex("04 8108");
  key_too_long.resize(3 + kMaxKeyBytes + 1, std::byte{'k'});
  EXPECT_FALSE(decode(with_fields(key_too_long), kFile, kOffset));

  Bytes headers;
  for (std::size_t i = 0; i < kMaxHeaderCount; ++i) append(headers, from_hex("01 02 01 61"));
  EXPECT_TRUE(decode(with_fields(headers), kFile, kOffset));
  append(headers, from_hex("01 02 01 61"));
  EXPECT_FALSE(decode(with_fields(headers), kFile, kOffset));
}

TEST(Record, ToWriteOneThatCannotBeReadIsABug) {
  const std::vector<std::function<void(Message&)>> changes = {
      [](Message& m) {
        m.headers = {{"", "v"}};
      },
      [](Message& m) {
        m.headers = {{std::string(kMaxHeaderNameBytes + 1, 'n'), ""}};
      },
      [](Message& m) {
        m.headers.assign(kMaxHeaderCount + 1, {"n", "v"});
      },
      [](Message& m) {
        m.headers.assign(3, {"n", std::string(kMaxFieldBytes, 'v')});
      },
      [](Message& m) { m.dedupe_key.assign(kMaxKeyBytes + 1, 'k'); },
      [](Message& m) { m.order_key.assign(kMaxKeyBytes + 1, 'k'); },
      [](Message& m) { m.correlation_id.assign(kMaxKeyBytes + 1, 'k'); },
      [](Message& m) { m.reply_to.assign(kMaxFieldBytes + 1, 'k'); },
      [](Message& m) { m.from.name.assign(kMaxFieldBytes + 1, 'k'); },
      [](Message& m) { m.body.assign(kMaxInlineBodyBytes + 1, 'b'); },
      [](Message& m) { m.large_body = LargeBody{}; },  // beside an inline one
      [](Message& m) { m.priority = kMaxPriority + 1; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Message message = small();
    changes[i](message);
    EXPECT_THROW(encoded(message), Error) << i;
  }
  EXPECT_THROW(encoded(small(), kLargeBodyRecord), Error);
  EXPECT_THROW(encoded(small(), 4), Error);
  EXPECT_THROW(encoded(small(), 0, kOffset + 4), Error);
}

TEST(FileHeader, HasTheLayoutOfTheFormat) {
  Bytes bytes(64);
  encode_file_header({.file = kFile,
                      .incarnation = 0x0102030405060708,
                      .created_at_ms = 0x1112131415161718,
                      .use = FileUse::kSingle},
                     bytes);
  EXPECT_EQ(slice(bytes, 0, 56),
            from_hex("53504f4f4c4d5131 01000000 02000000 018bcfe5680071238456789abcdef0a5"
                     "0807060504030201 1817161514131211 0000000000000000"));
  Bytes resealed = bytes;
  seal(resealed, 0, 56, 56, seed(kFile, 0));
  EXPECT_EQ(resealed, bytes);

  const auto header = decode_file_header(bytes, kFile);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->file, kFile);
  EXPECT_EQ(header->incarnation, 0x0102030405060708u);
  EXPECT_EQ(header->created_at_ms, 0x1112131415161718);
  EXPECT_EQ(header->use, FileUse::kSingle);
}

TEST(FileHeader, RefusesTruncationsFlippedBitsAndOtherFiles) {
  Bytes bytes(64);
  encode_file_header({.file = kFile}, bytes);
  ASSERT_TRUE(decode_file_header(bytes, kFile));
  EXPECT_FALSE(decode_file_header(bytes, kOther));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_file_header(slice(bytes, 0, length), kFile)) << length;
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const std::byte mask{static_cast<std::uint8_t>(1 << bit % 8)};
    bytes[bit / 8] ^= mask;
    EXPECT_FALSE(decode_file_header(bytes, kFile)) << bit;
    bytes[bit / 8] ^= mask;
  }
}

TEST(FileHeader, RefusesWhatThisVersionDoesNotWrite) {
  for (const std::size_t at : {std::size_t{7}, std::size_t{8}, std::size_t{12}, std::size_t{31},
                               std::size_t{48}, std::size_t{55}}) {
    Bytes bytes(64);
    encode_file_header({.file = kFile}, bytes);
    bytes[at] ^= std::byte{0x40};
    seal(bytes, 0, 56, 56, seed(kFile, 0));
    EXPECT_FALSE(decode_file_header(bytes, kFile)) << at;
  }
}

TEST(GroupHeader, HasTheLayoutOfTheFormat) {
  Bytes bytes(32);
  encode_group_header({.number = 0x01020304, .record_count = 3, .length = 0x1000}, kFile, 64,
                      bytes);
  EXPECT_EQ(slice(bytes, 0, 24), from_hex("53504752 04030201 03000000 00000000 0010000000000000"));
  Bytes resealed = bytes;
  seal(resealed, 0, 24, 24, seed(kFile, 64));
  EXPECT_EQ(resealed, bytes);

  const auto header = decode_group_header(bytes, kFile, 64);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->number, 0x01020304u);
  EXPECT_EQ(header->record_count, 3u);
  EXPECT_EQ(header->length, 0x1000u);
}

TEST(GroupHeader, RefusesTruncationsFlippedBitsAndOtherPlaces) {
  Bytes bytes(32);
  encode_group_header({.number = 1, .record_count = 1, .length = 72}, kFile, 64, bytes);
  ASSERT_TRUE(decode_group_header(bytes, kFile, 64));
  EXPECT_FALSE(decode_group_header(bytes, kOther, 64));
  EXPECT_FALSE(decode_group_header(bytes, kFile, 72));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_group_header(slice(bytes, 0, length), kFile, 64)) << length;
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const std::byte mask{static_cast<std::uint8_t>(1 << bit % 8)};
    bytes[bit / 8] ^= mask;
    EXPECT_FALSE(decode_group_header(bytes, kFile, 64)) << bit;
    bytes[bit / 8] ^= mask;
  }
}

TEST(GroupHeader, RefusesLengthsThatCannotBe) {
  struct Case {
    std::size_t at;
    std::string_view bytes;
  };
  const Case cases[] = {
      {4, "00000000"},           // number 0
      {8, "02000000"},           // more records than fit
      {8, "ffffffff"},           //
      {12, "01000000"},          // reserved
      {16, "4900000000000000"},  // not a multiple of 8
      {16, "0000000000010000"},  // 2^40
      {16, "f8ffffffffffffff"},  //
  };
  for (const Case& bad : cases) {
    Bytes bytes(32);
    encode_group_header({.number = 1, .record_count = 1, .length = 72}, kFile, 64, bytes);
    std::ranges::copy(from_hex(bad.bytes), bytes.begin() + static_cast<std::ptrdiff_t>(bad.at));
    seal(bytes, 0, 24, 24, seed(kFile, 64));
    EXPECT_FALSE(decode_group_header(bytes, kFile, 64)) << bad.at << " " << bad.bytes;
  }
}

TEST(ContentChecksum, IsOfTheHeaderFieldsAndBody) {
  Message message = full();
  const Bytes bytes = encoded(message);
  Bytes hashed = slice(bytes, 0, 48);
  const std::size_t fields = fields_size(message);
  append(hashed, slice(bytes, 64, fields + message.body.size()));
  EXPECT_EQ(content_checksum(message), XXH3_64bits(hashed.data(), hashed.size()));
}

TEST(ContentChecksum, DiffersWithEveryMember) {
  const std::vector<std::function<void(Message&)>> changes = {
      [](Message&) {},
      [](Message& m) { m.id = kOther; },
      [](Message& m) { m.headers[0].second = "LYX"; },
      [](Message& m) { m.headers[0].first = "sitf"; },
      [](Message& m) { std::swap(m.headers[0], m.headers[1]); },
      [](Message& m) { m.body += '\0'; },
      [](Message& m) { m.body.clear(); },
      [](Message& m) {
        m.body.clear(), m.large_body = LargeBody{6, 7};
      },
      [](Message& m) {
        m.body.clear(), m.large_body = LargeBody{6, 8};
      },
      [](Message& m) { m.priority = 5; },
      [](Message& m) { m.sent_at_ms = 5; },
      [](Message& m) { m.not_before_ms = 5; },
      [](Message& m) { m.expires_at_ms = 5; },
      [](Message& m) { m.dedupe_key = "x"; },
      [](Message& m) { m.order_key = "x"; },
      [](Message& m) { m.reply_to = "x"; },
      [](Message& m) { m.correlation_id = "x"; },
      [](Message& m) { m.from.uid = 5; },
      [](Message& m) { m.from.pid = 5; },
      [](Message& m) { m.from.name = "x"; },
  };
  std::vector<std::uint64_t> sums;
  for (const auto& change : changes) {
    Message message = full();
    change(message);
    sums.push_back(content_checksum(message));
    EXPECT_EQ(content_checksum(Message(message)), sums.back());
  }
  std::ranges::sort(sums);
  EXPECT_EQ(std::ranges::adjacent_find(sums), sums.end());
}

TEST(Checksum, IsXxh3OfAllPieces) {
  const Bytes bytes(1000, std::byte{7});
  EXPECT_EQ(checksum(bytes, 5), XXH3_64bits_withSeed(bytes.data(), bytes.size(), 5));
  ChecksumStream stream;
  EXPECT_EQ(stream.value(), XXH3_64bits("", 0));
  stream.add({});
  stream.add(std::span(bytes).first(300));
  EXPECT_EQ(stream.value(), XXH3_64bits(bytes.data(), 300));
  stream.add(std::span(bytes).subspan(300));
  EXPECT_EQ(stream.value(), checksum(bytes));
}

}  // namespace
}  // namespace spoolmq::record
