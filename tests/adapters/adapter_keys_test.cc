// Parsers of one value: what they take, and how they refuse the rest.

#include "adapters/adapter_keys.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>

namespace spoolmq::adapters {
namespace {

KeyValue value(const std::string& text) { return {"key", text, "--key " + text}; }

// The refusal's `why`; empty: it was taken. Where it was given is always named.
std::string refusal(const std::string& text, const std::function<void(const KeyValue&)>& parse) {
  try {
    parse(value(text));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_EQ(error.subject(), "--key " + text);
    return error.why();
  }
  return {};
}

TEST(AdapterKeys, FlagsAreTrueOrFalse) {
  EXPECT_TRUE(parse_flag(value("true")));
  EXPECT_FALSE(parse_flag(value("false")));
  for (const char* text : {"", "yes", "1", "TRUE", "true "}) {
    EXPECT_EQ(refusal(text, parse_flag), "not true or false") << text;
  }
}

TEST(AdapterKeys, DurationsHaveAUnitAndALimit) {
  EXPECT_EQ(parse_duration_ms(value("0")), 0);
  EXPECT_EQ(parse_duration_ms(value("0s")), 0);
  EXPECT_EQ(parse_duration_ms(value("500ms")), 500);
  EXPECT_EQ(parse_duration_ms(value("2h")), 7'200'000);
  EXPECT_EQ(parse_duration_ms(value("36500d")), 36'500 * 86'400'000LL);
  for (const char* text : {"", "2", "-1s", "1 s", "s", "1.5s", "99999999999999999999s"}) {
    EXPECT_EQ(refusal(text, parse_duration_ms), "not a duration such as 500ms 30s 10m 2h 7d")
        << text;
  }
  EXPECT_EQ(refusal("36501d", parse_duration_ms), "longer than 36500d");
}

TEST(AdapterKeys, SizesArePowersOf1024) {
  EXPECT_EQ(parse_bytes(value("0")), 0U);
  EXPECT_EQ(parse_bytes(value("512")), 512U);
  EXPECT_EQ(parse_bytes(value("64K")), 65'536U);
  for (const char* text : {"", "-1", "10MB", "K", "9999999999T"}) {
    EXPECT_EQ(refusal(text, parse_bytes), "not a size such as 512 64K 10M 2G") << text;
  }
}

TEST(AdapterKeys, CountsKeepTheirBounds) {
  const auto parse = [](const KeyValue& given) { parse_count(given, 1, 64); };
  EXPECT_EQ(parse_count(value("1"), 1, 64), 1U);
  EXPECT_EQ(parse_count(value("64"), 1, 64), 64U);
  EXPECT_EQ(parse_count(value("18446744073709551615"), 0, UINT64_MAX), UINT64_MAX);
  for (const char* text : {"", "0", "65", "-1", "+1", "1x", " 1", "0x1", "18446744073709551616"}) {
    EXPECT_EQ(refusal(text, parse), "not a whole number from 1 to 64") << text;
  }
}

TEST(AdapterKeys, ModesAreOctal) {
  EXPECT_EQ(parse_mode(value("0640")), 0640U);
  EXPECT_EQ(parse_mode(value("7777")), 07777U);
  for (const char* text : {"", "rw", "0o640", "8", "10000", "-1", "640 "}) {
    EXPECT_EQ(refusal(text, parse_mode), "not permission bits in octal, such as 0640") << text;
  }
}

TEST(AdapterKeys, ChoicesAreNamedWhereNoneWasMade) {
  constexpr std::array<std::string_view, 2> kWords{"name", "mtime"};
  const auto parse = [&](const KeyValue& given) { parse_choice(given, kWords); };
  EXPECT_EQ(parse_choice(value("name"), kWords), 0U);
  EXPECT_EQ(parse_choice(value("mtime"), kWords), 1U);
  for (const char* text : {"", "nam", "Name", "names"}) {
    EXPECT_EQ(refusal(text, parse), "not one of name mtime") << text;
  }
}

TEST(AdapterKeys, AFileBesideAnotherIsNeverThatFile) {
  for (const char* text :
       {"{name}.done", "{stem}.ok", ".{name}", "{stem}.ready.{ext}", "ok-{name}"}) {
    EXPECT_EQ(parse_beside_template(value(text)), text);
  }
  struct Case {
    const char* text;
    std::string_view why;
  };
  for (const Case& c : {
           Case{"{name}", "may name the file itself"},
           Case{"{stem}.{ext}", "may name the file itself"},
           Case{"{ext}.{stem}", "may name the file itself"},
           Case{"{name}{ext}", "may name the file itself"},
           Case{"{stem}.", "may name the file itself"},
           Case{"", "{name} or {stem} must be in it"},
           Case{"done", "{name} or {stem} must be in it"},
           Case{"{ext}.done", "{name} or {stem} must be in it"},
           Case{"done/{name}", "no '/' in it"},
           Case{"/{name}", "no '/' in it"},
           Case{"{name}.{id}", "column 8: only {name} {stem} {ext}"},
           Case{"{name", "column 1: only"},
           Case{"{name}}", "column 7: only"},
       }) {
    EXPECT_NE(refusal(c.text, parse_beside_template).find(c.why), std::string::npos)
        << c.text << ": " << refusal(c.text, parse_beside_template);
  }
  const std::string whole = "{name}.done";
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const std::string part = whole.substr(0, i);
    EXPECT_EQ(refusal(part, parse_beside_template).empty(), part.starts_with("{name}.")) << part;
  }
}

TEST(AdapterKeys, TheLastOfANameCounts) {
  const std::vector<KeyValue> given = {{"a", "1", ""}, {"b", "2", ""}, {"a", "3", ""}};
  EXPECT_EQ(find_value(given, "a")->value, "3");
  EXPECT_EQ(find_value(given, "b")->value, "2");
  EXPECT_EQ(find_value(given, "c"), nullptr);
}

TEST(AdapterKeys, KeysThatExcludeEachOtherAreBothNamed) {
  std::vector<KeyValue> given = {{"keep", "true", "--keep"}, {"done", "/d", "--done /d"}};
  try {
    refuse_both(given, "keep", "done");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.operation(), kClashOperation);
    EXPECT_STREQ(error.what(), "combine options: --keep: it excludes done");
  }
  given[0].value = "false";
  EXPECT_NO_THROW(refuse_both(given, "keep", "done"));
  EXPECT_NO_THROW(refuse_both(given, "keep", "other"));
  EXPECT_NO_THROW(refuse_both({}, "keep", "done"));
}

}  // namespace
}  // namespace spoolmq::adapters
