#include "core/units.h"

#include <gtest/gtest.h>

#include <limits>

namespace spoolmq {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

TEST(Duration, ReadsItsUnits) {
  EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
  EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("10m"), milliseconds(600'000));
  EXPECT_EQ(parse_duration("2h"), milliseconds(7'200'000));
  EXPECT_EQ(parse_duration("7d"), milliseconds(604'800'000));
  EXPECT_EQ(parse_duration("0"), milliseconds(0));
  EXPECT_EQ(parse_duration("0d"), milliseconds(0));
  EXPECT_EQ(parse_duration("9223372036854775807ms"), milliseconds(kMax));
}

TEST(Duration, RefusesEverythingElse) {
  for (const std::string_view text : {"",
                                      "30",
                                      "00",
                                      "s",
                                      "ms",
                                      "-1s",
                                      "+1s",
                                      "1.5s",
                                      " 1s",
                                      "1s ",
                                      "1 s",
                                      "1S",
                                      "1w",
                                      "1sec",
                                      "1m30s",
                                      "0x10s",
                                      "9223372036854775808ms",
                                      "9223372036854776s",
                                      "106751991168d",
                                      "99999999999999999999d"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Duration, IsWrittenInTheLargestUnitThatIsExact) {
  EXPECT_EQ(format_duration(milliseconds(0)), "0");
  EXPECT_EQ(format_duration(milliseconds(1)), "1ms");
  EXPECT_EQ(format_duration(milliseconds(1'500)), "1500ms");
  EXPECT_EQ(format_duration(milliseconds(90'000)), "90s");
  EXPECT_EQ(format_duration(milliseconds(600'000)), "10m");
  EXPECT_EQ(format_duration(milliseconds(7'200'000)), "2h");
  EXPECT_EQ(format_duration(milliseconds(86'400'000)), "1d");
}

TEST(Duration, IsReadBackAsItWasWritten) {
  for (std::int64_t ms = 1; ms < kMax / 7; ms = ms * 7 / 2 + 1) {
    for (const std::int64_t unit : {1, 1'000, 60'000, 3'600'000, 86'400'000}) {
      const milliseconds duration(ms / unit * unit);
      EXPECT_EQ(parse_duration(format_duration(duration)), duration);
    }
  }
}

TEST(Size, ReadsPowersOf1024) {
  EXPECT_EQ(parse_size("0"), 0);
  EXPECT_EQ(parse_size("1000"), 1000);
  EXPECT_EQ(parse_size("64K"), 65536);
  EXPECT_EQ(parse_size("10M"), 10485760);
  EXPECT_EQ(parse_size("2G"), 2147483648);
  EXPECT_EQ(parse_size("1T"), 1099511627776);
  EXPECT_EQ(parse_size("8388607T"), 8388607 * (std::int64_t{1} << 40));
}

TEST(Size, RefusesEverythingElse) {
  for (const std::string_view text : {"", "K", "-1", "-1K", "+1", "1k", "1KB", "1.5K", " 1", "1 K",
                                      "8388608T", "9223372036854775808", "unbounded"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(Size, IsWrittenInTheLargestUnitThatIsExact) {
  EXPECT_EQ(format_size(0), "0");
  EXPECT_EQ(format_size(1000), "1000");
  EXPECT_EQ(format_size(1536), "1536");
  EXPECT_EQ(format_size(65536), "64K");
  EXPECT_EQ(format_size(10 << 20), "10M");
  EXPECT_EQ(format_size(std::int64_t{1} << 40), "1T");
}

TEST(Integer, IsTheWholeText) {
  EXPECT_EQ(parse_integer("0"), 0);
  EXPECT_EQ(parse_integer("-17"), -17);
  EXPECT_EQ(parse_integer("9223372036854775807"), kMax);
  EXPECT_EQ(parse_integer("-9223372036854775808"), kMin);
  for (const std::string_view text :
       {"", "-", "+1", " 1", "1 ", "1x", "0x1", "1.0", "9223372036854775808"}) {
    EXPECT_EQ(parse_integer(text), std::nullopt) << text;
  }
}

TEST(Time, IsWrittenInUtcWithMilliseconds) {
  EXPECT_EQ(format_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(format_time(1'795'256'100'123), "2026-11-21T10:15:00.123Z");
  EXPECT_EQ(format_time(951'782'400'000), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(format_time(4'107'542'399'999), "2100-02-28T23:59:59.999Z");
  EXPECT_EQ(format_time(4'107'542'400'000), "2100-03-01T00:00:00.000Z");
  EXPECT_EQ(format_time(253'402'300'799'999), "9999-12-31T23:59:59.999Z");
}

TEST(Time, IsReadBackAsItWasWritten) {
  for (std::int64_t ms = 1; ms < kMax / 7; ms = ms * 7 / 2 + 1) {
    EXPECT_EQ(parse_time(format_time(ms)), ms) << ms;
    EXPECT_EQ(parse_time(format_time(-ms)), -ms) << ms;
  }
  for (const std::int64_t ms :
       {kMin, kMin + 1, kMax, std::int64_t{0}, std::int64_t{-1}, std::int64_t{253'402'300'799'999},
        std::int64_t{253'402'300'800'000}, std::int64_t{-62'167'219'200'000},
        std::int64_t{-62'167'219'200'001}}) {
    EXPECT_EQ(parse_time(format_time(ms)), ms) << format_time(ms);
  }
  constexpr std::int64_t kDay = 86'400'000;
  for (std::int64_t day = -1000 * 366; day < 1000 * 366; ++day) {
    ASSERT_EQ(parse_time(format_time(day * kDay)), day * kDay) << day;
  }
}

TEST(Time, MayLeaveTheMillisecondsOut) {
  EXPECT_EQ(parse_time("2026-11-21T10:15:00Z"), 1'795'256'100'000);
}

TEST(Time, RefusesEveryTruncation) {
  const std::string text = "2026-11-21T10:15:00.123Z";
  for (std::size_t length = 0; length < text.size(); ++length) {
    EXPECT_EQ(parse_time(text.substr(0, length)), std::nullopt) << length;
  }
}

TEST(Time, RefusesWhatNoClockShows) {
  for (const std::string_view text :
       {"2026-02-29T00:00:00.000Z",       "2100-02-29T00:00:00.000Z",
        "2026-13-01T00:00:00.000Z",       "2026-00-01T00:00:00.000Z",
        "2026-01-00T00:00:00.000Z",       "2026-04-31T00:00:00.000Z",
        "2026-01-32T00:00:00.000Z",       "2026-01-01T24:00:00.000Z",
        "2026-01-01T00:60:00.000Z",       "2026-01-01T00:00:60.000Z",
        "2026-01-01T00:00:00.00Z",        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.0000Z",      "2026-01-01T00:00:00.000",
        "2026-01-01T00:00:00.000z",       "2026-01-01 00:00:00.000Z",
        "2026-01-01T00:00:00.000+00:00",  "2026-1-01T00:00:00.000Z",
        "+2026-01-01T00:00:00.000Z",      "-0000-01-01T00:00:00.000Z",
        " 2026-01-01T00:00:00.000Z",      "2026-01-01T00:00:00.000Z ",
        "20260-01-01T00:00:00.000Z",      "2026-01-01T-1:00:00.000Z",
        "+292278994-08-17T07:12:55.808Z", "-292275055-05-16T16:47:04.191Z",
        "+012026-01-01T00:00:00.000Z",    "9999999999-01-01T00:00:00.000Z"}) {
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace spoolmq
