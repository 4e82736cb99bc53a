#include "adapters/export_name.h"

#include <gtest/gtest.h>

#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr const char* kId = "01920000-0000-7000-8000-0000000000ab";
constexpr std::int64_t kSentMs = 1'700'000'000'123;  // 2023-11-14T22:13:20.123Z

Message message(Headers headers) {
  Message made;
  made.id = *MessageId::parse(kId);
  made.headers = std::move(headers);
  made.sent_at_ms = kSentMs;
  return made;
}

struct NameCase {
  const char* text;
  Headers headers;
  std::string name;
};

TEST(NameTemplate, FillsEveryPlaceholder) {
  const NameCase cases[] = {
      {"{name}", {{"name", "report.csv"}}, "report.csv"},
      {"{name}", {}, kId},
      {"{id}", {{"name", "report.csv"}}, kId},
      {"{seq}-{name}", {{"name", "a"}}, "42-a"},
      {"{stem}_{ext}", {{"name", "a.tar.gz"}}, "a.tar_gz"},
      {"{stem}|{ext}|", {{"name", "Makefile"}}, "Makefile||"},
      {"{stem}|{ext}|", {{"name", "end."}}, "end.||"},
      {"{date:%Y%m%d}-{date:%H%M%S}.x", {}, "20231114-221320.x"},
      {"{header:site}.{header:none}x", {{"site", "LYS"}, {"site", "CDG"}}, "LYS.x"},
      {"{{{id}}}", {}, std::string("{") + kId + "}"},
      {"plain", {{"name", "a"}}, "plain"},
      {"{header:site}", {}, kId},
  };
  for (const NameCase& one : cases) {
    EXPECT_EQ(NameTemplate::parse(one.text).render(message(one.headers), 42), one.name) << one.text;
  }
}

TEST(NameTemplate, KeepsAStrangersNameInsideTheDirectory) {
  const NameCase cases[] = {
      {"{name}", {{"name", "../../etc/passwd"}}, "_._.._etc_passwd"},
      {"{name}", {{"name", ".."}}, "_."},
      {"{name}", {{"name", "."}}, "_"},
      {"{name}", {{"name", ""}}, kId},
      {"{name}", {{"name", ".bashrc"}}, "_bashrc"},
      {"{name}", {{"name", "/"}}, "_"},
      {"{name}", {{"name", std::string("a\0b\n\x7f", 5)}}, "a_b__"},
      {"{name}", {{"name", "a\xc2\x85z"}}, "a_z"},
      {"{name}", {{"name", "caf\xe9.txt"}}, "caf_.txt"},
      {"{header:dir}{name}", {{"name", "x"}, {"dir", ".spoolmq-"}}, "_spoolmq-x"},
      {"{header:dir}/{name}", {{"name", "x"}, {"dir", ".."}}, "_._x"},
      {"{name}", {{"name", "naïve ☂.txt"}}, "naïve ☂.txt"},
  };
  for (const NameCase& one : cases) {
    EXPECT_EQ(NameTemplate::parse(one.text).render(message(one.headers), 1), one.name) << one.name;
  }
}

TEST(NameTemplate, RefusesWhatItDoesNotUnderstand) {
  struct {
    const char* text;
    const char* why;
  } const cases[] = {
      {"", "column 1"},         {"{", "column 1"},       {"ab{id", "column 3"},
      {"a}", "column 2"},       {"{nam}", "column 1"},   {"{id:3}", "column 1"},
      {"x{date}", "column 2"},  {"{date:}", "column 1"}, {"{header:}", "column 1"},
      {"{header}", "column 1"}, {"{}", "column 1"},
  };
  for (const auto& one : cases) {
    try {
      (void)NameTemplate::parse(one.text);
      ADD_FAILURE() << one.text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_NE(error.why().find(one.why), std::string::npos) << one.text << ": " << error.what();
    }
  }
}

TEST(NameTemplate, SaysWhetherItNeedsTheSequence) {
  EXPECT_TRUE(NameTemplate::parse("a{seq}").uses_sequence());
  EXPECT_FALSE(NameTemplate::parse("{id}{{seq}}").uses_sequence());
}

TEST(FileName, IsCutBetweenCharactersAndKeepsItsExtension) {
  std::string umbrellas;
  for (int i = 0; i < 100; ++i) umbrellas += "☂";
  const std::string name = safe_file_name(umbrellas + ".csv", "id");
  EXPECT_LE(name.size(), kMaxFileNameBytes);
  EXPECT_GT(name.size(), kMaxFileNameBytes - 3);
  EXPECT_TRUE(name.ends_with("☂.csv"));
  EXPECT_EQ(first_invalid_utf8(name), std::nullopt);

  const std::string no_extension = safe_file_name("a." + std::string(300, 'b'), "id");
  EXPECT_EQ(no_extension, "a." + std::string(253, 'b'));
}

TEST(FileName, NeverStartsWithADotHoweverLongItsExtension) {
  for (std::size_t length = 1; length < 300; ++length) {
    const std::string name = safe_file_name("é." + std::string(length, 'x'), "id");
    EXPECT_TRUE(name.starts_with("é"));
    EXPECT_LE(name.size(), kMaxFileNameBytes);
  }
}

TEST(FileName, IsNumberedBeforeItsExtension) {
  EXPECT_EQ(numbered_file_name("report.csv", 1), "report.1.csv");
  EXPECT_EQ(numbered_file_name("Makefile", 12), "Makefile.12");
  EXPECT_EQ(numbered_file_name("a.tar.gz", 2), "a.tar.2.gz");
  const std::string longest = std::string(251, 'a') + ".csv";
  EXPECT_EQ(numbered_file_name(longest, 7), std::string(249, 'a') + ".7.csv");
}

}  // namespace
}  // namespace spoolmq::adapters
