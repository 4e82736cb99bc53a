#include "core/xml_codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/record_codec.h"
#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq::xml {
namespace {

using std::string_literals::operator""s;

MessageId id_of(const char* text) { return MessageId::parse(text).value(); }

Message example() {
  Message message;
  message.id = id_of("0195f3a0-1c2b-7d4e-8f60-718293a4b5c6");
  message.headers = {{"Content-Type", "text/plain"},
                     {"subject", "Grüße & <more>"},
                     {"route", "two\r\nlines"},
                     {"bell\a", "x"}};
  message.body = "Dear all,\n\nif a < b && b > c then \"so be it\".\n";
  message.priority = 9;
  message.sent_at_ms = 1'763'720'100'123;
  message.not_before_ms = 1'763'720'160'000;
  message.expires_at_ms = 1'763'806'500'123;
  message.dedupe_key = "order \"17\"\t";
  message.order_key = "k\x01";
  message.reply_to = "process/clerk";
  message.correlation_id = "c-1";
  message.from = {1000, 4711, "Jürgen"};
  return message;
}

constexpr char kExampleText[] = R"(<?xml version="1.0" encoding="UTF-8"?>
<message xmlns="urn:spoolmq:message:1" id="0195f3a0-1c2b-7d4e-8f60-718293a4b5c6" sent="2025-11-21T10:15:00.123Z" priority="9" not-before="2025-11-21T10:16:00.000Z" expires="2025-11-22T10:15:00.123Z" dedupe-key="order &quot;17&quot;&#9;" order-key-base64="awE=" reply-to="process/clerk" correlation-id="c-1" durability="os">
  <from uid="1000" pid="4711" name="Jürgen"/>
  <header name="Content-Type">text/plain</header>
  <header name="subject">Grüße &amp; &lt;more&gt;</header>
  <header name="route" encoding="base64">dHdvDQpsaW5lcw==</header>
  <header name="YmVsbAc=" name-encoding="base64">x</header>
  <body encoding="text" length="46">Dear all,

if a &lt; b &amp;&amp; b &gt; c then "so be it".
</body>
  <checksum>CHECKSUM</checksum>
</message>
)";

// The message in `bytes`, or what was refused as a test failure.
Decoded decoded_of(const std::string& bytes) {
  auto result = decode(bytes);
  if (const auto* refusal = std::get_if<Refusal>(&result)) {
    ADD_FAILURE() << refusal->why << " at " << refusal->offset << " of\n" << bytes;
    return {};
  }
  return std::get<Decoded>(std::move(result));
}

bool round_trips(const Message& message) {
  return decoded_of(encode(message, 0)).message == message;
}

// Why `bytes` is refused; empty: it is not.
std::string refusal_of(const std::string& bytes) {
  const auto result = decode(bytes);
  const auto* refusal = std::get_if<Refusal>(&result);
  if (refusal == nullptr) return {};
  EXPECT_LE(refusal->offset, bytes.size()) << refusal->why;
  EXPECT_FALSE(refusal->why.empty());
  return refusal->why;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), by);
}

// Texts that some layer on the way might change.
const std::vector<std::string>& nasty_texts() {
  static const std::vector<std::string> texts = [] {
    std::vector<std::string> all = {" ",
                                    "  ",
                                    "\n",
                                    "\t",
                                    "\r",
                                    "\r\n",
                                    " a ",
                                    "\na\n",
                                    "a\tb",
                                    "a\r\nb",
                                    "a\rb",
                                    "a  b",
                                    "&",
                                    "&amp;",
                                    "&#10;",
                                    "&bogus;",
                                    "<",
                                    ">",
                                    "]]>",
                                    "]]",
                                    "<![CDATA[x]]>",
                                    "<!-- x -->",
                                    "<?x y?>",
                                    "\"",
                                    "'",
                                    "\"'<>&",
                                    "-->",
                                    "=",
                                    "aGVsbG8=",
                                    "ä",
                                    "\xF0\x9F\x98\x80",
                                    "\xEF\xBB\xBF",
                                    "\xEF\xBF\xBD",
                                    "\xEF\xBF\xBE",
                                    "\xEF\xBF\xBF",
                                    "a\xEF\xBF\xBFz",
                                    "\xC2\x85",
                                    "\xE2\x80\xA8",
                                    "\x7F",
                                    "\xC2\x80",
                                    "\xF4\x8F\xBF\xBF",
                                    "\xF0\x9F\xBF\xBE",
                                    "\xFF",
                                    "\x80",
                                    "\xC3",
                                    "\xED\xA0\x80",
                                    "\xC0\x80",
                                    "a\xFFz",
                                    "\0"s,
                                    "a\0b"s,
                                    "\0\0"s,
                                    std::string(1000, ' '),
                                    std::string(1000, '&'),
                                    std::string(57, '\x01'),
                                    std::string(58, '\x01')};
    for (int c = 0; c < 256; ++c) all.push_back({static_cast<char>(c)});
    for (int c = 0; c < 0x20; ++c) all.push_back({'a', static_cast<char>(c), 'z'});
    return all;
  }();
  return texts;
}

TEST(XmlCodec, WritesTheTextItHasAlwaysWritten) {
  const Message message = example();
  const std::string expected =
      replaced(kExampleText, "CHECKSUM", hex16(record::content_checksum(message)));
  EXPECT_EQ(encode(message, record::kOsDurability), expected);
  const Decoded decoded = decoded_of(expected);
  EXPECT_EQ(decoded.message, message);
  EXPECT_EQ(decoded.flags, record::kOsDurability);
}

TEST(XmlCodec, WrapsBase64AndLeavesOutWhatIsEmpty) {
  Message message;
  message.id = id_of("0195f3a0-1c2b-7d4e-8f60-718293a4b5c6");
  message.body = "\r" + std::string(60, 'a');
  EXPECT_EQ(encode(message, 0), replaced(R"(<?xml version="1.0" encoding="UTF-8"?>
<message xmlns="urn:spoolmq:message:1" id="0195f3a0-1c2b-7d4e-8f60-718293a4b5c6" sent="1970-01-01T00:00:00.000Z" priority="4">
  <from uid="0" pid="0"/>
  <body encoding="base64" length="61">
DWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh
YWFhYQ==
  </body>
  <checksum>CHECKSUM</checksum>
</message>
)",
                                         "CHECKSUM", hex16(record::content_checksum(message))));
}

TEST(XmlCodec, KeepsAnEmptyBodyAndALargeOne) {
  Message message;
  EXPECT_NE(encode(message, 0).find("  <body encoding=\"text\" length=\"0\"></body>\n"),
            std::string::npos);
  EXPECT_TRUE(round_trips(message));

  for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{5'000'000'000},
                                     std::numeric_limits<std::uint64_t>::max()}) {
    message.large_body = LargeBody{length, 0x0123456789abcdefU};
    const std::string text = encode(message, 0);
    EXPECT_NE(text.find("  <body encoding=\"file\" length=\"" + std::to_string(length) +
                        "\" checksum=\"0123456789abcdef\"/>\n"),
              std::string::npos);
    const Decoded decoded = decoded_of(text);
    EXPECT_EQ(decoded.message, message);
    EXPECT_EQ(decoded.flags, record::kLargeBodyRecord);
  }
}

TEST(XmlCodec, KeepsEveryTextEverywhere) {
  for (const std::string& text : nasty_texts()) {
    Message message;
    message.headers = {{"name", text}};
    EXPECT_TRUE(round_trips(message)) << "header value";
    if (text.size() <= kMaxHeaderNameBytes) {
      message.headers = {{text, "value"}, {text, text}, {text, ""}};
      EXPECT_TRUE(round_trips(message)) << "header name";
    }
    message.headers.clear();
    message.body = text;
    EXPECT_TRUE(round_trips(message)) << "body";
    for (std::string Message::*key : {&Message::dedupe_key, &Message::order_key, &Message::reply_to,
                                      &Message::correlation_id}) {
      Message keyed;
      keyed.*key = text;
      EXPECT_TRUE(round_trips(keyed)) << "key";
    }
    Message from;
    from.from.name = text;
    EXPECT_TRUE(round_trips(from)) << "sender";
  }
}

TEST(XmlCodec, KeepsBodiesOfAllBytes) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  for (const std::size_t size : {1U, 55U, 56U, 57U, 58U, 59U, 113U, 114U, 115U, 256U}) {
    Message message;
    message.body = all.substr(0, size);
    EXPECT_TRUE(round_trips(message)) << size;
  }
}

TEST(XmlCodec, KeepsNumbersAtTheirEnds) {
  Message message;
  message.from = {std::numeric_limits<std::uint32_t>::max(),
                  std::numeric_limits<std::uint32_t>::max(), ""};
  message.priority = kMaxPriority;
  EXPECT_TRUE(round_trips(message));
  for (const std::int64_t ms :
       {std::numeric_limits<std::int64_t>::min(), std::int64_t{-62'135'596'800'001},
        std::int64_t{-62'135'596'800'000}, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1},
        std::int64_t{253'402'300'799'999}, std::int64_t{253'402'300'800'000},
        std::numeric_limits<std::int64_t>::max()}) {
    message.sent_at_ms = message.not_before_ms = message.expires_at_ms = ms;
    EXPECT_TRUE(round_trips(message)) << ms;
  }
}

TEST(XmlCodec, StatesATimeWithoutADateInMilliseconds) {
  Message message;
  message.sent_at_ms = 253'402'300'799'999;
  EXPECT_NE(encode(message, 0).find(" sent=\"9999-12-31T23:59:59.999Z\""), std::string::npos);
  message.sent_at_ms += 1;
  message.expires_at_ms = -62'135'596'800'001;
  const std::string text = encode(message, 0);
  EXPECT_NE(text.find(" sent-ms=\"253402300800000\""), std::string::npos);
  EXPECT_NE(text.find(" expires-ms=\"-62135596800001\""), std::string::npos);
}

TEST(XmlCodec, KeepsAMessageAtItsLimits) {
  Message message;
  for (std::size_t i = 0; i < kMaxHeaderCount; ++i) {
    message.headers.emplace_back(std::string(kMaxHeaderNameBytes, '"'), std::string(700, '&'));
  }
  message.body = std::string(1 << 20, '&');
  EXPECT_TRUE(round_trips(message));
  message.headers.emplace_back("one", "more");
  EXPECT_THROW(encode(message, 0), Error);
}

TEST(XmlCodec, WritesNoFileThatIsTooLargeToRead) {
  // Half escaped, the largest body doubles; one more escape, and it is base64.
  Message message;
  message.body = std::string(kMaxInlineBodyBytes, 'a');
  std::fill_n(message.body.begin(), kMaxInlineBodyBytes / 4, '&');
  const std::string text = encode(message, 0);
  EXPECT_NE(text.find("encoding=\"text\""), std::string::npos);
  EXPECT_GT(text.size(), 2 * kMaxInlineBodyBytes);
  const auto result = decode(text);
  ASSERT_TRUE(std::holds_alternative<Decoded>(result)) << std::get<Refusal>(result).why;
  EXPECT_TRUE(std::get<Decoded>(result).message == message);
  message.body.back() = '&';
  EXPECT_NE(encode(message, 0).find("encoding=\"base64\""), std::string::npos);
  message.body.push_back('a');
  EXPECT_THROW(encode(message, 0), Error);
}

TEST(XmlCodec, KeepsRandomMessages) {
#ifdef __OPTIMIZE__
  constexpr int kCount = 100'000;
#else
  constexpr int kCount = 30'000;
#endif
  std::mt19937_64 random(42);
  const auto& pool = nasty_texts();
  const auto text = [&] {
    std::string all;
    for (std::size_t parts = random() % 3; parts > 0; --parts) {
      const std::string& part = pool[random() % pool.size()];
      if (part.size() < 60) all += part;
    }
    return all;
  };
  for (int i = 0; i < kCount; ++i) {
    Message message;
    std::array<std::uint8_t, MessageId::kBytes> id{};
    for (auto& byte : id) byte = static_cast<std::uint8_t>(random());
    message.id = MessageId(id);
    for (std::size_t count = random() % 2; count > 0; --count) {
      message.headers.emplace_back("h" + text(), text());
    }
    if (random() % 8 == 0) {
      message.large_body = LargeBody{random(), random()};
    } else {
      message.body = text();
    }
    message.priority = static_cast<std::uint16_t>(random() % (kMaxPriority + 1));
    message.sent_at_ms = static_cast<std::int64_t>(random() >> random() % 40);
    if (random() % 4 == 0) message.not_before_ms = static_cast<std::int64_t>(random() >> 20);
    if (random() % 4 == 0) message.expires_at_ms = static_cast<std::int64_t>(random() >> 24);
    if (random() % 4 == 0) message.order_key = text();
    if (random() % 4 == 0) message.dedupe_key = text();
    if (random() % 4 == 0) message.correlation_id = text();
    if (random() % 4 == 0) message.reply_to = text();
    message.from = {static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random()),
                    random() % 4 == 0 ? text() : ""};
    const std::uint16_t flags = random() % 2 == 0 ? record::kOsDurability : 0;

    const std::string bytes = encode(message, flags);
    const auto result = decode(bytes);
    ASSERT_TRUE(std::holds_alternative<Decoded>(result)) << std::get<Refusal>(result).why << "\n"
                                                         << bytes;
    ASSERT_EQ(std::get<Decoded>(result).message, message) << bytes;
    ASSERT_EQ(std::get<Decoded>(result).flags & record::kOsDurability, flags);
  }
}

TEST(XmlCodec, IsReadAlikeAfterAnotherToolWroteIt) {
  // CR LF line ends, CDATA, comments, single quotes, other indentation, a byte order mark.
  const Message message = example();
  const std::string text = encode(message, record::kOsDurability);
  std::string crlf;
  for (const char c : text) c == '\n' ? crlf += "\r\n" : crlf += c;
  EXPECT_EQ(decoded_of(crlf).message, message);
  EXPECT_EQ(decoded_of("\xEF\xBB\xBF" + text + "\n<!-- seen -->").message, message);
  EXPECT_EQ(decoded_of(replaced(text, "Dear all", "De<!-- x --><![CDATA[ar]]> all")).message,
            message);
  EXPECT_EQ(decoded_of(replaced(text, "priority=\"9\"", "priority = '9'")).message, message);
  EXPECT_EQ(decoded_of(replaced(text, "  <header", "<?pi?>\t <!-- x --> <header")).message,
            message);
  EXPECT_EQ(decoded_of(replaced(text, "text/plain", "te&#x78;t/pl&#97;in")).message, message);
}

TEST(XmlCodec, RefusesEveryTruncation) {
  const std::string text = encode(example(), record::kOsDurability);
  for (std::size_t size = 0; size + 1 < text.size(); ++size) {  // the last byte is white space
    EXPECT_NE(refusal_of(text.substr(0, size)), "") << size;
  }
}

TEST(XmlCodec, RefusesEveryChangedByteThatChangesTheMessage) {
  Message file;
  file.large_body = LargeBody{7, 9};
  for (const Message& message : {example(), file}) {
    for (const std::uint16_t flags : {std::uint16_t{0}, std::uint16_t{record::kOsDurability}}) {
      const std::string text = encode(message, flags);
      for (const char by : {'!', ' ', '0', 'A', '"', '<', '/', '\0'}) {
        for (std::size_t i = 0; i < text.size(); ++i) {
          std::string changed = text;
          changed[i] = by;
          const auto result = decode(changed);
          const auto* decoded = std::get_if<Decoded>(&result);
          if (decoded == nullptr) continue;
          EXPECT_EQ(decoded->message, message) << i << by;
          EXPECT_EQ(decoded->flags & record::kOsDurability, flags) << i << by;
        }
      }
    }
  }
}

TEST(XmlCodec, RefusesWhatDoesNotBelong) {
  const std::string text = encode(example(), record::kOsDurability);
  ASSERT_EQ(refusal_of(text), "");
  const struct {
    const char* what;
    const char* by;
    const char* why;  // part of it
  } cases[] = {
      {"urn:spoolmq:message:1", "urn:spoolmq:message:2", "the root is no <message>"},
      {" xmlns=\"urn:spoolmq:message:1\"", "", "xmlns is missing"},
      {" id=\"", " di=\"", "id is missing"},
      {"id=\"0195", "id=\"x195", "id is not a UUID"},
      {"2025-11-21T10:15", "2025-13-21T10:15", "sent is not a time"},
      {" sent=\"2025-11-21T10:15:00.123Z\"", "", "sent is missing"},
      {" sent=\"", " sent-ms=\"1\" sent=\"", "sent is given twice"},
      {" sent=\"2025-11-21T10:15:00.123Z\"", " sent-ms=\"1x\"", "sent-ms is not a number"},
      {" expires=\"", " expires-ms=\"1\" expires=\"", "expires is given twice"},
      {"priority=\"9\"", "priority=\"8\"", "the checksum is wrong"},
      {"priority=\"9\"", "priority=\"-1\"", "priority is not a number"},
      {"priority=\"9\"", "priority=\"9 \"", "priority is not a number"},
      {"priority=\"9\"", "priority=\"\"", "priority is not a number"},
      {"priority=\"9\"", "priority=\"65536\"", "priority is not a number"},
      {"priority=\"9\"", "priority=\"32768\"", "beyond the limits"},
      {" priority=\"9\"", "", "priority is missing"},
      {"durability=\"os\"", "durability=\"sync\"", "durability is unknown"},
      {"durability=\"os\"", "durable=\"os\"", "unknown attribute"},
      {"order-key-base64=\"awE=\"", "order-key-base64=\"awE\"", "order-key is not base64"},
      {"order-key-base64", "order-key=\"\" order-key-base64", "order-key is given twice"},
      {"<message ", "<message extra=\"\" ", "unknown attribute"},
      {"<from ", "<from extra=\"\" ", "unknown attribute"},
      {"<header ", "<header extra=\"\" ", "unknown attribute"},
      {"<body ", "<body extra=\"\" ", "unknown attribute"},
      {"<body ", "<body checksum=\"0123456789abcdef\" ", "unknown attribute"},
      {"<checksum>", "<checksum extra=\"\">", "unknown attribute"},
      {"uid=\"1000\"", "uid=\"4294967296\"", "uid is not a number"},
      {" pid=\"4711\"", "", "pid is missing"},
      {"<from ", "stray <from ", "<from> is missing"},
      {"  <from ", "  <![CDATA[ ]]><from ", "<from> is missing"},
      {"\"/>", "\">x</from>", "does not belong"},
      {"  <header", "  <extra/><header", "<body> is missing"},
      {"  <header", "  <from uid=\"1\" pid=\"1\"/><header", "<body> is missing"},
      {"<header name=\"Content-Type\">", "<header>", "name is missing"},
      {"name=\"Content-Type\"", "name=\"\"", "beyond the limits"},
      {"text/plain", "<b>text/plain</b>", "has an element in its text"},
      {"encoding=\"base64\">dHdv", "encoding=\"hex\">dHdv", "encoding does not fit"},
      {"dHdv", "dHd!", "encoding does not fit"},
      {"name-encoding=\"base64\"", "name-encoding=\"\"", "name-encoding does not fit"},
      {"text/plain", "text/plaim", "the checksum is wrong"},
      {"Dear", "dear", "the checksum is wrong"},
      {"Dear", "Deer ", "not of the stated length"},
      {"length=\"46\"", "length=\"47\"", "not of the stated length"},
      {" length=\"46\"", "", "length is missing"},
      {"<body encoding=\"text\"", "<body", "encoding is missing"},
      {"<body encoding=\"text\"", "<body encoding=\"Text\"", "encoding is unknown"},
      {"<body encoding=\"text\"", "<body encoding=\"base64\"", "does not fit"},
      {"<body encoding=\"text\"", "<body encoding=\"file\"", "checksum is missing"},
      {"</body>", "</body><body encoding=\"text\" length=\"0\"/>", "<checksum> is missing"},
      {"</body>", "</body><header name=\"late\"/>", "<checksum> is missing"},
      {"</checksum>", "0</checksum>", "the checksum is wrong"},
      {"</checksum>", "</checksum><checksum/>", "does not belong"},
      {"</checksum>", "</checksum>x", "does not belong"},
      {"</message>", "</message><message/>", "second root"},
      {"</message>\n", "</message>x", "outside the root"},
  };
  for (const auto& c : cases) {
    EXPECT_NE(refusal_of(replaced(text, c.what, c.by)).find(c.why), std::string::npos)
        << c.what << " by " << c.by << ": " << refusal_of(replaced(text, c.what, c.by));
  }
  std::string prefixed = replaced(text, "<message xmlns=", "<m:message xmlns:m=");
  EXPECT_NE(refusal_of(replaced(prefixed, "</message>", "</m:message>")), "");
}

TEST(XmlCodec, SaysWhereItFoundWhatItRefuses) {
  const std::string text = replaced(encode(example(), 0), "uid=\"1000\"", "uid=\"x\"");
  const auto result = decode(text);
  ASSERT_TRUE(std::holds_alternative<Refusal>(result));
  EXPECT_EQ(std::get<Refusal>(result).offset, text.find("from uid"));
}

TEST(XmlCodec, RefusesHostileInputQuickly) {
  const auto start = std::chrono::steady_clock::now();
  const std::string text = encode(example(), 0);
  std::string laughs = "<!DOCTYPE lolz [<!ENTITY a \"lol\">";
  for (char c = 'b'; c <= 'z'; ++c) {
    laughs += "<!ENTITY "s + c + " \"";
    for (int i = 0; i < 10; ++i) laughs += "&"s + static_cast<char>(c - 1) + ";";
    laughs += "\">";
  }
  std::string deep;
  for (int i = 0; i < 1'000'000; ++i) deep += "<a>";
  std::string wide;
  for (int i = 0; i < 100'001; ++i) wide += "<a/>";
  std::string attributed = "<a";
  for (int i = 0; i < 1'000'000; ++i) attributed += " a" + std::to_string(i) + "=''";
  for (const std::string& hostile :
       {laughs + "]><message>&z;</message>", deep, "<message>" + wide + "</message>",
        attributed + "/>", text + '\0', text + text, "\0"s, ""s,
        std::string((2 * kMaxInlineBodyBytes) + 16 * kMaxFieldBytes + 1, ' '),
        replaced(text, "Dear", std::string("De\0r", 4)), "<a>" + std::string(10'000'000, '&')}) {
    EXPECT_NE(refusal_of(hostile), "");
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

}  // namespace
}  // namespace spoolmq::xml
