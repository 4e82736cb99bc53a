#include "adapters/stomp_headers.h"

#include <gtest/gtest.h>

#include <array>

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kNowMs = 1'000'000;

StompFrame send_frame(const std::vector<StompHeader>& headers, std::string body = "b") {
  StompFrame frame;
  frame.command = "SEND";
  frame.add("destination", "/queue/q");
  for (const StompHeader& header : headers) frame.headers.push_back(header);
  frame.body = std::move(body);
  return frame;
}

StompSend sent(const std::vector<StompHeader>& headers) {
  auto parsed = stomp_send(send_frame(headers), {}, kNowMs);
  const StompRefusal* const refusal = std::get_if<StompRefusal>(&parsed);
  EXPECT_EQ(refusal, nullptr) << refusal->why;
  return std::get<StompSend>(std::move(parsed));
}

std::string refusal(const std::vector<StompHeader>& headers) {
  auto parsed = stomp_send(send_frame(headers), {}, kNowMs);
  const StompRefusal* const refused = std::get_if<StompRefusal>(&parsed);
  return refused == nullptr ? "" : refused->why;
}

// ---- Destinations

TEST(StompDestination, TakesABareNameForAQueue) {
  EXPECT_EQ(std::get<StompDestination>(parse_stomp_destination("a/b")),
            (StompDestination{StompDestination::Kind::kQueue, "a/b", {}}));
  EXPECT_EQ(std::get<StompDestination>(parse_stomp_destination("/queue/a/b")),
            std::get<StompDestination>(parse_stomp_destination("a/b")));
}

TEST(StompDestination, RefusesSlips) {
  for (const std::string_view text :
       {"", "/", "/queue", "/queue/", "/something/x", "/queue/../x", "/queue//x", "a b",
        "/topics/x", "/reply/x/q", "/reply/01a2244d-2fdd-717c-a0fc-60171b9e1c03"}) {
    EXPECT_TRUE(std::holds_alternative<StompRefusal>(parse_stomp_destination(text))) << text;
  }
}

TEST(StompDestination, NamesAMailboxSoThatItIsFound) {
  const std::string mailbox = "reply/01a2244d-2fdd-717c-a0fc-60171b9e1c03";
  EXPECT_EQ(
      std::get<StompDestination>(parse_stomp_destination(stomp_reply_text(mailbox, "requests/eu"))),
      (StompDestination{StompDestination::Kind::kReply, mailbox, "requests/eu"}));
  EXPECT_EQ(stomp_reply_text("answers", "requests"), "/queue/answers");
}

// ---- SEND

TEST(StompHeaders, TellsOursFromTheMessages) {
  const StompSend send = sent({{"dedupe-key", "d"},
                               {"JMSXGroupID", "o"},
                               {"correlation-id", "c"},
                               {"priority", "9"},
                               {"ttl", "30s"},
                               {"delay", "250"},
                               {"reply-to", "/queue/answers"},
                               {"content-type", "text/plain"},
                               {"mine", "first"},
                               {"mine", "second"}});
  const Message& message = send.message;
  EXPECT_EQ(message.dedupe_key, "d");
  EXPECT_EQ(message.order_key, "o");
  EXPECT_EQ(message.correlation_id, "c");
  EXPECT_EQ(message.priority, 9);
  EXPECT_EQ(message.expires_at_ms, kNowMs + 30'000);
  EXPECT_EQ(message.not_before_ms, kNowMs + 250);
  EXPECT_EQ(message.reply_to, "answers");
  EXPECT_EQ(message.headers, (Headers{{"content-type", "text/plain"}, {"mine", "first"}}));
  EXPECT_EQ(message.body, "b");
  EXPECT_FALSE(send.durability);
}

TEST(StompHeaders, KeepsNothingThatIsOfTheFrame) {
  EXPECT_TRUE(sent({{"receipt", "r"},
                    {"transaction", "t"},
                    {"message-id", "forged"},
                    {"content-length", "1"},
                    {"redelivered", "true"}})
                  .message.headers.empty());
}

TEST(StompHeaders, ChoosesTheDurability) {
  EXPECT_EQ(sent({{"persistent", "False"}}).durability, Durability::kOs);
  EXPECT_EQ(sent({{"persistent", "true"}}).durability, Durability::kSync);
}

TEST(StompHeaders, RefusesWhatItCannotRead) {
  for (const StompHeader& header : std::vector<StompHeader>{{"priority", "-1"},
                                                            {"priority", "40000"},
                                                            {"priority", "high"},
                                                            {"ttl", "soon"},
                                                            {"ttl", "-5"},
                                                            {"delay", ""},
                                                            {"expires", "tomorrow"},
                                                            {"persistent", "maybe"},
                                                            {"reply-to", "/topic/t"},
                                                            {"reply-to", "/nowhere/t"}}) {
    EXPECT_TRUE(refusal({header}).starts_with("SEND, " + header.name)) << header.value;
  }
}

TEST(StompHeaders, NeverOverflowsATime) {
  EXPECT_GT(sent({{"ttl", "9223372036854775807"}}).message.expires_at_ms, kNowMs);
}

// ---- MESSAGE

TEST(StompHeaders, SaysWhereAMessageWasSent) {
  StompFrame frame = send_frame({});
  frame.headers[0].value = "q";
  auto parsed = stomp_send(std::move(frame), {}, kNowMs);
  const Message message = std::get<StompSend>(parsed).message;
  EXPECT_EQ(*stomp_message(message, "", {.queue = "q"}).header("destination"), "q");
  EXPECT_EQ(*stomp_message({}, "", {.queue = "q"}).header("destination"), "/queue/q");
}

TEST(StompHeaders, SaysOfADeliveryWhatIsTrueOfIt) {
  Message message;
  message.headers = {{"message-id", "forged"}, {"priority", "forged"}, {"a", "1"}};
  message.reply_to = "reply/01a2244d-2fdd-717c-a0fc-60171b9e1c03";
  message.sent_at_ms = 5;
  const StompFrame frame = stomp_message(
      message, "body", {.queue = "q", .subscription = "s", .ack = "4", .deliveries = 2});
  EXPECT_EQ(*frame.header("subscription"), "s");
  EXPECT_EQ(*frame.header("ack"), "4");
  EXPECT_EQ(*frame.header("redelivered"), "true");
  EXPECT_EQ(*frame.header("deliveries"), "2");
  EXPECT_EQ(*frame.header("timestamp"), "5");
  EXPECT_EQ(*frame.header("priority"), "4");
  EXPECT_EQ(*frame.header("message-id"), message.id.text());
  EXPECT_EQ(*frame.header("reply-to"), "/reply/01a2244d-2fdd-717c-a0fc-60171b9e1c03/q");
  EXPECT_EQ(*frame.header("a"), "1");
  EXPECT_EQ(frame.header("expires"), nullptr);
  EXPECT_EQ(frame.body, "body");
}

}  // namespace
}  // namespace spoolmq::adapters
