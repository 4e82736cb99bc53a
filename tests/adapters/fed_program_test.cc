// Real programs, fed. Every wait is in poll(2), for what the program itself does.

#include "adapters/fed_program.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <map>

#include "adapters/message_environment.h"
#include "tests/adapters/directory_world.h"

namespace spoolmq::adapters::test {
namespace {

using Listen = MessageProgram::Listen;

class FedProgramTest : public ::testing::Test {
 protected:
  void make(const std::string& script, Answers answers, std::optional<Milliseconds> timeout = {}) {
    rules_.launch.words = {"sh", "-c", script};
    rules_.launch.environment = own_environment();
    rules_.answers = answers;
    rules_.timeout = timeout;
    rules_.speaker = "fed";
    program_.emplace(rules_);
    attend();
  }
  void attend(Listen listen = Listen::kYes) {
    std::vector<Outcome> told;
    due_boot_ms_ = program_->attend(clock_.boot_ms(), listen, told);
    for (Outcome& one : told) told_.insert_or_assign(one.id, std::move(one));
  }
  // Of a new message, once it was put.
  MessageId put(const std::string& body) {
    Message message;
    message.body = body;
    const MessageId id = world_.queue().send(std::move(message));
    deliveries_.push_back(world_.queue().receive().value());
    if (auto outcome = program_->put(deliveries_.back(), clock_.boot_ms())) {
      told_.insert_or_assign(id, *std::move(outcome));
    }
    return id;
  }
  Outcome outcome(const MessageId& id) {
    const std::int64_t end_boot_ms = clock_.boot_ms() + 20'000;
    while (!told_.contains(id) && clock_.boot_ms() < end_boot_ms) {
      std::vector<pollfd> waited;
      program_->gather(waited, Listen::kYes);
      const std::int64_t left_ms =
          std::clamp<std::int64_t>(due_boot_ms_ - clock_.boot_ms(), 0, 1'000);
      ::poll(waited.data(), waited.size(), static_cast<int>(left_ms));
      attend();
    }
    EXPECT_TRUE(told_.contains(id));
    return told_[id];
  }

  SystemClock clock_;
  DirectoryWorld world_;
  FedRules rules_;
  std::vector<Delivery> deliveries_;
  std::map<MessageId, Outcome> told_;
  std::int64_t due_boot_ms_ = 0;
  std::optional<FedProgram> program_;
};

TEST_F(FedProgramTest, RepliesAreToldInTheOrderOfTheMessages) {
  make("while read -r line; do echo \"<$line>\"; done", Answers::kReplies);
  const MessageId first = put("one");
  const MessageId second = put("two");
  EXPECT_EQ(outcome(second).reply, "<two>");
  EXPECT_EQ(outcome(first).reply, "<one>");
}

TEST_F(FedProgramTest, AVerdictIsALine) {
  make("while read -r line; do echo \"$line\"; done", Answers::kVerdicts);
  for (const auto& [line, verdict] : std::map<std::string, Verdict>{{"ok", Verdict::kAck},
                                                                    {"again why", Verdict::kNack},
                                                                    {"no why", Verdict::kReject},
                                                                    {"down why", Verdict::kPause},
                                                                    {"stop why", Verdict::kStop}}) {
    const Outcome told = outcome(put(line));
    EXPECT_EQ(told.verdict, verdict) << line;
    EXPECT_EQ(told.why, line == "ok" ? "" : "why");
  }
}

TEST_F(FedProgramTest, OnlyTheMessageItDiedOnHasFailed) {
  make("read -r one; echo \"was told $one\" >&2; exit 3", Answers::kVerdicts);
  const MessageId first = put("one");
  const MessageId second = put("two");
  EXPECT_EQ(outcome(first).verdict, Verdict::kNack);
  EXPECT_EQ(outcome(first).why, "command exited with 3: was told one");
  EXPECT_EQ(outcome(second).verdict, Verdict::kRelease);
  EXPECT_EQ(program_->why_down(), "command exited with 3: was told one");
  EXPECT_FALSE(program_->has_room());
  program_->shorten_pause(Milliseconds{1000});
  attend();
  EXPECT_TRUE(program_->runs());
}

TEST_F(FedProgramTest, WhatItSaidBeforeItsEndStillCounts) {
  make("read -r one; echo ok; exit 3", Answers::kVerdicts);
  const MessageId first = put("one");
  const MessageId second = put("two");
  EXPECT_EQ(outcome(first).verdict, Verdict::kAck);
  EXPECT_EQ(outcome(second).verdict, Verdict::kNack);
}

TEST_F(FedProgramTest, ExitCodesOfADestinationThatIsDownAreNobodysFailure) {
  make("read -r one; exit 69", Answers::kVerdicts);
  EXPECT_EQ(outcome(put("one")).verdict, Verdict::kPause);
  make("read -r one; exit 78", Answers::kVerdicts);
  EXPECT_EQ(outcome(put("one")).verdict, Verdict::kStop);
}

TEST_F(FedProgramTest, ALateAnswerIsAFailureAndTheEndOfItsProgram) {
  make("sleep 1000", Answers::kVerdicts, Milliseconds{50});
  const Outcome told = outcome(put("one"));
  EXPECT_EQ(told.verdict, Verdict::kNack);
  EXPECT_EQ(told.why, "no answer came in time");
  EXPECT_FALSE(program_->runs());
}

TEST_F(FedProgramTest, TakesNoMoreThanThePipeDoes) {
  make("exec sleep 1000", Answers::kNone);
  rules_.window = 1000;
  int puts = 0;
  for (; program_->has_room() && puts < 1000; ++puts) {
    put(std::string(10'000, 'x'));
    attend();
  }
  EXPECT_GT(puts, 1);
  EXPECT_LT(puts, 100);
  EXPECT_GT(told_.size(), 0U);  // what the pipe took is done with
  EXPECT_LT(told_.size(), static_cast<std::size_t>(puts));
}

TEST_F(FedProgramTest, ABodyWithoutAFrameIsRefusedAtOnce) {
  make("cat", Answers::kReplies);
  EXPECT_EQ(outcome(put("two\nlines")).verdict, Verdict::kReject);
  EXPECT_EQ(outcome(put("one")).reply, "one");
}

TEST_F(FedProgramTest, IsNotListenedToWhileNobodyCanTakeItsReplies) {
  make("cat", Answers::kReplies);
  const MessageId id = put("one");
  for (int i = 0; i < 5; ++i) {
    std::vector<pollfd> waited;
    program_->gather(waited, Listen::kNo);
    ::poll(waited.data(), waited.size(), 20);
    attend(Listen::kNo);
  }
  EXPECT_FALSE(told_.contains(id));
  EXPECT_EQ(outcome(id).reply, "one");
}

TEST_F(FedProgramTest, AMissingProgramStopsEverything) {
  rules_.launch.words = {"/nowhere/at/all"};
  rules_.speaker = "fed";
  program_.emplace(rules_);
  attend();
  EXPECT_EQ(told_[MessageId()].verdict, Verdict::kStop);
}

TEST_F(FedProgramTest, EndsInPeaceWhenNoMoreComes) {
  make("while read -r line; do echo \"$line\"; done; exit 0", Answers::kVerdicts);
  const MessageId id = put("ok");
  program_->wind_up(clock_.boot_ms());
  EXPECT_FALSE(program_->has_room());
  EXPECT_EQ(outcome(id).verdict, Verdict::kAck);
  const std::int64_t end_boot_ms = clock_.boot_ms() + 3'000;  // before it would be told to
  while (program_->runs() && clock_.boot_ms() < end_boot_ms) attend();
  EXPECT_FALSE(program_->runs());
}

}  // namespace
}  // namespace spoolmq::adapters::test
