#include "cli/text_finder.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace spoolmq::cli {
namespace {

bool found_in_pieces(TextFinder& finder, std::initializer_list<std::string_view> pieces) {
  finder.restart();
  for (const std::string_view piece : pieces) {
    if (finder.feed(piece)) return true;
  }
  return false;
}

TEST(TextFinder, FindsTheTextWhereverItIsCut) {
  TextFinder finder("needle");
  const std::string whole = "hay needle hay";
  for (std::size_t first = 0; first <= whole.size(); ++first) {
    for (std::size_t second = first; second <= whole.size(); ++second) {
      const std::string_view view(whole);
      EXPECT_TRUE(found_in_pieces(
          finder, {view.substr(0, first), view.substr(first, second - first), view.substr(second)}))
          << first << " " << second;
    }
  }
}

TEST(TextFinder, FindsTheTextInPiecesOfOneByte) {
  TextFinder finder("aab");
  EXPECT_TRUE(found_in_pieces(finder, {"a", "a", "a", "b"}));
  EXPECT_FALSE(found_in_pieces(finder, {"a", "b", "a", "b", "aa"}));
}

TEST(TextFinder, DoesNotJoinWhatIsNotAdjacent) {
  TextFinder finder("needle");
  EXPECT_FALSE(found_in_pieces(finder, {"need", "xle", "needl", "le"}));
}

TEST(TextFinder, ForgetsTheBytesBeforeARestart) {
  TextFinder finder("needle");
  EXPECT_FALSE(finder.feed("need"));
  finder.restart();
  EXPECT_FALSE(finder.feed("le"));
}

TEST(TextFinder, TakesAnyBytes) {
  TextFinder finder(std::string("\0\xff", 2));
  EXPECT_TRUE(finder.in(std::string_view("a\0\xff", 3)));
  EXPECT_FALSE(finder.in(std::string_view("\0a\xff", 3)));
  EXPECT_TRUE(found_in_pieces(finder, {std::string_view("x\0", 2), "\xff"}));
}

TEST(TextFinder, FindsASingleByte) {
  TextFinder finder("x");
  EXPECT_TRUE(found_in_pieces(finder, {"", "abc", "x"}));
  EXPECT_FALSE(found_in_pieces(finder, {"", "abc"}));
}

}  // namespace
}  // namespace spoolmq::cli
