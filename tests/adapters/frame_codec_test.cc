#include "adapters/frame_codec.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace spoolmq::adapters {
namespace {

using std::string_literals::operator""s;

constexpr std::array kKinds{FrameKind::kLine, FrameKind::kNull, FrameKind::kNetstring,
                            FrameKind::kLength, FrameKind::kOctetCount};

std::string frame(FrameKind kind, std::string_view body) {
  std::string out;
  EXPECT_TRUE(append_frame(out, kind, body));
  return out;
}

std::vector<std::string> frames_of(FrameReader& reader) {
  std::vector<std::string> bodies;
  std::string body;
  while (reader.next(body) == Found::kFrame) bodies.push_back(body);
  return bodies;
}

TEST(FrameCodec, WritesWhatTheFormatsSay) {
  EXPECT_EQ(frame(FrameKind::kLine, "a b"), "a b\n");
  EXPECT_EQ(frame(FrameKind::kLine, "a b\n"), "a b\n");
  EXPECT_EQ(frame(FrameKind::kNull, "a\nb"), "a\nb\0"s);
  EXPECT_EQ(frame(FrameKind::kNetstring, "hello world!"), "12:hello world!,");
  EXPECT_EQ(frame(FrameKind::kNetstring, ""), "0:,");
  EXPECT_EQ(frame(FrameKind::kOctetCount, "<13>a b"), "7 <13>a b");
  EXPECT_EQ(frame(FrameKind::kLength, std::string(258, 'x')), "\0\0\1\2"s + std::string(258, 'x'));
}

TEST(FrameCodec, RefusesABodyThatHasTheEndInIt) {
  std::string out = "kept";
  EXPECT_FALSE(append_frame(out, FrameKind::kLine, "a\nb\n"));
  EXPECT_FALSE(append_frame(out, FrameKind::kNull, "a\0b"s));
  EXPECT_EQ(out, "kept");
}

TEST(FrameCodec, ReadsWhatItWroteHoweverItIsCutUp) {
  const std::vector<std::string> bodies{"", "a", "12:x,", std::string(300, 'y'), ",:\x01\xff"};
  for (const FrameKind kind : kKinds) {
    std::string stream;
    for (const std::string& body : bodies) stream += frame(kind, body);
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
      FrameReader reader({kind, 1000});
      std::vector<std::string> read;
      for (std::size_t at = 0; at < stream.size(); at += piece) {
        reader.feed(std::string_view(stream).substr(at, piece));
        for (std::string& body : frames_of(reader)) read.push_back(std::move(body));
      }
      EXPECT_EQ(read, bodies) << kFrameWords[static_cast<std::size_t>(kind)] << " by " << piece;
      EXPECT_FALSE(reader.is_inside());
    }
  }
}

TEST(FrameCodec, DeliversNoFrameOfAnyTruncationThatIsCounted) {
  for (const FrameKind kind : {FrameKind::kNetstring, FrameKind::kLength, FrameKind::kOctetCount}) {
    const std::string whole = frame(kind, "twelve bytes");
    for (std::size_t length = 1; length < whole.size(); ++length) {
      FrameReader reader({kind, 1000});
      reader.feed(whole.substr(0, length));
      std::string body;
      EXPECT_EQ(reader.next(body), Found::kNothing) << length;
      EXPECT_TRUE(reader.is_inside());
      EXPECT_EQ(reader.next_at_end(body), Found::kBroken) << length;
      EXPECT_EQ(reader.why(), "it ended inside a frame");
    }
  }
}

TEST(FrameCodec, TakesALastLineWithoutItsEnd) {
  FrameReader reader({FrameKind::kLine, 10});
  reader.feed("one\ntwo");
  std::string body;
  EXPECT_EQ(reader.next(body), Found::kFrame);
  EXPECT_EQ(reader.next(body), Found::kNothing);
  EXPECT_EQ(reader.next_at_end(body), Found::kFrame);
  EXPECT_EQ(body, "two");
  EXPECT_EQ(reader.next_at_end(body), Found::kNothing);
}

TEST(FrameCodec, SkipsALineAboveTheLimitAndGoesOn) {
  for (const std::size_t piece : {1U, 3U, 1000U}) {
    FrameReader reader({FrameKind::kLine, 5});
    const std::string stream = "12345\n123456\nok\n" + std::string(500, 'x') + "\nend\nlong ended";
    std::string seen;
    std::string body;
    const auto note = [&](Found found) {
      if (found == Found::kFrame) seen += body + ";";
      if (found == Found::kTooLong) seen += "long;";
      return found != Found::kNothing;
    };
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      reader.feed(std::string_view(stream).substr(at, piece));
      while (note(reader.next(body))) {
      }
    }
    while (note(reader.next_at_end(body))) {
    }
    EXPECT_EQ(seen, "12345;long;ok;long;end;long;") << piece;
  }
}

TEST(FrameCodec, BreaksOffWhatDeclaresTooMuchAtOnce) {
  FrameReader counted({FrameKind::kLength, 5});
  counted.feed("\xff\xff\xff\xff");
  std::string body;
  EXPECT_EQ(counted.next(body), Found::kBroken);
  EXPECT_EQ(counted.why(), "a frame is longer than 5 bytes");
  counted.feed("\0\0\0\1x"s);
  EXPECT_EQ(counted.next(body), Found::kBroken);

  FrameReader netstring({FrameKind::kNetstring, 5});
  netstring.feed("6:");
  EXPECT_EQ(netstring.next(body), Found::kBroken);
}

TEST(FrameCodec, RefusesWhatIsNoOctetCount) {
  for (const std::string& bytes : {"x"s, " "s, "3:abc"s, "<13>no count"s}) {
    FrameReader reader({FrameKind::kOctetCount, 100});
    reader.feed(bytes);
    std::string body;
    EXPECT_EQ(reader.next(body), Found::kBroken) << bytes;
    EXPECT_EQ(reader.why(), "a length and a blank are missing");
  }
}

TEST(FrameCodec, RefusesWhatIsNoNetstring) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"x", "a length and a colon are missing"},
      {":", "a length and a colon are missing"},
      {"01:x,", "a length begins with a zero"},
      {"3:abcd", "the comma behind a body is missing"},
      {"-1:", "a length and a colon are missing"},
      {"99999999999999999999:", "a length has more than 19 digits"},
      {"9999999999999999999:", "a frame is longer than 100 bytes"},
  };
  for (const auto& [bytes, why] : cases) {
    FrameReader reader({FrameKind::kNetstring, 100});
    reader.feed(bytes);
    std::string body;
    EXPECT_EQ(reader.next(body), Found::kBroken) << bytes;
    EXPECT_EQ(reader.why(), why) << bytes;
  }
}

}  // namespace
}  // namespace spoolmq::adapters
