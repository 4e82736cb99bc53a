#include "adapters/terminal_text.h"

#include <gtest/gtest.h>

#include <vector>

namespace spoolmq::adapters {
namespace {

using Escapes = TerminalText::Escapes;

std::string stripped(std::string_view bytes, Escapes escapes = Escapes::kStrip) {
  TerminalText text(escapes, 1000);
  text.feed(bytes);
  return text.text();
}

struct Case {
  std::string_view bytes;
  std::string_view text;
};
const std::vector<Case> kCases = {
    {"plain\r\ntext", "plain\ntext"},
    {"several\r\r\nreturns", "several\nreturns"},
    {"over\rwritten\n", "over\rwritten\n"},
    {"\x1b[31;1mred\x1b[0m", "red"},
    {"\x1b[?2004h>>> ", ">>> "},
    {"\x1b]0;title\atext", "text"},
    {"\x1b]0;title\x1b\\text", "text"},
    {"\x1bPstring\x1b\\text", "text"},
    {"\x1b(Btext\x1b=\x1b>", "text"},
    {"a\tb\x7f", "a\tb\x7f"},
};

TEST(TerminalText, IsWhatAPersonWouldRead) {
  for (const Case& one : kCases) EXPECT_EQ(stripped(one.bytes), one.text) << one.bytes;
}

TEST(TerminalText, IsTheSameHoweverItComes) {
  for (const Case& one : kCases) {
    for (std::size_t cut = 0; cut <= one.bytes.size(); ++cut) {
      TerminalText text(Escapes::kStrip, 1000);
      text.feed(one.bytes.substr(0, cut));
      text.feed(one.bytes.substr(cut));
      EXPECT_EQ(text.text(), one.text) << one.bytes << " cut at " << cut;
    }
  }
}

TEST(TerminalText, KeepsEscapesWhereTheyAreWanted) {
  EXPECT_EQ(stripped("\x1b[31mred\x1b[0m\r\n", Escapes::kKeep), "\x1b[31mred\x1b[0m\n");
}

TEST(TerminalText, FindsTheLastLine) {
  TerminalText text(Escapes::kStrip, 1000);
  EXPECT_EQ(text.last_line(), "");
  text.feed("$ ");
  EXPECT_EQ(text.last_line(), "$ ");
  text.feed("ls\r\n");
  EXPECT_EQ(text.last_line(), "");
  text.feed("a\r\n> ");
  EXPECT_EQ(text.last_line(), "> ");
  text.clear();
  EXPECT_EQ(text.text(), "");
}

TEST(TerminalText, StaysSmallAndStillFindsAPrompt) {
  TerminalText text(Escapes::kStrip, 1000);
  text.feed(std::string(1000, 'x'));
  EXPECT_FALSE(text.is_too_long());
  for (int i = 0; i < 1000; ++i) text.feed(std::string(1000, 'x'));
  text.feed("\r\n$ ");
  EXPECT_TRUE(text.is_too_long());
  EXPECT_LT(text.text().size(), 10'000U);
  EXPECT_EQ(text.last_line(), "$ ");
  text.clear();
  EXPECT_FALSE(text.is_too_long());
}

}  // namespace
}  // namespace spoolmq::adapters
