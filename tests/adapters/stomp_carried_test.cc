// What forward makes of a message and fetch of a frame: between them nothing changes.

#include <gtest/gtest.h>

#include <algorithm>

#include "adapters/fetch_message.h"
#include "adapters/forward_frame.h"
#include "adapters/stomp_codec.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;

Message full() {
  Message message;
  message.id = *MessageId::parse("01890a5d-ac96-774b-bcce-b302099a8057");
  message.headers = {{"content-type", "text/plain"},
                     {"a:b", "line\nend\r\\ \ttab"},
                     {"priority", "mine"},
                     {"CC", "nobody"},
                     {"x", "1"},
                     {"x", "2"},
                     {"spoolmq-id", "not this"},
                     {"x-message-ttl", "1"},
                     {"empty", ""},
                     {"type", std::string(300, 't')}};
  message.body = std::string("\0body\n\xff", 7);
  message.priority = 20000;
  message.sent_at_ms = kNow - 5;
  message.expires_at_ms = kNow + 60'000;
  message.dedupe_key = "dk";
  message.order_key = "ok";
  message.reply_to = "process/answers";
  message.correlation_id = "c:1";
  message.from.name = "till-7";
  return message;
}

// As it is behind a wire and a broker that keeps every header.
Message there_and_back(const Message& message, StompBroker broker) {
  ForwardFrame made = forward_frame(message, "q", {}, broker, kNow);
  EXPECT_EQ(made.why, "");
  made.frame.body = message.body;
  made.frame.command = "MESSAGE";
  std::erase_if(made.frame.headers, [](const StompHeader& one) {
    return one.name == "receipt" || one.name == "destination";
  });
  if (broker == StompBroker::kSpoolmq) made.frame.add("message-id", message.id.text());
  std::string wire;
  append_stomp(wire, made.frame, StompVersion::k12);
  StompDecoder decoder({});
  decoder.set_version(StompVersion::k12);
  decoder.feed(wire);
  StompFrame frame;
  EXPECT_EQ(decoder.next(frame), StompFound::kFrame) << decoder.why();
  return fetch_message(frame, broker, kNow);
}

class Carried : public ::testing::TestWithParam<StompBroker> {};

TEST_P(Carried, BringsAMessageBackAsItWas) {
  const Message sent = full();
  Message back = there_and_back(sent, GetParam());
  const auto x = std::ranges::find(back.headers, Header("x", "1"));
  EXPECT_LT(x, std::ranges::find(back.headers, Header("x", "2")));
  Message wanted = sent;
  std::ranges::sort(wanted.headers);
  std::ranges::sort(back.headers);
  EXPECT_EQ(back, wanted);
}

TEST_P(Carried, BringsAPlainMessageBackAsItWas) {
  Message sent;
  sent.id = *MessageId::parse("01890a5d-ac96-774b-bcce-b302099a8057");
  sent.sent_at_ms = kNow;
  sent.reply_to = "not a queue's name";
  sent.correlation_id = std::string(400, 'c');
  EXPECT_EQ(there_and_back(sent, GetParam()), sent);
}

INSTANTIATE_TEST_SUITE_P(Brokers, Carried,
                         ::testing::Values(StompBroker::kRabbitMq, StompBroker::kActiveMq,
                                           StompBroker::kArtemis, StompBroker::kSpoolmq,
                                           StompBroker::kOther));

std::string value(const StompFrame& frame, std::string_view name) {
  const std::string* const found = frame.header(name);
  return found == nullptr ? "-" : *found;
}

TEST(ForwardFrame, DeclaresQuorumQueuesAtRabbitMq) {
  const StompFrame frame =
      forward_frame(full(), "a/b", {}, stomp_broker("RabbitMQ/3.10.8"), kNow).frame;
  EXPECT_EQ(value(frame, "destination"), "/queue/a%2Fb");
  EXPECT_EQ(value(frame, "x-queue-type"), "quorum");
  EXPECT_EQ(value(frame, "durable"), "true");
  EXPECT_EQ(value(frame, "auto-delete"), "false");
  EXPECT_EQ(value(frame, "persistent"), "true");
  EXPECT_EQ(value(frame, "amqp-message-id"), full().id.text());
  EXPECT_EQ(value(frame, "expiration"), "60000");
  EXPECT_EQ(value(frame, "priority"), "9");
  EXPECT_EQ(value(frame, "reply-to"), "/queue/process%2Fanswers");
  EXPECT_EQ(value(frame, "spoolmq-header-1-CC"), "nobody");
  EXPECT_EQ(value(frame, "CC"), "-");
  EXPECT_EQ(value(frame, "x-message-ttl"), "-");
}

TEST(ForwardFrame, NamesARepetitionAsEachBrokerKnowsIt) {
  const auto frame = [](std::string_view server) {
    return forward_frame(full(), "a/b", {}, stomp_broker(server), kNow).frame;
  };
  const std::string id = full().id.text();
  EXPECT_EQ(value(frame("ActiveMQ-Artemis/2.28.0"), "_AMQ_DUPL_ID"), id);
  EXPECT_EQ(value(frame("spoolmq/1.0"), "dedupe-key"), id);
  EXPECT_EQ(value(frame("spoolmq/1.0"), "order-key"), "ok");
  EXPECT_EQ(value(frame("spoolmq/1.0"), "priority"), "20000");
  EXPECT_EQ(value(frame("ActiveMQ/5.17.2"), "destination"), "/queue/a/b");
  EXPECT_EQ(value(frame("ActiveMQ/5.17.2"), "x-queue-type"), "-");
  EXPECT_EQ(value(frame("ActiveMQ/5.17.2"), "expires"), std::to_string(kNow + 60'000));
}

TEST(ForwardFrame, TakesWhatTheOperatorGaveOverWhatItWouldSay) {
  ForwardSettings settings;
  settings.headers = {{"x-queue-type", "classic"}, {"durable", ""}, {"app-id", "till"}};
  settings.passed = {"x"};
  const StompFrame frame = forward_frame(full(), "q", settings, StompBroker::kRabbitMq, kNow).frame;
  EXPECT_EQ(value(frame, "x-queue-type"), "classic");
  EXPECT_EQ(value(frame, "durable"), "-");
  EXPECT_EQ(value(frame, "app-id"), "till");
  EXPECT_EQ(value(frame, "x"), "1");
  EXPECT_EQ(value(frame, "content-type"), "-");
}

TEST(ForwardFrame, SaysWhyAMessageCannotGo) {
  Message message = full();
  message.headers = {{"n", std::string("a\0b", 3)}};
  EXPECT_EQ(forward_frame(message, "q", {}, StompBroker::kOther, kNow).why,
            "header n has a NUL inside");
}

TEST(DestinationTemplate, KeepsWhatAMessageSaysInItsPlace) {
  const DestinationTemplate made = DestinationTemplate::parse("/queue/{header:to}.{{x}}");
  Message message;
  message.headers = {{"to", "../exchange/a b%"}};
  EXPECT_EQ(made.render("q", message, StompBroker::kRabbitMq).text,
            "/queue/..%2Fexchange%2Fa%20b%25.{x}");
  EXPECT_TRUE(made.has_header());
  message.headers = {};
  EXPECT_EQ(made.render("q", message, StompBroker::kOther).why,
            "no destination: header to is missing");
  message.headers = {{"to", ""}};
  EXPECT_EQ(made.render("q", message, StompBroker::kOther).why,
            "no destination: header to is empty");
}

TEST(DestinationTemplate, RefusesTemplatesByColumn) {
  for (const char* text : {"", "/queue/{name}", "/queue/{header:}", "{queue", "a\nb"}) {
    EXPECT_THROW(static_cast<void>(DestinationTemplate::parse(text)), Error) << text;
  }
}

TEST(FetchMessage, TakesTheBrokersNameWhereItStaysTheSame) {
  const auto key = [](std::string_view broker, std::vector<StompHeader> headers) {
    StompFrame frame{"MESSAGE", std::move(headers), {}};
    return fetch_message(frame, stomp_broker(broker), kNow).dedupe_key;
  };
  EXPECT_EQ(key("ActiveMQ/5.17.2", {{"message-id", "ID:1"}}), "stomp:ID:1");
  EXPECT_EQ(key("RabbitMQ/3.10.8", {{"message-id", "T_1@@session@@1"}}), "");
  EXPECT_EQ(key("RabbitMQ/3.10.8", {{"message-id", "T_1"}, {"amqp-message-id", "m1"}}), "stomp:m1");
}

TEST(FetchMessage, DoesNotTakeACopiedIdForTheMessagesOwn) {
  StompFrame frame{
      "MESSAGE",
      {{"spoolmq-id", "01890a5d-ac96-774b-bcce-b302099a8057"}, {"amqp-message-id", "another"}},
      {}};
  const Message message = fetch_message(frame, StompBroker::kRabbitMq, kNow);
  EXPECT_TRUE(message.id.is_nil());
  EXPECT_EQ(message.dedupe_key, "stomp:another");
}

TEST(FetchMessage, UnderstandsWhatForeignersSay) {
  StompFrame frame{"MESSAGE",
                   {{"priority", "7"},
                    {"expiration", "1000"},
                    {"reply-to", "/temp-queue/x"},
                    {"correlation-id", "c"},
                    {"redelivered", "true"},
                    {"persistent", "1"},
                    {"colour", "red"},
                    {"colour", "blue"},
                    {std::string(300, 'n'), "too long a name"}},
                   "body"};
  const Message message = fetch_message(frame, StompBroker::kOther, kNow);
  EXPECT_EQ(message.priority, 7);
  EXPECT_EQ(message.expires_at_ms, kNow + 1000);
  EXPECT_EQ(message.correlation_id, "c");
  EXPECT_EQ(message.reply_to, "");
  EXPECT_EQ(message.headers, (Headers{{"colour", "red"}, {"reply-to", "/temp-queue/x"}}));
  EXPECT_EQ(message.body, "body");
}

}  // namespace
}  // namespace spoolmq::adapters
