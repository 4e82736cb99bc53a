#include "spoolmq/settings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "spoolmq/error.h"

namespace spoolmq {
namespace {

using namespace std::chrono_literals;

// Accepted values of every key, in the form they are written in.
const std::map<std::string, std::vector<std::string>> kAccepted = {
    {"format", {"binary", "xml"}},
    {"durability", {"sync", "os"}},
    {"capacity", {"unbounded", "0", "1", "9223372036854775807"}},
    {"max-bytes", {"unbounded", "0", "1000", "64K", "2G", "9223372036854775807"}},
    {"overflow", {"reject", "block"}},
    {"lease", {"1ms", "30s", "36500d"}},
    {"max-failures", {"1", "10", "9223372036854775807"}},
    {"backoff", {"0", "1500ms", "10m"}},
    {"backoff-max", {"1s", "10m", "2h"}},
    {"max-redrives", {"0", "5"}},
    {"ttl", {"0", "7d"}},
    {"archive", {"0", "7d"}},
    {"dedupe-window", {"0", "10m"}},
    {"id-window", {"0", "7d"}},
    {"history", {"off", "fix", "all"}},
    {"content-type",
     {"", "text/xml; charset=\"utf-8\"", "back\\slash", "a'b",
      "\xc3\xa4#=", std::string(1024, 'c')}},
    {"check", {"none", "well-formed-xml", "utf-8", "json"}},
    {"order-on-dead", {"continue", "stop"}},
    {"body-inline", {"0", "1000", "64M"}},
    {"hot-cache", {"0", "64K", "1G"}},
    {"mode", {"0600", "0640", "0660", "0644", "0664"}},
    {"group", {"", "mail", "_x.Y-9"}},
};

std::string text_of(const Settings& settings, std::string_view key) {
  for (const auto& [name, value] : settings_as_text(settings)) {
    if (name == key) return value;
  }
  return "no such key";
}

// The error that `call` throws.
template <typename Call>
Error refusal(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorCode::kInternal, "expect", "a refusal", "nothing was refused"};
}

TEST(Settings, EveryKeyIsTestedAndInAFixedOrder) {
  const std::vector<std::string> order = {
      "format",        "durability", "capacity",    "max-bytes",    "overflow", "lease",
      "max-failures",  "backoff",    "backoff-max", "max-redrives", "ttl",      "archive",
      "dedupe-window", "id-window",  "history",     "content-type", "check",    "order-on-dead",
      "body-inline",   "hot-cache",  "mode",        "group"};
  const auto all = settings_as_text(Settings());
  ASSERT_EQ(all.size(), order.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].first, order[i]);
    EXPECT_TRUE(kAccepted.contains(order[i])) << order[i];
  }
}

TEST(Settings, DefaultsAreThoseOfTheDesign) {
  const Settings settings = parse_settings("", "queue.toml");
  EXPECT_EQ(settings, Settings());
  EXPECT_EQ(text_of(settings, "lease"), "30s");
  EXPECT_EQ(text_of(settings, "capacity"), "unbounded");
  EXPECT_EQ(text_of(settings, "max-bytes"), "unbounded");
  EXPECT_EQ(text_of(settings, "backoff-max"), "10m");
  EXPECT_EQ(text_of(settings, "body-inline"), "10M");
  EXPECT_EQ(text_of(settings, "mode"), "0600");
}

TEST(Settings, EveryValueIsWrittenAsItIsSetAndChangesNothingElse) {
  for (const auto& [key, values] : kAccepted) {
    for (const std::string& value : values) {
      Settings settings;
      set_setting(settings, key, value);
      for (const auto& [name, text] : settings_as_text(settings)) {
        EXPECT_EQ(text, name == key ? value : text_of(Settings(), name)) << key << "=" << value;
      }
    }
  }
}

TEST(Settings, EveryValueSurvivesTheFile) {
  for (const auto& [key, values] : kAccepted) {
    for (const std::string& value : values) {
      Settings settings;
      set_setting(settings, key, value);
      settings.backoff_max = std::max(settings.backoff, settings.backoff_max);
      EXPECT_EQ(parse_settings(format_settings(settings), "queue.toml"), settings)
          << format_settings(settings);
    }
  }
}

TEST(Settings, EveryTwoKeysSurviveTheFileTogether) {
  for (const auto& [key, values] : kAccepted) {
    for (const auto& [other, other_values] : kAccepted) {
      Settings settings;
      set_setting(settings, key, values.back());
      set_setting(settings, other, other_values.front());
      settings.backoff_max = std::max(settings.backoff, settings.backoff_max);
      EXPECT_EQ(parse_settings(format_settings(settings), "queue.toml"), settings);
    }
  }
}

TEST(Settings, TheFileHasOneLinePerKey) {
  Settings settings;
  settings.capacity = 100;
  const std::string toml = format_settings(settings);
  EXPECT_EQ(std::count(toml.begin(), toml.end(), '\n'), std::ssize(settings_as_text(settings)));
  EXPECT_TRUE(toml.starts_with("format = \"binary\"\ndurability = \"sync\"\ncapacity = 100\n"));
  EXPECT_NE(toml.find("lease = \"30s\"\nmax-failures = 10\n"), std::string::npos);
  EXPECT_TRUE(toml.ends_with("mode = \"0600\"\ngroup = \"\"\n"));
}

TEST(Settings, RefusesBadValuesNamingKeyAndValue) {
  const std::map<std::string, std::vector<std::string>> refused = {
      {"format", {"", "XML", "json"}},
      {"durability", {"", "SYNC", "none"}},
      {"capacity", {"", "-1", "1K", "Unbounded", "1.5"}},
      {"max-bytes", {"", "-1", "1KB", "none"}},
      {"overflow", {"", "drop"}},
      {"lease", {"", "0", "0s", "-1s", "30", "36501d"}},
      {"max-failures", {"", "0", "-1", "ten"}},
      {"backoff", {"", "1", "-1s", "9223372036854775807ms"}},
      {"backoff-max", {"", "1"}},
      {"max-redrives", {"", "-1"}},
      {"ttl", {"", "never"}},
      {"archive", {"", "on"}},
      {"dedupe-window", {"", "10"}},
      {"id-window", {"", "7"}},
      {"history", {"", "on"}},
      {"content-type", {"a\nb", std::string("a\0b", 3), "\x7f", "\xff", std::string(1025, 'c')}},
      {"check", {"", "xml", "utf8"}},
      {"order-on-dead", {"", "skip"}},
      {"body-inline", {"", "-1", "65M", "67108865", "unbounded"}},
      {"hot-cache", {"", "-1", "2G", "1K1", "unbounded"}},
      {"mode",
       {"", "0", "0400", "0200", "0700", "0666", "0662", "0602", "1600", "04600", "0x180", "068",
        "-0600", " 0600", "600 ", "100000000600"}},
      {"group", {"a b", "a:b", "\xc3\xa4", "a/b", "a\n"}},
  };
  for (const auto& [key, values] : refused) {
    for (const std::string& value : values) {
      Settings settings;
      const Error error = refusal([&] { set_setting(settings, key, value); });
      EXPECT_EQ(error.code(), ErrorCode::kBadData) << key << "=" << value;
      EXPECT_EQ(error.subject(), key);
      EXPECT_NE(error.why().find('\''), std::string::npos);
      EXPECT_EQ(settings, Settings());
    }
  }
  EXPECT_EQ(refused.size(), kAccepted.size());
}

TEST(Settings, RefusesAnUnknownKey) {
  for (const std::string_view key : {"", "Lease", "leas", "max_failures", "lease "}) {
    Settings settings;
    const Error error = refusal([&] { set_setting(settings, key, "1"); });
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_EQ(error.subject(), key);
  }
}

TEST(Settings, ReadsOtherSpellingsOfAValue) {
  Settings settings;
  set_setting(settings, "lease", "90000ms");
  set_setting(settings, "mode", "640");
  set_setting(settings, "body-inline", "1024K");
  EXPECT_EQ(settings.lease, 90s);
  EXPECT_EQ(settings.mode, 0640u);
  EXPECT_EQ(text_of(settings, "lease"), "90s");
  EXPECT_EQ(text_of(settings, "mode"), "0640");
  EXPECT_EQ(text_of(settings, "body-inline"), "1M");
}

TEST(Settings, ReadsAFileWrittenByHand) {
  const Settings settings = parse_settings(
      "# ours\nlease = '1m'   # long\n\ncapacity = 1_000\nmax-failures = \"3\"\n", "queue.toml");
  EXPECT_EQ(settings.lease, 1min);
  EXPECT_EQ(settings.capacity, 1000);
  EXPECT_EQ(settings.max_failures, 3);
  EXPECT_EQ(settings.backoff, Settings().backoff);
}

TEST(Settings, RefusesAFileNamingTheLine) {
  struct Case {
    std::string_view toml;
    std::string_view line;
    std::string_view reason;
  };
  const Case cases[] = {
      {"lease = \"30s\"\nlaese = \"30s\"\n", "line 2", "laese"},
      {"\n\nlease = \"30\"\n", "line 3", "duration"},
      {"\nlease = 30\n", "line 2", "string"},
      {"\nmode = 0o600\n", "line 2", "string"},
      {"\nmax-failures = 0\n", "line 2", "at least 1"},
      {"\nmax-failures = 1.5\n", "line 2", "integer"},
      {"\nformat = [\"xml\"]\n", "line 2", "string"},
      {"\nformat = true\n", "line 2", "string"},
      {"\n[format]\n", "line 2", "string"},
      {"lease = \"30s\"\nlease = \"31s\"\n", "line 2", "lease"},
      {"format = \"xml\"\nlease = \n", "line 2", ""},
      {"lease = \"30s", "line 1", ""},
      {"backoff = \"2s\"\n\nbackoff-max = \"1s\"\n", "line 3", "backoff-max is less than backoff"},
      {"\nbackoff = \"2h\"\n", "line 2", "backoff-max is less than backoff"},
      {"\nbackoff-max = \"0\"\n", "line 2", "backoff-max is less than backoff"},
      {"content-type = \"\xff\"\n", "line 1", ""},
      {"content-type = \"a\\u0000b\"\n", "line 1", "control"},
  };
  for (const Case& bad : cases) {
    const Error error = refusal([&] { parse_settings(bad.toml, "ROOT/q/queue.toml"); });
    EXPECT_EQ(error.code(), ErrorCode::kConfiguration) << bad.toml;
    EXPECT_EQ(error.subject(), "ROOT/q/queue.toml");
    EXPECT_NE(error.why().find(bad.line), std::string::npos) << bad.toml << error.why();
    EXPECT_NE(error.why().find(bad.reason), std::string::npos) << bad.toml << error.why();
  }
}

// Of a number less may be left: it is a number, too.
TEST(Settings, RefusesAFileThatEndsInTheMiddleOfALine) {
  const Error error =
      refusal([&] { parse_settings("lease = \"30s\"\nmax-failures = 1", "q/queue.toml"); });
  EXPECT_EQ(error.code(), ErrorCode::kConfiguration);
  EXPECT_EQ(error.subject(), "q/queue.toml");
}

TEST(Settings, NoTruncatedFileIsTakenForTheWholeOne) {
  Settings settings;
  settings.group = "mail";
  const std::string toml = format_settings(settings);
  for (std::size_t length = 0; length + 1 < toml.size(); ++length) {
    try {
      EXPECT_NE(parse_settings(toml.substr(0, length), "queue.toml"), settings) << length;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kConfiguration);
    }
  }
}

}  // namespace
}  // namespace spoolmq
