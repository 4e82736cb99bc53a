#include "core/text.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

namespace spoolmq {
namespace {

using std::string_literals::operator""s;

std::string random_bytes(std::mt19937_64& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random() & 0xFF);
  return bytes;
}

TEST(Utf8, NamesTheFirstByteThatIsNotUtf8) {
  const struct {
    std::string bytes;
    std::optional<std::size_t> expected;
  } cases[] = {
      {"", std::nullopt},
      {"plain text of more than eight bytes", std::nullopt},
      {"\0\x01\x7f"s, std::nullopt},
      {"\xC2\x80\xDF\xBF", std::nullopt},
      {"\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF", std::nullopt},
      {"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", std::nullopt},
      {"12345678\xC3\xA4"
       "1234567\x80",
       17},
      {"\x80", 0},
      {"a\xBF", 1},
      {"a\xC0\x80", 1},          // overlong
      {"a\xC1\xBF", 1},          // overlong
      {"a\xE0\x9F\xBF", 1},      // overlong
      {"a\xF0\x8F\xBF\xBF", 1},  // overlong
      {"a\xED\xA0\x80", 1},      // surrogate
      {"a\xED\xBF\xBF", 1},      // surrogate
      {"a\xF4\x90\x80\x80", 1},  // above U+10FFFF
      {"a\xF5\x80\x80\x80", 1},
      {"a\xFF", 1},
      {"a\xC3", 1},  // cut short
      {"a\xE2\x82", 1},
      {"a\xF0\x9F\x98", 1},
      {"a\xC3(", 1},
      {"a\xE2\x28\xA1", 1},
      {"a\xE2\x82(", 1},
      {"a\xF0\x9F\x98(", 1},
  };
  for (const auto& c : cases) EXPECT_EQ(first_invalid_utf8(c.bytes), c.expected) << c.bytes;
}

TEST(Utf8, AcceptsEveryScalarValueAndNothingElse) {
  for (unsigned code = 0; code <= 0x1FFFFF; ++code) {
    // Encoded as the shape allows, whether or not the value is allowed.
    std::string bytes;
    const auto continuation = [&](unsigned shift) {
      return static_cast<char>(0x80U | (code >> shift & 0x3FU));
    };
    if (code < 0x80) {
      bytes = {static_cast<char>(code)};
    } else if (code < 0x800) {
      bytes = {static_cast<char>(0xC0U | code >> 6), continuation(0)};
    } else if (code < 0x10000) {
      bytes = {static_cast<char>(0xE0U | code >> 12), continuation(6), continuation(0)};
    } else {
      bytes = {static_cast<char>(0xF0U | code >> 18), continuation(12), continuation(6),
               continuation(0)};
    }
    const bool scalar = code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    ASSERT_EQ(!first_invalid_utf8(bytes).has_value(), scalar) << std::hex << code;
  }
}

TEST(Base64, EncodesTheVectorsOfRfc4648) {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
      {"\xfb\xff\xbf", "+/+/"},
      {"\0"s, "AA=="},
  };
  for (const auto& [bytes, text] : cases) {
    EXPECT_EQ(base64_encode(bytes), text);
    EXPECT_EQ(base64_decode(text), bytes);
  }
}

TEST(Base64, DecodesWhatItEncodes) {
  std::mt19937_64 random(1);
  for (std::size_t size = 0; size < 300; ++size) {
    const std::string bytes = random_bytes(random, size);
    ASSERT_EQ(base64_decode(base64_encode(bytes)), bytes);
  }
}

TEST(Base64, SkipsWhiteSpaceAnywhere) {
  EXPECT_EQ(base64_decode("\n  Zm 9v\r\n\tYg= =\n"), "foob");
  EXPECT_EQ(base64_decode(" \n"), "");
}

TEST(Base64, RefusesWhatNoEncoderWrites) {
  for (const std::string& text :
       {"Z"s,    "Zg"s,    "Zg="s,      "Zg==="s,    "Zm8"s,  "Zm8=="s, "="s,
        "===="s, "Zm9v="s, "Zm9v===="s, "Zg==Zg=="s, "Z=g="s, "=Zg="s,  "Zm9_"s,
        "Zm9-"s, "Zm\0v"s, "Zm9\x80"s,  "Zm9\v"s,    "Zh=="s, "Zm9="s}) {
    EXPECT_EQ(base64_decode(text), std::nullopt) << text;
  }
}

TEST(Hex16, WritesSixteenLowerCaseDigits) {
  EXPECT_EQ(hex16(0), "0000000000000000");
  EXPECT_EQ(hex16(0x0123456789abcdefU), "0123456789abcdef");
  EXPECT_EQ(hex16(~std::uint64_t{0}), "ffffffffffffffff");
}

TEST(Hex16, ReadsOnlyWhatItWrites) {
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{0xfedcba9876543210U},
                                    std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    EXPECT_EQ(parse_hex16(hex16(value)), value);
  }
  for (const std::string& text :
       {""s, "0"s, "000000000000000"s, "00000000000000000"s, "000000000000000g"s,
        "000000000000000A"s, "-00000000000000f"s, "0x00000000000000"s, " 00000000000000f"s}) {
    EXPECT_EQ(parse_hex16(text), std::nullopt) << text;
  }
}

TEST(Printable, LeavesNothingThatSteersATerminal) {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"plain ~ text", "plain ~ text"},
      {"gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80", "gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80"},
      {"a\0b\tc\r\nd\x1B[31m\x7F"s, "a?b?c??d?[31m?"},
      {"\xC2\x9B"
       "31m",
       "?31m"},  // CSI in one character
      {"a\xE2\x80\xAE"
       "b\xE2\x81\xA6",
       "a?b?"},  // right-to-left override, isolate
      {"\xFF\xC3", "??"},
      {"\xE2\x82x", "??x"},
  };
  for (const auto& [bytes, text] : cases) EXPECT_EQ(printable(bytes), text) << bytes;
}

TEST(Glob, MatchesTheWholeText) {
  const struct {
    std::string pattern, text;
    bool expected;
  } cases[] = {
      {"", "", true},
      {"", "a", false},
      {"a", "", false},
      {"abc", "abc", true},
      {"abc", "abcd", false},
      {"abc", "ab", false},
      {"*", "", true},
      {"*", "a/b.c", true},
      {"**", "x", true},
      {"a*", "a", true},
      {"a*", "ba", false},
      {"*.xml", "a.xml", true},
      {"*.xml", "a.xml~", false},
      {"*.xml", ".xml", true},
      {"a*b*c", "aXbYbZc", true},
      {"a*b*c", "aXbY", false},
      {"*ab", "aab", true},
      {"*aab", "aaaab", true},
      {"?", "", false},
      {"?", "a", true},
      {"?", "ab", false},
      {"a?c", "abc", true},
      {"?", "\xC3\xA4", true},
      {"??", "\xC3\xA4", false},
      {"?", "\xFF", true},
      {"\xFF", "\xFF", true},
      {"\xFF", "\xFE", false},
      {"[abc]", "b", true},
      {"[abc]", "d", false},
      {"[abc]", "", false},
      {"[a-c]x", "bx", true},
      {"[a-c]x", "dx", false},
      {"[!a-z]", "A", true},
      {"[!a-z]", "m", false},
      {"[!a-z]", "", false},
      {"[]]", "]", true},
      {"[!]]", "]", false},
      {"[!]]", "x", true},
      {"[a-]", "-", true},
      {"[a-]", "b", false},
      {"[-a]", "-", true},
      {"[z-a]", "m", false},
      {"[a", "[a", true},
      {"[a", "a", false},
      {"[", "[", true},
      {"[!", "[!", true},
      {"[]", "[]", true},
      {"x[", "x", false},
      {"[!!]", "!", false},
      {"[a!]", "!", true},
      {"[\xC3\xA0-\xC3\xBF]", "\xC3\xA4", true},
      {"[*]", "*", true},
      {"[*]", "x", false},
      {"[?]", "x", false},
      {"*[0-9]", "a1b2", true},
      {"*[0-9]", "a1b", false},
      {"\\*", "\\x", true},
      {"LY*", "LYS", true},
      {"a/b", "a/b", true},
      {"a[/]b", "a/b", true},
      {"A", "a", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(glob_match(c.pattern, c.text), c.expected) << c.pattern << " on " << c.text;
  }
}

TEST(AsciiLower, LeavesOtherBytesAsTheyAre) {
  EXPECT_EQ(ascii_lower("AZ[@az09\xC3\x89"), "az[@az09\xC3\x89");
}

TEST(Glob, IsNotExponential) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob_match(pattern + "b", std::string(2000, 'a')));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace spoolmq
