// What a webhook asks and what it makes of the answer; tests/e2e/webhook_test.sh has the network.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "adapters/webhook_answer.h"
#include "adapters/webhook_request.h"
#include "adapters/webhook_settings.h"
#include "spoolmq/error.h"
#include "tests/support/temporary_directory.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kNowMs = 1'445'412'480'000;  // Wed, 21 Oct 2015 07:28:00 GMT

TEST(WebhookAnswer, BecomesAVerdict) {
  struct Case {
    long status;
    Verdict verdict;
  };
  for (const Case& one : std::to_array<Case>(
           {{200, Verdict::kAck},    {201, Verdict::kAck},    {204, Verdict::kAck},
            {299, Verdict::kAck},    {301, Verdict::kStop},   {304, Verdict::kStop},
            {308, Verdict::kStop},   {400, Verdict::kReject}, {401, Verdict::kReject},
            {404, Verdict::kReject}, {408, Verdict::kNack},   {410, Verdict::kReject},
            {422, Verdict::kReject}, {425, Verdict::kNack},   {429, Verdict::kPause},
            {500, Verdict::kNack},   {501, Verdict::kNack},   {502, Verdict::kPause},
            {503, Verdict::kPause},  {504, Verdict::kPause},  {599, Verdict::kNack},
            {0, Verdict::kNack},     {999, Verdict::kNack}})) {
    EXPECT_EQ(verdict_of_status(one.status, "", "", kNowMs).verdict, one.verdict) << one.status;
  }
}

TEST(WebhookAnswer, GivesTheFirstLineAsTheReason) {
  const auto why = [](std::string_view body) { return verdict_of_status(422, body, "", 0).why; };
  EXPECT_EQ(why(""), "HTTP 422");
  EXPECT_EQ(why("\r\n no such article \r\nmore"), "HTTP 422: no such article");
  EXPECT_EQ(why("a\x1b[31mb\xff"), "HTTP 422: a?[31mb?");
  EXPECT_LE(why(std::string(100'000, 'a')).size(), 300U);
}

TEST(WebhookAnswer, HonoursRetryAfter) {
  const auto wait = [](std::string_view text) { return parse_retry_after(text, kNowMs); };
  EXPECT_EQ(wait("120"), 120'000);
  EXPECT_EQ(wait(" 7 \r\n"), 7000);
  EXPECT_EQ(wait("0"), kLeastRetryMs);
  EXPECT_EQ(wait("86400"), kMostRetryMs);
  EXPECT_EQ(wait("99999999999999999999999"), kMostRetryMs);
  EXPECT_EQ(wait("Wed, 21 Oct 2015 07:28:30 GMT"), 30'000);
  EXPECT_EQ(wait("Wed, 21 Oct 2015 07:27:00 GMT"), kLeastRetryMs);
  EXPECT_EQ(wait("Wed, 21 Oct 2099 07:27:00 GMT"), kMostRetryMs);
  for (const char* const text : {"", " ", "-1", "soon", "1.5x", "\xff"}) {
    EXPECT_EQ(wait(text), std::nullopt) << text;
  }
  EXPECT_EQ(verdict_of_status(503, "", "9", kNowMs).wait_ms, 9000);
  EXPECT_EQ(verdict_of_status(500, "", "9", kNowMs).wait_ms, 9000);
  EXPECT_EQ(verdict_of_status(404, "", "9", kNowMs).wait_ms, 0);
}

class WebhookFile : public testing::Test {
 protected:
  void write(const std::string& text, mode_t mode = 0600) const {
    std::ofstream(path) << text;
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }
  const spoolmq::test::TemporaryDirectory there;
  const std::string path = there.at("file");
};

// The example of standardwebhooks.com.
TEST_F(WebhookFile, HasASecretThatSignsAsOthersDo) {
  write("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
  EXPECT_EQ(webhook_signature(read_webhook_secret(path), "msg_p5jXN8AQM9LWM0D4loKWxJek",
                              1'614'265'330, R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST_F(WebhookFile, IsRefusedWhereItIsNoSecret) {
  write("plain\n");
  EXPECT_EQ(read_webhook_secret(path), "plain");
  for (const char* const text : {"", "\n", "whsec_", "whsec_?"}) {
    write(text);
    EXPECT_THROW(read_webhook_secret(path), Error) << text;
  }
  write("plain\n", 0644);
  EXPECT_THROW(read_webhook_secret(path), Error);
  EXPECT_THROW(read_webhook_secret(there.at("none")), Error);
}

TEST_F(WebhookFile, HasHeadersLineByLine) {
  write("Authorization: Bearer a b\r\n\nX-Site: 7\n");
  EXPECT_EQ(read_webhook_headers(path),
            (std::vector<std::string>{"Authorization: Bearer a b", "X-Site: 7"}));
  for (const char* const text : {"no colon\n", ": x\n", "a b: x\n", "a: \x01\n"}) {
    write(text);
    EXPECT_THROW(read_webhook_headers(path), Error) << text;
  }
}

TEST(WebhookHeaders, SayWhatTheMessageIs) {
  Message message;
  message.id = *MessageId::parse("01930000-0000-7000-8000-000000000001");
  message.sent_at_ms = kNowMs;
  message.headers = {{"site", "LY1"},       {"content-type", "text/csv"}, {"b\xC3\xA4", "x"},
                     {"evil", "a\r\nX: y"}, {"two words", "x"},           {"empty", ""}};
  EXPECT_EQ(webhook_headers({"orders", message, 3, "text/plain"}),
            (std::vector<std::string>{
                "Content-Type: text/csv", "Idempotency-Key: 01930000-0000-7000-8000-000000000001",
                "X-Spoolmq-Id: 01930000-0000-7000-8000-000000000001", "X-Spoolmq-Queue: orders",
                "X-Spoolmq-Deliveries: 3", "X-Spoolmq-Sent-At: 2015-10-21T07:28:00.000Z",
                "X-Spoolmq-H-site: LY1"}));
  message.headers.clear();
  EXPECT_EQ(webhook_headers({"orders", message, 3, "text/plain"}).front(),
            "Content-Type: text/plain");
  EXPECT_EQ(webhook_headers({"orders", message, 3, ""}).front(),
            "Content-Type: application/octet-stream");
}

TEST(WebhookHeaders, AreBounded) {
  Message message;
  for (int i = 0; i < 1000; ++i) message.headers.emplace_back("h" + std::to_string(i), "x");
  EXPECT_EQ(webhook_headers({"q", message, 1, ""}).size(), 106U);
  message.headers = {{"a", std::string(40'000, 'a')}};
  EXPECT_EQ(webhook_headers({"q", message, 1, ""}).size(), 6U);
}

std::string refusal(const std::vector<std::pair<std::string, std::string>>& keys) {
  std::vector<KeyValue> given;
  for (const auto& [key, value] : keys) given.push_back({key, value, key + " = " + value});
  try {
    static_cast<void>(parse_webhook_settings(given));
    return {};
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
}

TEST(WebhookSettings, TakeHttpOnlyWithinTheMachine) {
  for (const char* const url :
       {"https://host.example/a?b=c", "https://192.0.2.7:8443", "http://localhost:8080/",
        "http://127.0.0.1:1/", "http://[::1]:80/"}) {
    EXPECT_EQ(refusal({{"url", url}}), "") << url;
  }
  for (const char* const url : {"", "host.example", "ftp://host.example/", "file:///etc/passwd",
                                "http://host.example/", "http://localhost.example/",
                                "http://10.0.0.1/", "https://", "https://a b/", "https://a\n/"}) {
    EXPECT_NE(refusal({{"url", url}}), "") << url;
  }
  EXPECT_EQ(refusal({{"url", "http://host.example/"}, {"insecure", "true"}}), "");
  const std::string why = refusal({{"url", "https://me:hush@host.example/"}});
  EXPECT_NE(why, "");
  EXPECT_EQ(why.find("hush"), std::string::npos) << why;
}

TEST(WebhookSettings, RefuseWhatMakesNoSense) {
  const std::pair<std::string, std::string> url{"url", "https://host.example/"};
  EXPECT_NE(refusal({}), "");
  EXPECT_NE(refusal({url, {"concurrency", "0"}}), "");
  EXPECT_NE(refusal({url, {"concurrency", "257"}}), "");
  EXPECT_NE(refusal({url, {"timeout", "0"}}), "");
  EXPECT_NE(refusal({url, {"redirects", "11"}}), "");
  EXPECT_NE(refusal({url, {"tls-certificate", "/a"}}), "");
  EXPECT_NE(refusal({url, {"content-type", "a\nb"}}), "");
  EXPECT_NE(refusal({url, {"secret-file", "relative"}}), "");
}

}  // namespace
}  // namespace spoolmq::adapters
