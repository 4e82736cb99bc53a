// How much of a piece was written, and what a reader gets who comes in its middle.

#include "adapters/tail_piece.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace spoolmq::adapters {
namespace {

TailPiece piece(std::string bytes, std::vector<std::size_t> ends, bool begins_inside = false) {
  return {std::move(bytes), std::move(ends), begins_inside};
}

void load(PieceCursor& cursor, TailPiece given) { cursor.load(given); }

TEST(PieceCursor, CountsAMessageWhenItsLastByteIsWritten) {
  PieceCursor cursor;
  EXPECT_TRUE(cursor.is_done());
  load(cursor, piece("ab\ncd\n", {3, 6}));
  EXPECT_EQ(cursor.messages_left(), 2U);
  cursor.wrote(2);
  EXPECT_EQ(cursor.take_moved().messages, 0U);
  EXPECT_EQ(cursor.rest(), "\ncd\n");
  cursor.wrote(1);
  cursor.wrote(0);
  EXPECT_EQ(cursor.messages_left(), 1U);
  cursor.wrote(3);
  EXPECT_TRUE(cursor.is_done());
  const TailMoved moved = cursor.take_moved();
  EXPECT_EQ(moved.messages, 2U);
  EXPECT_EQ(moved.bytes, 4U);
}

TEST(PieceCursor, CutsNothingBetweenMessages) {
  PieceCursor cursor;
  EXPECT_FALSE(cursor.cut());
  load(cursor, piece("ab\ncd\n", {3, 6}));
  EXPECT_FALSE(cursor.cut());
  cursor.wrote(3);
  EXPECT_FALSE(cursor.cut());
  EXPECT_EQ(cursor.rest(), "cd\n");
  cursor.wrote(3);
  EXPECT_FALSE(cursor.cut());
}

TEST(PieceCursor, GivesTheNextReaderNoHalfMessage) {
  PieceCursor cursor;
  load(cursor, piece("ab\ncd\nef\n", {3, 6, 9}));
  cursor.wrote(4);
  EXPECT_TRUE(cursor.cut());
  EXPECT_EQ(cursor.rest(), "ef\n");
  cursor.wrote(3);
  EXPECT_EQ(cursor.take_moved().messages, 2U);
}

TEST(PieceCursor, SkipsTheRestOfAMessageOfSeveralPieces) {
  PieceCursor cursor;
  load(cursor, piece("begin", {}));
  cursor.wrote(5);
  EXPECT_TRUE(cursor.cut());
  load(cursor, piece("middle", {}, true));
  EXPECT_TRUE(cursor.is_done());
  load(cursor, piece("end\n", {4}, true));
  EXPECT_TRUE(cursor.is_done());
  load(cursor, piece("next\n", {5}));
  EXPECT_EQ(cursor.rest(), "next\n");
  cursor.wrote(5);
  EXPECT_EQ(cursor.take_moved().messages, 1U);
  EXPECT_FALSE(cursor.cut());
}

TEST(PieceCursor, AMessageMayEndWithoutAByte) {
  PieceCursor cursor;
  load(cursor, piece("line\n", {}));
  cursor.wrote(5);
  load(cursor, piece("", {0}, true));
  EXPECT_TRUE(cursor.is_done());
  EXPECT_EQ(cursor.take_moved().messages, 1U);
  EXPECT_FALSE(cursor.cut());
}

}  // namespace
}  // namespace spoolmq::adapters
