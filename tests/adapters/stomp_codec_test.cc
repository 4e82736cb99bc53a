#include "adapters/stomp_codec.h"

#include <gtest/gtest.h>

#include <optional>

namespace spoolmq::adapters {
namespace {

using namespace std::string_literals;

// What one decoder makes of the bytes: frames, and why it broke.
struct Decoded {
  std::vector<StompFrame> frames;
  std::string why;
};

Decoded decode(std::string_view bytes, std::optional<StompVersion> version, std::size_t piece,
               StompLimits limits = {}) {
  StompDecoder decoder(limits);
  if (version) decoder.set_version(*version);
  Decoded decoded;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    decoder.feed(bytes.substr(at, piece));
    StompFrame frame;
    StompFound found = StompFound::kNothing;
    while ((found = decoder.next(frame)) == StompFound::kFrame) decoded.frames.push_back(frame);
    if (found == StompFound::kBroken) decoded.why = decoder.why();
  }
  return decoded;
}

// Whole, and byte by byte: both give the same.
Decoded decode(std::string_view bytes, std::optional<StompVersion> version = StompVersion::k12,
               StompLimits limits = {}) {
  Decoded whole = decode(bytes, version, bytes.size(), limits);
  const Decoded bytewise = decode(bytes, version, 1, limits);
  EXPECT_EQ(whole.frames, bytewise.frames);
  EXPECT_EQ(whole.why, bytewise.why);
  return whole;
}

TEST(StompCodec, ReadsFramesWithAndWithoutALength) {
  const Decoded decoded = decode(
      "\n\r\nSEND\ndestination:/queue/a\ncontent-length:3\n\na\0b\0\nSEND\nx:1\nx:2\n\nbody\0"s);
  ASSERT_EQ(decoded.frames.size(), 2U) << decoded.why;
  EXPECT_EQ(decoded.frames[0].body, "a\0b"s);
  EXPECT_EQ(*decoded.frames[0].header("destination"), "/queue/a");
  EXPECT_EQ(*decoded.frames[1].header("x"), "1");
  EXPECT_EQ(decoded.frames[1].body, "body");
  EXPECT_EQ(decoded.frames[1].header("y"), nullptr);
}

// decode() compares what comes whole with what comes byte by byte.
TEST(StompCodec, BreaksForTheSameReasonHoweverItsBytesCome) {
  const std::string padded = "SEND" + std::string(40, ' ') + "\na:b\n\n\0"s;
  EXPECT_EQ(decode(padded, StompVersion::k10).why, "what comes is not a STOMP frame");
  const std::string endless(200, 'x');
  EXPECT_EQ(decode(endless + "\n", StompVersion::k12, {.head_bytes = 96}).why,
            "what comes is not a STOMP frame");
  EXPECT_EQ(decode("ACK\nid:1\n\n" + std::string(9, 'x'), StompVersion::k12, {.body_bytes = 8}).why,
            "ACK cannot have a body");
}

TEST(StompCodec, EscapesAsTheVersionSays) {
  StompFrame frame{"SEND", {{"a:b\\", "x\ny: z"}}, "B"};
  for (const StompVersion version : {StompVersion::k11, StompVersion::k12}) {
    std::string bytes;
    append_stomp(bytes, frame, version);
    const Decoded decoded = decode(bytes, version);
    ASSERT_EQ(decoded.frames.size(), 1U) << decoded.why;
    EXPECT_EQ(*decoded.frames[0].header("a:b\\"), "x\ny: z");
  }
  std::string bytes;
  append_stomp(bytes, frame, StompVersion::k10);
  EXPECT_EQ(bytes, "SEND\na_b\\:x y: z\ncontent-length:1\n\nB\0\n"s);
  EXPECT_EQ(*decode("SEND\n a : b\\c \n\n\0"s, StompVersion::k10).frames.at(0).header("a"), "b\\c");
  EXPECT_EQ(*decode("SEND\na: b \r\n\n\0"s, StompVersion::k12).frames.at(0).header("a"), " b ");
  EXPECT_EQ(*decode("SEND\na:b\r\n\n\0"s, StompVersion::k11).frames.at(0).header("a"), "b\r");
}

TEST(StompCodec, NeverEscapesAHandshake) {
  const StompFrame frame{"CONNECT", {{"passcode", "a\\n:b"}}, ""};
  std::string bytes;
  append_stomp(bytes, frame, StompVersion::k12);
  EXPECT_EQ(bytes, "CONNECT\npasscode:a\\n:b\n\n\0\n"s);
  EXPECT_EQ(decode(bytes, std::nullopt).frames.at(0), frame);
}

TEST(StompCodec, BreaksAtWhatIsNoFrame) {
  struct Case {
    std::string bytes;
    std::string why;
  };
  const Case cases[] = {
      {"GET / HTTP/1.1\r\n", "what comes is not a STOMP frame"},
      {std::string(100, 'A'), "what comes is not a STOMP frame"},
      {"SEND\nno colon\n\n\0"s, "a header has no colon"},
      {"SEND\n:x\n\n\0"s, "a header has no name"},
      {"SEND\na:\\t\n\n\0"s, "a header has an unknown escape"},
      {"SEND\na:\\\n\n\0"s, "a header has an unknown escape"},
      {"SEND\na:\xff\n\n\0"s, "a header is not UTF-8 text"},
      {"SEND\na:\0b\n\n\0"s, "a header is not UTF-8 text"},
      {"SEND\ncontent-length:x\n\n\0"s, "content-length is not a number"},
      {"SEND\ncontent-length:-1\n\n\0"s, "content-length is not a number"},
      {"SEND\ncontent-length:4294967296\n\n"s, "content-length is more than 10485760 bytes"},
      {"SEND\ncontent-length:2\n\nabc\0"s, "there is no NUL behind content-length bytes"},
      {"ACK\nid:1\n\nbody\0"s, "ACK cannot have a body"},
      {"ACK\nid:1\ncontent-length:1\n\nb\0"s, "ACK cannot have a body"},
  };
  for (const Case& one : cases) {
    const Decoded decoded = decode(one.bytes);
    EXPECT_TRUE(decoded.frames.empty()) << one.bytes;
    EXPECT_EQ(decoded.why, one.why) << one.bytes;
  }
}

TEST(StompCodec, HasLimits) {
  const StompLimits limits{.headers = 2, .head_bytes = 64, .body_bytes = 4};
  EXPECT_EQ(decode("SEND\na:1\nb:2\n\n1234\0"s, StompVersion::k12, limits).frames.size(), 1U);
  EXPECT_EQ(decode("SEND\na:1\nb:2\nc:3\n\n\0"s, StompVersion::k12, limits).why,
            "a frame has more than 2 headers");
  EXPECT_EQ(decode("SEND\n\n12345\0"s, StompVersion::k12, limits).why,
            "the body is longer than 4 bytes");
  EXPECT_EQ(decode("SEND\na:" + std::string(60, 'x'), StompVersion::k12, limits).why,
            "the head of a frame is longer than 64 bytes");
}

TEST(StompCodec, EveryCutOfAFrameIsNoFrameYet) {
  std::string bytes;
  append_stomp(bytes, {"MESSAGE", {{"message-id", "1"}, {"a", "b:c"}}, "two\nlines"},
               StompVersion::k12);
  for (std::size_t length = 0; length + 1 < bytes.size(); ++length) {
    const Decoded decoded = decode(std::string_view(bytes).substr(0, length));
    EXPECT_TRUE(decoded.frames.empty()) << length;
    EXPECT_EQ(decoded.why, "") << length;
  }
}

// Also where it was cut behind a whole line: whoever ends frames that take too long relies on it.
TEST(StompCodec, IsInsideAFrameFromItsFirstByteToItsLast) {
  const std::string bytes = "\nSEND\nname:value\n\nbody\0"s;
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    StompDecoder decoder(StompLimits{});
    decoder.set_version(StompVersion::k12);
    decoder.feed(std::string_view(bytes).substr(0, length));
    StompFrame frame;
    const StompFound found = decoder.next(frame);
    EXPECT_EQ(found == StompFound::kFrame, length == bytes.size()) << length;
    EXPECT_EQ(decoder.is_inside(), length > 1 && length < bytes.size()) << length;
  }
}

}  // namespace
}  // namespace spoolmq::adapters
