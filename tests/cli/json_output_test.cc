#include "cli/json_output.h"

#include <gtest/gtest.h>

#include <string>

namespace spoolmq::cli {
namespace {

constexpr std::string_view kId = "018f2a3b-4c5d-7e6f-8a9b-0c1d2e3f4a5b";

Message order_message() {
  Message message;
  message.id = *MessageId::parse(kId);
  message.headers = {{"site", "LYS"}, {"hop", "1"}, {"hop", "2"}};
  message.body = "hello\n";
  message.sent_at_ms = 1'767'225'600'123;
  message.from = {.uid = 1000, .pid = 42, .name = "press"};
  return message;
}

TEST(MessageJson, HasEveryFieldInOneOrder) {
  EXPECT_EQ(json_line(message_json(order_message())),
            R"({"id":"018f2a3b-4c5d-7e6f-8a9b-0c1d2e3f4a5b","sent":"2026-01-01T00:00:00.123Z",)"
            R"("priority":4,"headers":[["site","LYS"],["hop","1"],["hop","2"]],)"
            R"("from":{"uid":1000,"pid":42,"name":"press"},"size":6,"body":"hello\n"})");
}

TEST(MessageJson, LeavesHeadersAnArrayWhereThereAreNone) {
  Message message = order_message();
  message.headers.clear();
  EXPECT_EQ(message_json(message)["headers"].dump(), "[]");
}

TEST(MessageJson, AddsTimesAndKeysThatAreSet) {
  Message message = order_message();
  EXPECT_FALSE(message_json(message).contains("order_key"));
  EXPECT_FALSE(message_json(message).contains("expires"));
  message.order_key = "o";
  message.dedupe_key = "d";
  message.reply_to = "r";
  message.correlation_id = "c";
  message.not_before_ms = 1'767'225'600'000;
  message.expires_at_ms = 1'767'225'601'000;
  const auto object = message_json(message);
  EXPECT_EQ(object["order_key"], "o");
  EXPECT_EQ(object["dedupe_key"], "d");
  EXPECT_EQ(object["reply_to"], "r");
  EXPECT_EQ(object["correlation_id"], "c");
  EXPECT_EQ(object["not_before"], "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(object["expires"], "2026-01-01T00:00:01.000Z");
}

TEST(MessageJson, EncodesABodyThatIsNotUtf8) {
  Message message = order_message();
  message.body = std::string("\xff\x00z", 3);
  const auto object = message_json(message);
  EXPECT_FALSE(object.contains("body"));
  EXPECT_EQ(object["body_base64"], "/wB6");
  EXPECT_EQ(object["size"], 3);
}

TEST(MessageJson, KeepsNulInATextBody) {
  Message message = order_message();
  message.body = std::string("a\0b", 3);
  EXPECT_EQ(message_json(message)["body"].get<std::string>(), message.body);
}

TEST(MessageJson, SaysOnlyTheSizeOfABodyInItsOwnFile) {
  Message message = order_message();
  message.body.clear();
  message.large_body = LargeBody{.length = 5'000'000'000, .checksum = 1};
  const auto object = message_json(message);
  EXPECT_EQ(object["size"], 5'000'000'000);
  EXPECT_FALSE(object.contains("body"));
  EXPECT_FALSE(object.contains("body_base64"));
}

TEST(JsonLine, StaysOneLineAndReplacesWhatIsNotUtf8) {
  Message message = order_message();
  message.headers = {{"broken", "a\xff\nb"}};
  const std::string line = json_line(envelope_json(message));
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_NE(line.find("[\"broken\",\"a\xef\xbf\xbd\\nb\"]"), std::string::npos) << line;
}

TEST(PrintLine, EndsTheLineOnStdout) {
  testing::internal::CaptureStdout();
  print_line({{"a", 1}});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "{\"a\":1}\n");
}

TEST(JsonLine, EscapesWhatWouldSteerATerminal) {
  const std::string hostile = "a\x1b[2J\x7f\u009b1m\u202e\u2066\nä";
  const std::string line = json_line({{"text", hostile}});
  EXPECT_EQ(line, R"({"text":"a\u001b[2J\u007f\u009b1m\u202e\u2066\nä"})");
  EXPECT_EQ(nlohmann::json::parse(line)["text"], hostile);
}

TEST(StatusJson, ShowsALeaseOnlyWhereOneRuns) {
  MessageStatus status;
  status.id = *MessageId::parse(kId);
  status.sent_at_ms = 1'767'225'600'123;
  status.size = 12;
  status.counters = {.deliveries = 3, .failures = 2, .redrives = 1};
  auto object = status_json(status);
  EXPECT_EQ(object["id"], kId);
  EXPECT_EQ(object["state"], "ready");
  EXPECT_EQ(object["sent"], "2026-01-01T00:00:00.123Z");
  EXPECT_EQ(object["deliveries"], 3);
  EXPECT_EQ(object["failures"], 2);
  EXPECT_EQ(object["redrives"], 1);
  EXPECT_EQ(object["reason"], "");
  EXPECT_FALSE(object.contains("lease"));
  EXPECT_FALSE(object.contains("due"));

  status.state = State::kLeased;
  status.bound = true;
  status.holder_pid = 77;
  status.lease_left_ms = 1500;
  object = status_json(status);
  EXPECT_EQ(object["lease"].dump(), R"({"kind":"bound","pid":77,"left_ms":1500})");
}

}  // namespace
}  // namespace spoolmq::cli
