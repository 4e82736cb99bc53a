#include "adapters/message_environment.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace spoolmq::adapters {
namespace {

bool contains(const std::vector<std::string>& variables, std::string_view variable) {
  return std::find(variables.begin(), variables.end(), variable) != variables.end();
}

std::size_t count_of(const std::vector<std::string>& variables, std::string_view start) {
  return static_cast<std::size_t>(
      std::count_if(variables.begin(), variables.end(),
                    [start](const std::string& variable) { return variable.starts_with(start); }));
}

TEST(MessageEnvironment, NamesTheMessage) {
  Message message;
  message.id = *MessageId::parse("01890a5d-ac96-774b-bcce-b302099a8057");
  message.sent_at_ms = 1'500;
  message.from.name = "press-3";
  const auto variables = message_environment({}, "orders/eu", message, 4);
  EXPECT_TRUE(contains(variables, "SPOOLMQ_ID=01890a5d-ac96-774b-bcce-b302099a8057"));
  EXPECT_TRUE(contains(variables, "SPOOLMQ_QUEUE=orders/eu"));
  EXPECT_TRUE(contains(variables, "SPOOLMQ_DELIVERIES=4"));
  EXPECT_TRUE(contains(variables, "SPOOLMQ_SENT_AT=1970-01-01T00:00:01.500Z"));
  EXPECT_TRUE(contains(variables, "SPOOLMQ_FROM=press-3"));
}

TEST(MessageEnvironment, TurnsHeaderNamesIntoVariables) {
  EXPECT_EQ(header_variable("content-type"), "SPOOLMQ_H_CONTENT_TYPE");
  EXPECT_EQ(header_variable("a.b 9Z"), "SPOOLMQ_H_A_B_9Z");
  EXPECT_EQ(header_variable("\xc3\xa9="), "SPOOLMQ_H____");
}

TEST(MessageEnvironment, LeavesOutWhatAVariableCannotHold) {
  Message message;
  message.headers = {{"nul", std::string("a\0b", 3)},
                     {"huge", std::string(kMaxVariableBytes + 1, 'x')},
                     {"fits", std::string(kMaxVariableBytes, 'x')},
                     {"empty", ""}};
  const auto variables = message_environment({}, "q", message, 1);
  EXPECT_EQ(count_of(variables, "SPOOLMQ_H_NUL"), 0U);
  EXPECT_EQ(count_of(variables, "SPOOLMQ_H_HUGE"), 0U);
  EXPECT_EQ(count_of(variables, "SPOOLMQ_H_FITS"), 1U);
  EXPECT_TRUE(contains(variables, "SPOOLMQ_H_EMPTY="));
}

TEST(MessageEnvironment, BoundsAllHeadersTogether) {
  Message message;
  for (int i = 0; i < 100; ++i) {
    message.headers.emplace_back("h" + std::to_string(i), std::string(kMaxVariableBytes, 'x'));
  }
  const auto variables = message_environment({}, "q", message, 1);
  EXPECT_EQ(count_of(variables, "SPOOLMQ_H_"), kMaxHeaderVariablesBytes / kMaxVariableBytes - 1);
}

TEST(MessageEnvironment, LetsTheFirstHeaderOfAVariableCount) {
  Message message;
  message.headers = {{"x-y", "1"}, {"x_y", "2"}};
  const auto variables = message_environment({}, "q", message, 1);
  EXPECT_TRUE(contains(variables, "SPOOLMQ_H_X_Y=1"));
  EXPECT_EQ(count_of(variables, "SPOOLMQ_H_X_Y="), 1U);
}

TEST(MessageEnvironment, KeepsTheRestAndDropsAnotherMessages) {
  const std::vector<std::string> base = {"PATH=/bin", "SPOOLMQ_ROOT=/r", "SPOOLMQ_ID=old",
                                         "SPOOLMQ_H_OLD=1", "SPOOLMQ_IDENTITY=kept"};
  const auto variables = message_environment(base, "q", Message(), 1);
  EXPECT_TRUE(contains(variables, "PATH=/bin"));
  EXPECT_TRUE(contains(variables, "SPOOLMQ_ROOT=/r"));
  EXPECT_TRUE(contains(variables, "SPOOLMQ_IDENTITY=kept"));
  EXPECT_EQ(count_of(variables, "SPOOLMQ_ID="), 1U);
  EXPECT_EQ(count_of(variables, "SPOOLMQ_H_OLD"), 0U);
}

}  // namespace
}  // namespace spoolmq::adapters
