// Bridges between a queue and real FIFOs.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>

#include "adapters/descriptor.h"
#include "adapters/fifo_in.h"
#include "adapters/fifo_out.h"
#include "tests/adapters/turning_rig.h"

namespace spoolmq::adapters::test {
namespace {

using namespace std::string_literals;
using Bodies = std::vector<std::string>;

class FifoBridge : public ::testing::Test {
 protected:
  FifoBridge() { std::signal(SIGPIPE, SIG_IGN); }
  FifoSettings settings() {
    FifoSettings made;
    made.fifo.path = path_;
    made.window = 8;
    return made;
  }
  FifoSettings answered() {
    FifoSettings made = settings();
    made.answers = FifoRules{answers_path_, {}, {}};
    return made;
  }
  // Who comes while an answered bridge comes may be taken for one of before (fifo_pair.h).
  template <typename Made>
  void start_before_anybody(const FifoSettings& settings) {
    rig_.start<Made>(settings);
    ASSERT_TRUE(rig_.is_under_way());
  }
  // As a program that waits for the other side.
  static Descriptor open(const std::string& path, int flags) {
    int number = -1;
    EXPECT_TRUE(until([&] {
      number = ::open(path.c_str(), flags | O_NONBLOCK | O_CLOEXEC);
      return number >= 0;
    }));
    return Descriptor(number);
  }
  Descriptor writer() { return open(path_, O_WRONLY); }
  static bool write(const Descriptor& end, std::string_view bytes) {
    return ::write(end.number(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  }
  static std::string read_until(const Descriptor& end,
                                const std::function<bool(const std::string&)>& is) {
    std::string all;
    EXPECT_TRUE(until([&] {
      char buffer[4096];
      const ssize_t got = ::read(end.number(), buffer, sizeof buffer);
      if (got > 0) all.append(buffer, static_cast<std::size_t>(got));
      return is(all);
    })) << all;
    return all;
  }
  static std::string read_lines(const Descriptor& end, std::ptrdiff_t count) {
    return read_until(
        end, [count](const std::string& all) { return std::ranges::count(all, '\n') >= count; });
  }

  TurningRig rig_;
  const std::string path_ = rig_.there.at("fifo");
  const std::string answers_path_ = rig_.there.at("answers");
};

TEST_F(FifoBridge, SendsWhatIsWrittenAndEndsAPartialLineWithItsWriter) {
  rig_.start<FifoIn>(settings());
  write(writer(), "one\ntwo\nhalf of a li");
  EXPECT_EQ(rig_.bodies(3), (Bodies{"one", "two", "half of a li"}));
  write(writer(), "next\n");
  EXPECT_EQ(rig_.bodies(4).back(), "next");
}

TEST_F(FifoBridge, KeepsTheFrameOfAWriterWhileAnotherComesAndGoes) {
  rig_.start<FifoIn>(settings());
  const Descriptor slow = writer();
  write(slow, "slow ");
  write(writer(), "");
  write(slow, "line\n");
  EXPECT_EQ(rig_.bodies(1), (Bodies{"slow line"}));
}

TEST_F(FifoBridge, DropsHalfACountedFrameAndGoesOnWithTheNextWriter) {
  FifoSettings counted = settings();
  counted.framing.kind = FrameKind::kNetstring;
  rig_.start<FifoIn>(counted);
  write(writer(), "3:one,10:half");
  EXPECT_EQ(rig_.bodies(1), (Bodies{"one"}));
  ASSERT_TRUE(until([&] { return rig_.counters.refused == 1; }));
  EXPECT_EQ(rig_.refusals().at(0), "it ended inside a frame");
  write(writer(), "3:two,");
  EXPECT_EQ(rig_.bodies(2).back(), "two");
}

TEST_F(FifoBridge, ClosesAStreamThatCannotBeUnderstoodAndComesBack) {
  FifoSettings counted = settings();
  counted.framing.kind = FrameKind::kLength;
  rig_.start<FifoIn>(counted);
  const Descriptor bad = writer();
  ASSERT_TRUE(write(bad, "\xff\xff\xff\xffrest"));
  ASSERT_TRUE(until([&] { return rig_.counters.refused == 1; }));
  ASSERT_TRUE(until([&] { return !write(bad, "x"); }));
  EXPECT_EQ(errno, EPIPE);
  ASSERT_TRUE(until([&] { return write(writer(), "\0\0\0\4good"s); }));
  EXPECT_EQ(rig_.bodies(1), (Bodies{"good"}));
}

TEST_F(FifoBridge, FollowsAFifoThatWasMadeAnew) {
  rig_.start<FifoIn>(settings());
  const Descriptor old = writer();
  std::filesystem::remove(path_);
  ASSERT_TRUE(write(old, "to the old one\n"));
  ASSERT_TRUE(until([&] { return std::filesystem::exists(path_); }));
  write(writer(), "to the new one\n");
  EXPECT_EQ(rig_.bodies(2), (Bodies{"to the old one", "to the new one"}));
}

TEST_F(FifoBridge, AnswersEachMessageOnceItIsDurable) {
  FifoSettings limited = answered();
  limited.framing.most_bytes = 5;
  start_before_anybody<FifoIn>(limited);
  const Descriptor in = writer();
  const Descriptor answers = open(answers_path_, O_RDONLY);
  ASSERT_TRUE(write(in, "one\nmuch too long\ntwo\n"));
  const std::string lines = read_lines(answers, 3);
  const auto ready = rig_.world.queue().next_ready(10);
  ASSERT_EQ(ready.size(), 2U);
  EXPECT_EQ(lines, "ok " + ready[0].id.text() + "\nno a message is longer than 5 bytes\nok " +
                       ready[1].id.text() + "\n");
}

TEST_F(FifoBridge, ReadsNothingWhileNobodyReadsTheAnswers) {
  start_before_anybody<FifoIn>(answered());
  const Descriptor in = writer();
  const std::string lines(4096, '\n');
  while (write(in, lines)) {
  }
  ASSERT_EQ(errno, EAGAIN);
  pollfd room{in.number(), POLLOUT, 0};
  EXPECT_EQ(::poll(&room, 1, 300), 0) << "it is full and stays so";
  const Descriptor answers = open(answers_path_, O_RDONLY);
  EXPECT_EQ(::poll(&room, 1, 10'000), 1);
}

TEST_F(FifoBridge, ClosesTheAnswersBehindTheLastWriter) {
  start_before_anybody<FifoIn>(answered());
  for (int round = 0; round < 3; ++round) {
    Descriptor in = writer();
    const Descriptor answers = open(answers_path_, O_RDONLY);
    ASSERT_TRUE(write(in, "one\n"));
    read_lines(answers, 1);
    in.close();
    pollfd end{answers.number(), POLLIN, 0};
    ASSERT_EQ(::poll(&end, 1, 10'000), 1) << "its end";
    EXPECT_EQ(end.revents, POLLHUP);
  }
  EXPECT_EQ(rig_.counters.moved, 3U);
}

TEST_F(FifoBridge, LeasesNothingWhileNobodyReads) {
  rig_.send("one");
  rig_.start<FifoOut>(settings());
  ASSERT_TRUE(until([&] { return std::filesystem::exists(path_); }));
  EXPECT_EQ(rig_.count(State::kLeased), 0);
  const Descriptor reader = open(path_, O_RDONLY);
  EXPECT_EQ(read_lines(reader, 1), "one\n");
  EXPECT_TRUE(until([&] { return rig_.counters.moved == 1; }));
}

TEST_F(FifoBridge, WhatADeadReaderLeftInThePipeGoesToTheNext) {
  for (const char* const body : {"one", "two", "three"}) rig_.send(body);
  rig_.start<FifoOut>(settings());
  Descriptor reader = open(path_, O_RDONLY);
  pollfd readable{reader.number(), POLLIN, 0};
  ASSERT_EQ(::poll(&readable, 1, 10'000), 1);
  ASSERT_TRUE(until([&] { return rig_.count(State::kLeased) == 3; }));
  char bytes[6];  // "one\ntw"
  ASSERT_TRUE(until([&] { return ::read(reader.number(), bytes, 6) == 6; }));
  ASSERT_TRUE(until([&] { return rig_.counters.moved == 1; })) << "it was read";
  reader.close();
  ASSERT_TRUE(until([&] { return rig_.count(State::kReady) == 2; }));
  const Descriptor next = open(path_, O_RDONLY);
  EXPECT_EQ(read_lines(next, 2), "two\nthree\n");
}

TEST_F(FifoBridge, WhatHasNoFrameIsDeadAndHoldsUpNothing) {
  FifoSettings limited = settings();
  limited.framing.most_bytes = 10;
  rig_.send("a\nb");
  rig_.send(std::string(11, 'x'));
  rig_.send("good");
  rig_.start<FifoOut>(limited);
  const Descriptor reader = open(path_, O_RDONLY);
  EXPECT_EQ(read_lines(reader, 1), "good\n");
  EXPECT_TRUE(until([&] { return rig_.count(State::kDead) == 2; }));
}

TEST_F(FifoBridge, SettlesByTheReadersVerdicts) {
  for (const char* const body : {"good", "bad", "later"}) rig_.send(body);
  start_before_anybody<FifoOut>(answered());
  const Descriptor answers = open(answers_path_, O_WRONLY);
  const Descriptor reader = open(path_, O_RDONLY);
  EXPECT_EQ(read_lines(reader, 3), "good\nbad\nlater\n");
  EXPECT_EQ(rig_.counters.moved, 0U);
  ASSERT_TRUE(write(answers, "ok\nno spoiled\nagain busy\n"));
  EXPECT_TRUE(until([&] { return rig_.counters.moved == 1; }));
  EXPECT_TRUE(until([&] { return rig_.count(State::kDead) == 1; }));
  EXPECT_TRUE(until([&] { return rig_.count(State::kDelayed) == 1; }));
}

TEST_F(FifoBridge, AnAnswerThatNothingWaitsForBreaksTheExchange) {
  rig_.send("one");
  start_before_anybody<FifoOut>(answered());
  const Descriptor answers = open(answers_path_, O_WRONLY);
  const Descriptor reader = open(path_, O_RDONLY);
  read_lines(reader, 1);
  ASSERT_TRUE(write(answers, "ok\nok\n"));
  EXPECT_EQ(rig_.error().why(), "an answer that nothing waits for");
  EXPECT_EQ(rig_.counters.moved, 1U);
}

TEST_F(FifoBridge, AMessageWithoutAnswerHasFailed) {
  FifoSettings impatient = answered();
  impatient.answer_timeout_ms = 50;
  impatient.window = 1;
  const MessageId id = rig_.send("one");
  start_before_anybody<FifoOut>(impatient);
  const Descriptor answers = open(answers_path_, O_WRONLY);
  const Descriptor reader = open(path_, O_RDONLY);
  EXPECT_EQ(rig_.error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(rig_.world.queue().status(id)->counters.failures, 1);
}

TEST_F(FifoBridge, ReleasesWhatADeadReaderDidNotAnswer) {
  for (const char* const body : {"one", "two"}) rig_.send(body);
  start_before_anybody<FifoOut>(answered());
  {
    const Descriptor answers = open(answers_path_, O_WRONLY);
    const Descriptor reader = open(path_, O_RDONLY);
    read_lines(reader, 2);
    ASSERT_TRUE(write(answers, "ok\n"));
  }
  EXPECT_TRUE(until([&] { return rig_.count(State::kReady) == 1; }));
  EXPECT_EQ(rig_.world.queue().next_ready(1).at(0).counters.failures, 0);
  EXPECT_EQ(rig_.counters.moved, 1U);
}

TEST_F(FifoBridge, OnceEndsWithTheWritersAndWithTheQueue) {
  rig_.start<FifoIn>(settings(), true);
  write(writer(), "one\n");
  EXPECT_TRUE(rig_.ends());
  EXPECT_EQ(rig_.bodies(1), (Bodies{"one"}));
}

TEST_F(FifoBridge, OnceEndsWithAnEmptyQueueThoughNobodyReads) {
  rig_.start<FifoOut>(settings(), true);
  EXPECT_TRUE(rig_.ends());
}

}  // namespace
}  // namespace spoolmq::adapters::test
