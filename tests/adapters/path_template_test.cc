#include "adapters/path_template.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <string>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kWallMs = 1'700'000'000'123;  // 2023-11-14T22:13:20.123Z

// Local time three hours east of UTC while it lives.
class EastOfGreenwich {
 public:
  EastOfGreenwich() {
    if (const char* before = std::getenv("TZ")) before_ = before;
    ::setenv("TZ", "EAT-3", 1);
    ::tzset();
  }
  EastOfGreenwich(const EastOfGreenwich&) = delete;
  EastOfGreenwich& operator=(const EastOfGreenwich&) = delete;
  ~EastOfGreenwich() {
    if (before_.empty()) {
      ::unsetenv("TZ");
    } else {
      ::setenv("TZ", before_.c_str(), 1);
    }
    ::tzset();
  }

 private:
  std::string before_;
};

TEST(PathTemplate, FillsEveryPlaceholder) {
  const EastOfGreenwich zone;
  struct {
    const char* text;
    const char* path;
    const char* made;
  } const cases[] = {
      {"", "a", ""},
      {"plain", "a", "plain"},
      {"{name}", "2026/lyon/a.xml", "a.xml"},
      {"{stem}|{ext}", "x/a.tar.gz", "a.tar|gz"},
      {"{stem}|{ext}|", "x/Makefile", "Makefile||"},
      {"{stem}|{ext}|", "x.d/.profile", ".profile||"},
      {"{path}", "2026/lyon/a.xml", "2026/lyon/a.xml"},
      {"{path:1}-{path:2}-{path:3}", "2026/lyon/a.xml", "2026-lyon-a.xml"},
      {"{path:-1}-{path:-2}-{path:-3}", "2026/lyon/a.xml", "a.xml-lyon-2026"},
      {"<{path:4}{path:-4}{path:999}>", "2026/lyon/a.xml", "<>"},
      {"{path:1}{path:-1}", "a", "aa"},
      {"<{path:1}{path:2}{name}{ext}>", "", "<>"},
      {"done/{date:%Y-%m-%d/%H}", "a", "done/2023-11-15/01"},
      {"{date:%%%5d%-d%Od}", "a", "%000151515"},
      {"{{{name}}}", "a", "{a}"},
      {"{name}", "x/caf\xE9.\xFFtxt", "caf?.?txt"},
      {"{name}", "naïve ☂\n", "naïve ☂\n"},
  };
  for (const auto& one : cases) {
    const PathTemplate parsed = PathTemplate::parse(one.text);
    EXPECT_EQ(parsed.render(one.path, kWallMs), one.made) << one.text;
    EXPECT_EQ(parsed.text(), one.text);
  }
}

TEST(PathTemplate, RefusesWhatItDoesNotUnderstand) {
  struct {
    const char* text;
    const char* why;
  } const cases[] = {
      {"{", "column 1: '{' without '}'"},
      {"ab{name", "column 3: '{' without '}'"},
      {"a}", "column 2: '}' without '{'"},
      {"x{nam}", "column 2: not one of {name} {stem} {ext} {path} {path:N} {date:FORMAT}"},
      {"{}", "column 1: not one of"},
      {"{name:1}", "column 1: not one of"},
      {"{header:site}", "column 1: not one of"},
      {"{path:}", "column 1: a part's number"},
      {"{path:0}", "column 1: a part's number"},
      {"{path:+1}", "column 1: a part's number"},
      {"{path:1x}", "column 1: a part's number"},
      {"{path:99999999999}", "column 1: a part's number"},
      {"a{date}", "column 2: a format is missing"},
      {"{date:}", "column 1: a format is missing"},
      {"{date:%Q}", "column 1: the date's format"},
      {"{date:%Y%}", "column 1: the date's format"},
      {"{date:%99999Y}", "column 1: the date's format"},
      {"{date:%200Y%200Y}", "column 1: the date is longer than 256 bytes"},
  };
  for (const auto& one : cases) {
    try {
      (void)PathTemplate::parse(one.text);
      ADD_FAILURE() << one.text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_EQ(error.subject(), one.text);
      EXPECT_TRUE(error.why().starts_with(one.why)) << one.text << ": " << error.why();
    }
  }
  EXPECT_THROW((void)PathTemplate::parse(std::string_view("{date:%Y\0%m}", 12)), Error);
}

TEST(PathTemplate, OfWhatIsCutShortIsRefusedOrRendered) {
  const std::string_view whole = "{{a}}{name}/{date:%Y%m}{path:-2}{stem}{ext}";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    try {
      (void)PathTemplate::parse(whole.substr(0, size)).render("a/b.c", kWallMs);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
    }
  }
}

TEST(PathTemplate, RendersAnyMoment) {
  const EastOfGreenwich zone;
  const PathTemplate parsed = PathTemplate::parse("{date:%Y-%m-%d %T}");
  EXPECT_EQ(parsed.render("a", -1), "1970-01-01 02:59:59");
  EXPECT_EQ(parsed.render("a", INT64_MAX), "292278994-08-17 10:12:55");
}

}  // namespace
}  // namespace spoolmq::adapters
