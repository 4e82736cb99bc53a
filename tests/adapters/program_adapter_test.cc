// What the adapter makes of what a program says, with a program that says what it is told to.

#include "adapters/program_adapter.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>

#include "adapters/restart_pause.h"
#include "tests/adapters/directory_world.h"

namespace spoolmq::adapters::test {
namespace {

// Answers each message at the next look.
class Told final : public MessageProgram {
 public:
  using Say = std::function<Outcome(const Message&)>;
  explicit Told(Say say) : say_(std::move(say)) {}
  [[nodiscard]] bool has_room() const override { return !answer_; }
  std::optional<Outcome> put(Delivery& delivery, std::int64_t /*now*/) override {
    ++puts;
    answer_ = say_(delivery.message());
    answer_->id = delivery.message().id;
    return std::nullopt;
  }
  std::int64_t attend(std::int64_t /*now*/, Listen /*listen*/,
                      std::vector<Outcome>& told) override {
    if (answer_) told.push_back(*std::exchange(answer_, std::nullopt));
    return answer_ ? 0 : INT64_MAX;
  }
  void gather(std::vector<pollfd>& /*waited*/, Listen /*listen*/) const override {}
  [[nodiscard]] std::optional<std::string> why_down() const override { return down; }
  void shorten_pause(Milliseconds /*by*/) override {}
  void wind_up(std::int64_t /*now*/) override {}
  [[nodiscard]] bool runs() const override { return false; }

  int puts = 0;
  std::optional<std::string> down;

 private:
  const Say say_;
  std::optional<Outcome> answer_;
};

class ProgramAdapterTest : public ::testing::Test {
 protected:
  void make(Told::Say say, const std::string& reply_queue = "") {
    root_.emplace(Root::open(world_.dir("root"), world_.shared_clock()));
    if (!reply_queue.empty()) root_->create_queue(reply_queue);
    place_.root = &*root_;
    place_.clock = &world_.clock();
    place_.counters = &counters_;
    place_.name = "a";
    auto program = std::make_unique<Told>(std::move(say));
    program_ = program.get();
    ProgramAdapter::Programs programs;
    programs.push_back(std::move(program));
    adapter_.emplace(ProgramAdapter::Parts{"q", reply_queue, "program", 8}, std::move(programs),
                     place_);
  }
  MessageId send(const std::string& body, const std::string& correlation_id = "") {
    Message message;
    message.body = body;
    message.correlation_id = correlation_id;
    return world_.queue().send(std::move(message));
  }
  // Turns until the condition holds or a turn throws; nullopt: it holds.
  std::optional<Error> until(const std::function<bool()>& holds) {
    for (int turn = 0; turn < 30; ++turn) {
      try {
        adapter_->turn();
      } catch (const Error& error) {
        return error;
      }
      if (holds()) return std::nullopt;
    }
    ADD_FAILURE() << "it does not come to hold";
    return std::nullopt;
  }
  std::int64_t count(State state) { return world_.queue().stats().of(state).messages; }

  DirectoryWorld world_;
  std::optional<Root> root_;
  AdapterCounters counters_;
  AdapterPlace place_;
  Told* program_ = nullptr;
  std::optional<ProgramAdapter> adapter_;
};

TEST_F(ProgramAdapterTest, DoesWhatAVerdictSays) {
  make([](const Message& message) {
    if (message.body == "bad") return Outcome{{}, Verdict::kReject, "it is bad"};
    if (message.body == "fails") return Outcome{{}, Verdict::kNack, "it fails"};
    return Outcome{};
  });
  send("good");
  const MessageId bad = send("bad");
  const MessageId fails = send("fails");
  EXPECT_FALSE(until([this] { return program_->puts >= 3 && count(State::kLeased) == 0; }));
  EXPECT_EQ(counters_.moved, 1U);
  EXPECT_EQ(world_.queue().status(bad)->reason, "rejected: it is bad");
  EXPECT_EQ(world_.queue().status(fails)->reason, "it fails");
  EXPECT_GE(world_.queue().status(fails)->counters.failures, 1);  // it is tried again
}

TEST_F(ProgramAdapterTest, PausesWithoutAFailureAndProbesWithOne) {
  bool is_up = false;
  make([&is_up](const Message&) {
    return is_up ? Outcome{} : Outcome{{}, Verdict::kPause, "it is down"};
  });
  for (int i = 0; i < 5; ++i) send("m");
  const auto never = [] { return false; };
  const std::optional<Error> first = until(never);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->code(), ErrorCode::kTryAgain);
  EXPECT_EQ(first->why(), "it is down");
  EXPECT_EQ(count(State::kReady), 5);
  EXPECT_EQ(count(State::kLeased), 0);
  const int puts = program_->puts;
  EXPECT_TRUE(until(never));  // the runner has waited: one probe
  EXPECT_EQ(program_->puts, puts + 1);
  EXPECT_EQ(count(State::kLeased), 0);
  is_up = true;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (counters_.moved < 5 && std::chrono::steady_clock::now() < end) {
    static_cast<void>(until([this] { return counters_.moved == 5; }));
  }
  EXPECT_EQ(counters_.moved, 5U);
}

TEST_F(ProgramAdapterTest, StopsForGoodAndGivesEverythingBack) {
  make([](const Message&) { return Outcome{{}, Verdict::kStop, "it is broken"}; });
  const MessageId id = send("m");
  const std::optional<Error> error = until([] { return false; });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kConfiguration);
  EXPECT_EQ(world_.queue().status(id)->state, State::kReady);
  EXPECT_EQ(world_.queue().status(id)->counters.failures, 0);
}

TEST_F(ProgramAdapterTest, TakesNothingWhileItsProgramIsDown) {
  make([](const Message&) { return Outcome{}; });
  program_->down = "it ended";
  send("m");
  const std::optional<Error> error = until([] { return false; });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code(), ErrorCode::kTryAgain);
  EXPECT_EQ(count(State::kReady), 1);
  program_->down.reset();
  EXPECT_FALSE(until([this] { return counters_.moved == 1; }));
}

TEST_F(ProgramAdapterTest, SendsAReplyOnceForEachRequest) {
  make(
      [](const Message& message) {
        return Outcome{{}, Verdict::kAck, "", "re: " + message.body};
      },
      "r");
  const MessageId id = send("m", "theirs");
  EXPECT_FALSE(until([this] { return counters_.moved == 1; }));
  Queue replies = root_->open_queue("r");
  std::optional<Delivery> reply = replies.receive();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->message().body, "re: m");
  EXPECT_EQ(reply->message().correlation_id, id.text());
  EXPECT_EQ(*reply->message().header("correlation-id"), "theirs");
  reply->ack();
  // As after a crash between the reply and the acknowledgement.
  Replies again(place_, "r");
  Message request;
  request.id = id;
  again.add(request, "re: m, differently");
  const std::vector<Outcome> outcomes = again.flush();
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].verdict, Verdict::kAck);
  EXPECT_FALSE(replies.receive());
}

TEST(RestartPause, DoublesUntilSomeGoodWasDone) {
  RestartPause pause;
  EXPECT_EQ(pause.until_boot_ms(), 0);
  for (const std::int64_t wanted_ms : {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000}) {
    pause.ended(5);
    EXPECT_EQ(pause.until_boot_ms(), 5 + wanted_ms);
  }
  pause.did_good();
  pause.ended(5);
  EXPECT_EQ(pause.until_boot_ms(), 1005);
  pause.shorten(1000);
  EXPECT_EQ(pause.until_boot_ms(), 5);
}

}  // namespace
}  // namespace spoolmq::adapters::test
