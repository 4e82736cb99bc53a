#include "cli/message_ids.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace spoolmq::cli {
namespace {

constexpr std::string_view kId = "018f2a3b-4c5d-7e6f-8a9b-0c1d2e3f4a5b";

std::string tail_of(std::string_view text) {
  const auto id = parse_id_text(text);
  return id && !id->whole ? id->tail : "refused or whole";
}

TEST(IdText, TakesAWholeId) {
  const auto id = parse_id_text(kId);
  ASSERT_TRUE(id && id->whole);
  EXPECT_EQ(id->whole->text(), kId);
  EXPECT_TRUE(id->tail.empty());
}

TEST(IdText, TakesSixOrMoreCharactersOfTheEnd) {
  EXPECT_EQ(tail_of("3f4a5b"), "3f4a5b");
  EXPECT_EQ(tail_of("3F4A5B"), "3f4a5b");
  EXPECT_EQ(tail_of("9b-0c1d2e3f4a5b"), "9b0c1d2e3f4a5b");
  EXPECT_EQ(tail_of("018f2a3b4c5d7e6f8a9b0c1d2e3f4a5b"), "018f2a3b4c5d7e6f8a9b0c1d2e3f4a5b");
}

TEST(IdText, RefusesWhatIsNoEndOfAnId) {
  for (const std::string_view text :
       {"", "-", "f4a5b", "3-f-4a5", "3f4a5g", "ALL", "3f4a5b ", "*4a5b00",
        "0018f2a3b4c5d7e6f8a9b0c1d2e3f4a5b", "018f2a3b-4c5d-7e6f-8a9b-0c1d2e3f4a5b0"}) {
    EXPECT_FALSE(parse_id_text(text)) << text;
  }
}

TEST(ReadIdWords, ReadsWordsOfAnyLines) {
  std::istringstream input("  3f4a5b\tabcdef\r\n\n" + std::string(kId) + "\n012345");
  EXPECT_EQ(read_id_words(input, "requeue"),
            (std::vector<std::string>{"3f4a5b", "abcdef", std::string(kId), "012345"}));
}

TEST(ReadIdWords, FindsNothingInNothing) {
  std::istringstream input("\n \n");
  EXPECT_TRUE(read_id_words(input, "requeue").empty());
}

TEST(ReadIdWords, NamesTheLineOfWhatIsNoId) {
  for (const auto& [text, line] :
       {std::pair<std::string, std::string>{"3f4a5b\nID STATE", "line 2"},
        {std::string(100, 'a'), "line 1"},
        {"\n\n12345\n", "line 3"}}) {
    std::istringstream input(text);
    try {
      read_id_words(input, "requeue");
      ADD_FAILURE() << "not refused: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadData);
      EXPECT_NE(error.subject().find(line), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace spoolmq::cli
