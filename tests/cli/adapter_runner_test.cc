#include "cli/adapter_runner.h"

#include <gtest/gtest.h>

#include <new>
#include <utility>

#include "tests/cli/fake_adapter.h"

namespace spoolmq::cli {
namespace {

using Turn = adapters::Adapter::Turn;

// One runner, stepped by hand.
class World {
 public:
  World() {
    surroundings_.clock = &clock;
    surroundings_.make = [this](const AdapterConfig& config, const adapters::AdapterPlace& place) {
      if (cannot_make) throw Error(*cannot_make);
      last_fingerprint = config.fingerprint;
      return std::make_unique<FakeAdapter>(
          config.name, place,
          FakeAdapter::Script{&events, [this](FakeAdapter& adapter) { return turn(adapter); },
                              watches, at_end});
    };
    surroundings_.watch = [this](AdapterRunner&, std::uint64_t session,
                                 const std::vector<watcher::WatchOptions>& wanted) {
      watched_session = session;
      watched = wanted.size();
    };
    runner = std::make_shared<AdapterRunner>(config_of("a"), surroundings_);
  }

  Turn idle() { return {clock.boot_ms() + 30'000, true}; }
  [[nodiscard]] AdapterState state() const { return runner->status().state; }
  int turns() { return events.count("a turn"); }

  TurnedClock clock;
  Events events;
  std::function<Turn(FakeAdapter&)> turn = [this](FakeAdapter&) { return idle(); };
  std::optional<Error> cannot_make;
  std::vector<watcher::WatchOptions> watches;
  std::function<void()> at_end;
  std::string last_fingerprint;
  std::uint64_t watched_session = 0;
  std::size_t watched = 0;
  std::shared_ptr<AdapterRunner> runner;

 private:
  AdapterRunner::Surroundings surroundings_;
};

Error error(ErrorCode code) { return {code, "export", "/out", "it went wrong"}; }

TEST(AdapterRunner, GivesATurnWhenItIsDue) {
  World world;
  EXPECT_EQ(world.runner->step(), world.clock.boot_ms() + 30'000);
  EXPECT_EQ(world.turns(), 1);
  world.clock.advance(29'999);
  world.runner->step();
  EXPECT_EQ(world.turns(), 1);
  world.clock.advance(1);
  world.runner->step();
  EXPECT_EQ(world.turns(), 2);
  EXPECT_EQ(world.events.count("a made"), 1);
  EXPECT_EQ(world.state(), AdapterState::kRunning);
}

TEST(AdapterRunner, GivesATurnWhenItIsWoken) {
  World world;
  world.runner->step();
  world.runner->wake();
  world.runner->step();
  world.runner->step();
  EXPECT_EQ(world.turns(), 2);
}

TEST(AdapterRunner, PausesForWhatMayPassAndStopsForTheRest) {
  for (const ErrorCode code :
       {ErrorCode::kTryAgain, ErrorCode::kUnavailable, ErrorCode::kPermission, ErrorCode::kNotFound,
        ErrorCode::kIo, ErrorCode::kOsResource}) {
    World world;
    world.turn = [&](FakeAdapter&) -> Turn { throw error(code); };
    world.runner->step();
    EXPECT_EQ(world.state(), AdapterState::kPaused) << static_cast<int>(code);
    EXPECT_EQ(world.runner->status().why, "export: /out: it went wrong");
    EXPECT_TRUE(world.runner->status().until_wall_ms);
  }
  for (const ErrorCode code :
       {ErrorCode::kBadData, ErrorCode::kUsage, ErrorCode::kConfiguration, ErrorCode::kInternal,
        ErrorCode::kLeaseLost, ErrorCode::kCannotCreate}) {
    World world;
    world.turn = [&](FakeAdapter&) -> Turn { throw error(code); };
    EXPECT_EQ(world.runner->step(), AdapterRunner::kNever);
    EXPECT_EQ(world.state(), AdapterState::kStopped) << static_cast<int>(code);
    EXPECT_FALSE(world.runner->status().until_wall_ms);
    world.clock.advance(3'600'000);
    world.runner->wake();
    world.runner->step();
    EXPECT_EQ(world.turns(), 1);
    EXPECT_EQ(world.events.count("a gone"), 1) << "it holds nothing any more";
  }
}

TEST(AdapterRunner, AnswersExceptionsThatAreNoErrors) {
  World memory;
  memory.turn = [](FakeAdapter&) -> Turn { throw std::bad_alloc(); };
  memory.runner->step();
  EXPECT_EQ(memory.state(), AdapterState::kPaused);
  World bug;
  bug.turn = [](FakeAdapter&) -> Turn { throw std::logic_error("a bug"); };
  bug.runner->step();
  EXPECT_EQ(bug.state(), AdapterState::kStopped);
  EXPECT_EQ(bug.runner->status().why, "run: unexpected failure: a bug");
}

TEST(AdapterRunner, TriesAgainAfterASecondDoublingToAMinute) {
  World world;
  world.turn = [](FakeAdapter&) -> Turn { throw error(ErrorCode::kIo); };
  std::int64_t expected_ms = 1'000;
  for (int i = 1; i <= 9; ++i) {
    const std::int64_t wait_ms = world.runner->step() - world.clock.boot_ms();
    EXPECT_EQ(world.turns(), i);
    EXPECT_GE(wait_ms, expected_ms * 8 / 10) << i;
    EXPECT_LE(wait_ms, expected_ms * 12 / 10) << i;
    EXPECT_EQ(world.runner->status().until_wall_ms, world.clock.wall_ms() + wait_ms);
    world.clock.advance(wait_ms - 1);
    world.runner->wake();  // a hint does not shorten it
    world.runner->step();
    EXPECT_EQ(world.turns(), i);
    world.clock.advance(1);
    expected_ms = std::min<std::int64_t>(expected_ms * 2, 60'000);
  }
  world.turn = [&](FakeAdapter&) { return world.idle(); };
  world.runner->step();
  EXPECT_EQ(world.state(), AdapterState::kRunning);
  EXPECT_EQ(world.runner->status().why, "");
  EXPECT_EQ(world.runner->status().last_error, "export: /out: it went wrong") << "it stays";
  world.turn = [](FakeAdapter&) -> Turn { throw error(ErrorCode::kIo); };
  world.clock.advance(30'000);
  EXPECT_LE(world.runner->step() - world.clock.boot_ms(), 1'200) << "from the start again";
}

TEST(AdapterRunner, IsMadeAnewUnlessItOnlyHadToWait) {
  World world;
  world.turn = [](FakeAdapter&) -> Turn { throw error(ErrorCode::kTryAgain); };
  world.clock.advance(world.runner->step() - world.clock.boot_ms());
  world.runner->step();
  EXPECT_EQ(world.events.count("a made"), 1);
  World missing;
  missing.turn = [](FakeAdapter&) -> Turn { throw error(ErrorCode::kNotFound); };
  missing.clock.advance(missing.runner->step() - missing.clock.boot_ms());
  missing.runner->step();
  EXPECT_EQ(missing.events.count("a made"), 2);
}

TEST(AdapterRunner, PausesWhereItCannotBeMade) {
  World world;
  world.cannot_make = Error(ErrorCode::kNotFound, "open", "q", "no such queue");
  const std::int64_t due = world.runner->step();
  EXPECT_EQ(world.state(), AdapterState::kPaused);
  EXPECT_EQ(world.runner->status().why, "open: q: no such queue");
  world.cannot_make.reset();
  world.clock.advance(due - world.clock.boot_ms());
  world.runner->step();
  EXPECT_EQ(world.state(), AdapterState::kRunning);
}

TEST(AdapterRunner, IsPausedByAnOperatorUntilResumed) {
  World world;
  world.runner->step();
  world.runner->pause();
  EXPECT_FALSE(world.runner->is_quiet());
  EXPECT_EQ(world.events.count("a interrupted"), 1);
  EXPECT_EQ(world.runner->step(), AdapterRunner::kNever);
  EXPECT_TRUE(world.runner->is_quiet());
  EXPECT_EQ(world.state(), AdapterState::kPaused);
  EXPECT_EQ(world.runner->status().why, "by an operator");
  EXPECT_EQ(world.events.count("a gone"), 1);
  world.runner->wake();
  world.clock.advance(3'600'000);
  world.runner->step();
  EXPECT_EQ(world.turns(), 1);
  world.runner->resume();
  world.runner->step();
  EXPECT_EQ(world.turns(), 2);
  EXPECT_EQ(world.state(), AdapterState::kRunning);
}

TEST(AdapterRunner, ResumesAtOnceWhatAFailurePausedOrStopped) {
  World world;
  world.turn = [](FakeAdapter&) -> Turn { throw error(ErrorCode::kIo); };
  world.runner->step();
  world.runner->resume();
  world.runner->step();
  EXPECT_EQ(world.turns(), 2);
  world.turn = [](FakeAdapter&) -> Turn { throw error(ErrorCode::kBadData); };
  world.runner->restart();
  world.runner->step();
  EXPECT_EQ(world.state(), AdapterState::kStopped);
  world.turn = [&](FakeAdapter&) { return world.idle(); };
  world.runner->resume();
  world.runner->step();
  EXPECT_EQ(world.state(), AdapterState::kRunning);
}

TEST(AdapterRunner, IsMadeAnewWhenRestarted) {
  World world;
  world.runner->step();
  world.runner->restart();
  world.runner->step();
  EXPECT_EQ(world.events.count("a made"), 2);
  EXPECT_EQ(world.turns(), 2);
  world.runner->pause();
  world.runner->step();
  world.runner->restart();
  world.runner->step();
  EXPECT_EQ(world.state(), AdapterState::kRunning);
}

TEST(AdapterRunner, KeepsAnOperatorsPauseThroughAChange) {
  World world;
  world.runner->step();
  world.runner->pause();
  world.runner->step();
  ASSERT_TRUE(world.runner->change(config_of("a", "2")));
  EXPECT_EQ(world.runner->step(), AdapterRunner::kNever);
  EXPECT_EQ(world.state(), AdapterState::kPaused);
  EXPECT_EQ(world.runner->status().why, "by an operator");
  world.runner->resume();
  world.runner->step();
  EXPECT_EQ(world.last_fingerprint, "2");
}

TEST(AdapterRunner, DoesNotTakeAnInterruptedTurnForAFailure) {
  World world;
  world.turn = [&](FakeAdapter&) -> Turn {
    world.runner->pause();
    throw error(ErrorCode::kBadData);
  };
  EXPECT_EQ(world.runner->step(), 0);
  world.runner->step();
  EXPECT_EQ(world.state(), AdapterState::kPaused);
  EXPECT_EQ(world.runner->status().last_error, "");
}

TEST(AdapterRunner, PassesHintsToTheAdapterThatAskedForThem) {
  World world;
  world.watches.resize(2);
  world.runner->step();
  EXPECT_EQ(world.watched, 2U);
  const std::uint64_t first = world.watched_session;
  world.runner->hint(first, 1, {watcher::Hint::Kind::kClosed, "f"});
  EXPECT_EQ(world.events.count("a hint 1 f"), 1);
  world.runner->restart();
  world.runner->step();
  world.runner->hint(first, 1, {watcher::Hint::Kind::kClosed, "f"});
  EXPECT_EQ(world.events.count("a hint 1 f"), 1) << "meant for its predecessor";
  world.runner->hint(world.watched_session, 0, {watcher::Hint::Kind::kLook, ""});
  EXPECT_EQ(world.events.count("a hint 0 "), 1);
  world.runner->pause();
  world.runner->step();
  EXPECT_EQ(world.watched, 0U);
  world.runner->hint(world.watched_session, 0, {watcher::Hint::Kind::kLook, ""});
  EXPECT_EQ(world.events.count("a hint 0 "), 1);
}

TEST(AdapterRunner, EndsAndCanBeWantedAgainBefore) {
  World world;
  world.runner->step();
  world.runner->end();
  EXPECT_TRUE(world.runner->is_ending());
  ASSERT_TRUE(world.runner->change(config_of("a", "2"))) << "it has not ended yet";
  world.runner->step();
  EXPECT_FALSE(world.runner->has_ended());
  EXPECT_EQ(world.last_fingerprint, "2");
  world.runner->end();
  EXPECT_EQ(world.runner->step(), AdapterRunner::kNever);
  EXPECT_TRUE(world.runner->has_ended());
  EXPECT_EQ(world.events.count("a gone"), 2);
  EXPECT_FALSE(world.runner->change(config_of("a", "3")));
}

TEST(AdapterRunner, CanBeWantedAgainWhileItsPredecessorEnds) {
  bool wanted_again = false;
  World world;
  world.at_end = [&] {
    if (std::exchange(wanted_again, true)) return;
    EXPECT_TRUE(world.runner->change(config_of("a", "2")));
  };
  world.runner->step();
  world.runner->end();
  world.runner->step();
  EXPECT_FALSE(world.runner->has_ended());
  EXPECT_EQ(world.last_fingerprint, "2");
  EXPECT_EQ(world.turns(), 2);
}

TEST(AdapterRunner, ShowsWhatTheAdapterCounts) {
  World world;
  world.turn = [&](FakeAdapter& adapter) {
    adapter.place.counters->moved += 3;
    adapter.place.counters->bytes += 300;
    adapter.place.counters->refused += 1;
    adapter.place.counters->waiting = 7;
    adapter.place.counters->last_success_wall_ms = 5'000;
    return world.idle();
  };
  world.runner->step();
  world.runner->restart();
  world.runner->step();
  const AdapterStatus status = world.runner->status();
  EXPECT_EQ(status.name, "a");
  EXPECT_EQ(status.type, "import");
  EXPECT_EQ(status.queue, "q");
  EXPECT_EQ(status.directory, "/in/a");
  EXPECT_EQ(status.moved, 6U);
  EXPECT_EQ(status.bytes, 600U);
  EXPECT_EQ(status.refused, 2U);
  EXPECT_EQ(status.waiting, 7U);
  EXPECT_EQ(status.last_success_wall_ms, 5'000);
}

}  // namespace
}  // namespace spoolmq::cli
