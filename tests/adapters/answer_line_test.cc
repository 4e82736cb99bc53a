#include "adapters/answer_line.h"

#include <gtest/gtest.h>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

TEST(AnswerLine, UnderstandsEachWord) {
  EXPECT_EQ(parse_answer("ok"), (Answer{Verdict::kAck, ""}));
  EXPECT_EQ(parse_answer("ok 0190-x"), (Answer{Verdict::kAck, "0190-x"}));
  EXPECT_EQ(parse_answer("again disk full\r"), (Answer{Verdict::kNack, "disk full"}));
  EXPECT_EQ(parse_answer("no not JSON"), (Answer{Verdict::kReject, "not JSON"}));
  EXPECT_EQ(parse_answer("down"), (Answer{Verdict::kPause, ""}));
  EXPECT_EQ(parse_answer("stop no license"), (Answer{Verdict::kStop, "no license"}));
}

TEST(AnswerLine, TakesNothingElseForAnAnswer) {
  for (const char* const line : {"", "okay", "OK", " ok", "nope", "result 3", "again!"}) {
    EXPECT_EQ(parse_answer(line), std::nullopt) << line;
  }
  EXPECT_EQ(parse_answer("no " + std::string(kMostAnswerBytes, 'x')), std::nullopt);
}

TEST(AnswerLine, KeepsTextOnOneLine) {
  EXPECT_EQ(answer_line(Verdict::kReject, "a\nok 1\x1b["), "no a?ok 1?[\n");
  EXPECT_EQ(parse_answer("no a\x1b[31m"), (Answer{Verdict::kReject, "a?[31m"}));
  EXPECT_EQ(answer_line(Verdict::kAck, ""), "ok\n");
}

TEST(AnswerLine, ReadsWhatItWrote) {
  for (const Verdict verdict :
       {Verdict::kAck, Verdict::kNack, Verdict::kReject, Verdict::kPause, Verdict::kStop}) {
    std::string line = answer_line(verdict, "two words");
    line.pop_back();
    EXPECT_EQ(parse_answer(line), (Answer{verdict, "two words"}));
  }
  EXPECT_THROW(answer_line(Verdict::kNone, ""), Error);
}

}  // namespace
}  // namespace spoolmq::adapters
