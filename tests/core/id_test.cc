#include "spoolmq/id.h"

#include <gtest/gtest.h>

#include <string>
#include <unordered_set>

namespace spoolmq {
namespace {

constexpr std::string_view kText = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";  // RFC 9562 A.6

TEST(MessageId, ReadsAndWritesTheCanonicalText) {
  const auto id = MessageId::parse(kText);
  ASSERT_TRUE(id);
  EXPECT_EQ(id->text(), kText);
  EXPECT_EQ(id->bytes()[0], 0x01);
  EXPECT_EQ(id->bytes()[9], 0xc4);
  EXPECT_EQ(id->shard(), 0x8f);
  EXPECT_EQ(id->time_ms(), 1645557742000);
  EXPECT_FALSE(id->is_nil());
}

TEST(MessageId, AcceptsUpperCaseAndWritesLowerCase) {
  const auto id = MessageId::parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->text(), kText);
}

TEST(MessageId, RefusesEveryTruncationAndExtension) {
  for (std::size_t length = 0; length < kText.size(); ++length) {
    EXPECT_FALSE(MessageId::parse(kText.substr(0, length))) << length;
  }
  EXPECT_FALSE(MessageId::parse(std::string(kText) + "0"));
  EXPECT_FALSE(MessageId::parse(std::string(kText) + std::string(1, '\0')));
}

TEST(MessageId, RefusesAWrongCharacterAnywhere) {
  for (std::size_t at = 0; at < kText.size(); ++at) {
    for (const char wrong : {'g', 'G', ' ', '/', ':', '@', '`', '\0', '\xff'}) {
      std::string text(kText);
      text[at] = wrong;
      EXPECT_FALSE(MessageId::parse(text)) << at << " " << int{wrong};
    }
    std::string text(kText);
    text[at] = text[at] == '-' ? '0' : '-';
    EXPECT_FALSE(MessageId::parse(text)) << at;
  }
}

TEST(MessageId, NilIsNoneGiven) {
  EXPECT_TRUE(MessageId().is_nil());
  EXPECT_EQ(MessageId().text(), "00000000-0000-0000-0000-000000000000");
  EXPECT_EQ(MessageId::parse(MessageId().text()), MessageId());
}

TEST(MessageId, SortsAsItsBytesAndAsItsText) {
  const auto lower = *MessageId::parse("017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
  const auto higher = *MessageId::parse("017f22e2-79b1-7000-8000-000000000000");
  EXPECT_LT(lower, higher);
  EXPECT_LT(lower.text(), higher.text());
}

TEST(MessageId, HashTellsEverySingleByteApart) {
  std::unordered_set<std::size_t> hashes;
  for (std::size_t at = 0; at < MessageId::kBytes; ++at) {
    for (unsigned value = 1; value < 256; ++value) {
      std::array<std::uint8_t, MessageId::kBytes> bytes{};
      bytes[at] = static_cast<std::uint8_t>(value);
      hashes.insert(std::hash<MessageId>()(MessageId(bytes)));
    }
  }
  EXPECT_EQ(hashes.size(), MessageId::kBytes * 255);
}

}  // namespace
}  // namespace spoolmq
