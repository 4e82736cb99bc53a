// --follow with an adapter that does as it is told: signals end it, hints and wake-ups reach it,
// and what it throws pauses or ends it.

#include "cli/follow.h"

#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

using adapters::Adapter;
using adapters::AdapterPlace;
using watcher::Hint;

constexpr std::int64_t kLongMs = 60'000;  // a test that waited for it would be seen

// Every look at it is an hour later, so that no pause takes any time.
class HastyClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override { return system_.wall_ms(); }
  [[nodiscard]] std::int64_t boot_ms() const override { return now_ += 3'600'000; }
  [[nodiscard]] std::string boot_id() const override { return system_.boot_id(); }

 private:
  SystemClock system_;
  mutable std::atomic<std::int64_t> now_{0};
};

void stop_ourselves() { ASSERT_EQ(::kill(::getpid(), SIGTERM), 0); }

struct Script {
  std::function<Adapter::Turn(int turn, const AdapterPlace& place)> turn;  // from 1
  std::string watched;
  std::atomic<int> turns{0};
  std::atomic<int> made{0};
  std::atomic<int> ended{0};
  std::atomic<bool> interrupted{false};
  std::function<void(const Hint&)> hinted = [](const Hint&) {};
};

class ScriptedAdapter final : public Adapter {
 public:
  ScriptedAdapter(Script& script, AdapterPlace place) : script_(script), place_(std::move(place)) {
    ++script_.made;
  }
  ~ScriptedAdapter() override { ++script_.ended; }
  Turn turn() override { return script_.turn(++script_.turns, place_); }
  std::vector<watcher::WatchOptions> watches() const override {
    if (script_.watched.empty()) return {};
    watcher::WatchOptions options;
    options.path = script_.watched;
    return {options};
  }
  void hint(std::size_t watch, const Hint& hint) override {
    EXPECT_EQ(watch, 0U);
    script_.hinted(hint);
    place_.wake();
  }
  void interrupt() override { script_.interrupted = true; }

 private:
  Script& script_;
  const AdapterPlace place_;
};

void follow_script(Script& script, const Clock& clock) {
  const StopSignals signals;
  FollowPlan plan;
  plan.config.name = "scripted";
  plan.clock = &clock;
  plan.make = [&script](const AdapterConfig&, AdapterPlace place) {
    return std::make_unique<ScriptedAdapter>(script, std::move(place));
  };
  follow(signals, plan);
}

Adapter::Turn later(const Clock& clock) { return {clock.boot_ms() + kLongMs, true}; }

TEST(Follow, GoesOnWhereNothingIsLeftAndEndsAtASignal) {
  const SystemClock clock;
  Script script;
  script.turn = [&](int turn, const AdapterPlace&) {
    if (turn == 3) stop_ourselves();
    return turn < 3 ? Adapter::Turn{0, true} : later(clock);
  };
  follow_script(script, clock);
  EXPECT_EQ(script.turns, 3);
  EXPECT_EQ(script.made, 1);
  EXPECT_EQ(script.ended, 1);
}

TEST(Follow, AWakeUpEndsTheWait) {
  const SystemClock clock;
  Script script;
  std::thread waker;
  script.turn = [&](int turn, const AdapterPlace& place) {
    if (turn == 1) waker = std::thread([wake = place.wake] { wake(); });
    if (turn == 2) stop_ourselves();
    return later(clock);
  };
  follow_script(script, clock);
  waker.join();
  EXPECT_EQ(script.turns, 2);
}

TEST(Follow, ASignalInterruptsATurnUnderWay) {
  const SystemClock clock;
  Script script;
  script.turn = [&](int, const AdapterPlace&) {
    stop_ourselves();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!script.interrupted && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    return Adapter::Turn{0, false};
  };
  follow_script(script, clock);
  EXPECT_TRUE(script.interrupted);
  EXPECT_EQ(script.turns, 1);
}

TEST(Follow, HintsOfItsDirectoryReachIt) {
  std::string pattern = testing::TempDir() + "follow_test_XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const SystemClock clock;
  Script script;
  script.watched = pattern;
  std::vector<Hint> hints;
  script.hinted = [&](const Hint& hint) { hints.push_back(hint); };
  script.turn = [&](int turn, const AdapterPlace&) {
    if (turn == 1) std::ofstream(pattern + "/a.xml") << "x";
    for (const Hint& hint : hints) {
      if (hint.name == "a.xml" && hint.kind == Hint::Kind::kClosed) stop_ourselves();
    }
    return later(clock);
  };
  follow_script(script, clock);
  ASSERT_FALSE(hints.empty());
  EXPECT_EQ(hints.front().kind, Hint::Kind::kLook);
  std::filesystem::remove_all(pattern);
}

TEST(Follow, WhatMayPassIsTriedAgain) {
  const HastyClock clock;
  for (const ErrorCode code :
       {ErrorCode::kTryAgain, ErrorCode::kNotFound, ErrorCode::kPermission}) {
    Script script;
    script.turn = [&](int turn, const AdapterPlace&) -> Adapter::Turn {
      if (turn < 4) throw Error(code, "import", "/srv/in", "not now");
      stop_ourselves();
      return {INT64_MAX, true};
    };
    follow_script(script, clock);
    EXPECT_EQ(script.turns, 4);
    EXPECT_EQ(script.made, script.ended);
  }
}

TEST(Follow, WhatDoesNotPassIsThrownAsItWas) {
  const SystemClock clock;
  Script script;
  script.turn = [&](int, const AdapterPlace&) -> Adapter::Turn {
    throw Error(ErrorCode::kConfiguration, "import", "/srv/in", "it is wrong");
  };
  try {
    follow_script(script, clock);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfiguration);
    EXPECT_STREQ(error.what(), "import: /srv/in: it is wrong");
  }
  EXPECT_EQ(script.turns, 1);
  EXPECT_EQ(script.ended, script.made);
}

TEST(Follow, AMakeThatFailsForGoodIsThrownToo) {
  const SystemClock clock;
  const StopSignals signals;
  FollowPlan plan;
  plan.clock = &clock;
  plan.make = [](const AdapterConfig&, const AdapterPlace&) -> std::unique_ptr<Adapter> {
    throw Error(ErrorCode::kUsage, "export", "group", "there is none");
  };
  try {
    follow(signals, plan);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
  }
}

TEST(StopSignals, TheMaskIsAsBeforeWhenItEnds) {
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &before);
  {
    const StopSignals signals;
    stop_ourselves();
    stop_ourselves();
    EXPECT_EQ(signals.take(), 1);  // signals of one kind do not queue
    stop_ourselves();
  }
  sigset_t after;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &after);
  EXPECT_EQ(::sigismember(&after, SIGTERM), ::sigismember(&before, SIGTERM));
}

}  // namespace
}  // namespace spoolmq::cli
