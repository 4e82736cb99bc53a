#include "cli/supervisor.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/cli/fake_adapter.h"
#include "tests/support/until.h"

namespace spoolmq::cli {
namespace {

using Turn = adapters::Adapter::Turn;
using Script = std::function<Turn(FakeAdapter&)>;

// Adapters in their own threads, each with a script by its name.
class World {
 public:
  explicit World(std::map<std::string, Script> scripts) : scripts_(std::move(scripts)) {
    AdapterRunner::Surroundings surroundings;
    surroundings.clock = &clock;
    surroundings.make = [this](const AdapterConfig& config, const adapters::AdapterPlace& place) {
      const auto script = scripts_.find(config.name);
      return std::make_unique<FakeAdapter>(
          config.name, place,
          FakeAdapter::Script{
              &events, script == scripts_.end() ? Script(idle) : script->second, {}});
    };
    supervisor = std::make_unique<Supervisor>(std::move(surroundings));
  }
  ~World() { release = true; }

  static Turn idle(FakeAdapter& adapter) { return {adapter.place.clock->boot_ms() + 30'000, true}; }
  static Turn busy(FakeAdapter&) { return {0, false}; }
  // Neither ends nor listens before the test lets it.
  Turn stuck(FakeAdapter& adapter) {
    while (!release) std::this_thread::yield();
    return idle(adapter);
  }

  SystemClock clock;
  Events events;
  std::atomic<bool> release{false};
  std::map<std::string, Script> scripts_;
  std::unique_ptr<Supervisor> supervisor;
};

TEST(Supervisor, ASlowAdapterHoldsUpNoOther) {
  World world({});
  world.scripts_["slow"] = [&](FakeAdapter& adapter) { return world.stuck(adapter); };
  world.scripts_["fast"] = World::busy;
  world.supervisor->apply({config_of("slow"), config_of("fast")});
  EXPECT_TRUE(world.events.reaches("slow turn", 1));
  EXPECT_TRUE(world.events.reaches("fast turn", 1000));
  EXPECT_EQ(world.events.count("slow turn"), 1);
  EXPECT_EQ(world.supervisor->statuses().size(), 2U) << "nor whoever asks";
  world.release = true;
}

TEST(Supervisor, AFailingAdapterHoldsUpNoOther) {
  World world({});
  world.scripts_["bad"] = [](FakeAdapter&) -> Turn {
    throw Error(ErrorCode::kBadData, "import", "f", "not what it says");
  };
  world.scripts_["good"] = World::busy;
  world.supervisor->apply({config_of("bad"), config_of("good")});
  EXPECT_TRUE(world.events.reaches("bad gone", 1));
  const int before = world.events.count("good turn");
  EXPECT_TRUE(world.events.reaches("good turn", before + 1000));
  EXPECT_EQ(world.supervisor->find("bad")->status().state, AdapterState::kStopped);
  EXPECT_EQ(world.supervisor->find("good")->status().state, AdapterState::kRunning);
}

TEST(Supervisor, MakesOnlyChangedAdaptersAnew) {
  World world({});
  world.supervisor->apply({config_of("same"), config_of("changed"), config_of("removed")});
  for (const char* const name : {"same", "changed", "removed"}) {
    EXPECT_TRUE(world.events.reaches(std::string(name) + " turn", 1));
  }
  world.supervisor->apply({config_of("same"), config_of("changed", "2"), config_of("new")});
  EXPECT_TRUE(world.events.reaches("changed made", 2));
  EXPECT_TRUE(world.events.reaches("new turn", 1));
  EXPECT_TRUE(world.events.reaches("removed gone", 1));
  EXPECT_EQ(world.events.count("same made"), 1);
  EXPECT_EQ(world.events.count("same interrupted"), 0);
  EXPECT_EQ(world.supervisor->find("removed"), nullptr);
  EXPECT_TRUE(test::until([&] { return world.supervisor->reap().empty(); }));
  EXPECT_EQ(world.supervisor->statuses().size(), 3U);
}

TEST(Supervisor, NeverRunsTwoOfOneName) {
  std::atomic<int> at_once{0};
  std::atomic<bool> overlapped{false};
  World world({});
  world.scripts_["a"] = [&](FakeAdapter& adapter) {
    if (++at_once > 1) overlapped = true;
    const Turn turn = world.stuck(adapter);
    --at_once;
    return turn;
  };
  world.supervisor->apply({config_of("a")});
  EXPECT_TRUE(world.events.reaches("a turn", 1));
  world.supervisor->apply({});
  world.supervisor->apply({config_of("a", "2")});
  EXPECT_EQ(world.events.count("a made"), 1) << "its predecessor is still at work";
  world.release = true;
  EXPECT_TRUE(world.events.reaches("a turn", 2));
  EXPECT_FALSE(overlapped);
}

TEST(Supervisor, WakesAnAdapterThatRests) {
  World world({});
  world.supervisor->apply({config_of("a")});
  EXPECT_TRUE(world.events.reaches("a turn", 1));
  world.supervisor->find("a")->wake();
  EXPECT_TRUE(world.events.reaches("a turn", 2));
}

TEST(Supervisor, PausesAndResumesWhileOthersRun) {
  World world({{"a", World::busy}, {"b", World::busy}});
  world.supervisor->apply({config_of("a"), config_of("b")});
  EXPECT_TRUE(world.events.reaches("a turn", 1));
  const auto runner = world.supervisor->find("a");
  runner->pause();
  EXPECT_TRUE(test::until([&] { return runner->is_quiet(); }));
  const int turns = world.events.count("a turn");
  const int others = world.events.count("b turn");
  EXPECT_TRUE(world.events.reaches("b turn", others + 1000));
  EXPECT_EQ(world.events.count("a turn"), turns);
  runner->resume();
  EXPECT_TRUE(world.events.reaches("a turn", turns + 1));
}

TEST(Supervisor, NamesWhatDoesNotEnd) {
  World world({});
  world.scripts_["stuck"] = [&](FakeAdapter& adapter) { return world.stuck(adapter); };
  world.supervisor->apply({config_of("stuck"), config_of("good")});
  EXPECT_TRUE(world.events.reaches("stuck turn", 1));
  world.supervisor->end_all();
  EXPECT_TRUE(world.events.reaches("stuck interrupted", 1));
  EXPECT_TRUE(test::until([&] { return world.supervisor->reap().size() == 1; }));
  EXPECT_EQ(world.supervisor->reap(), std::vector<std::string>{"stuck"});
  world.release = true;
  EXPECT_TRUE(test::until([&] { return world.supervisor->reap().empty(); }));
}

TEST(Supervisor, InterruptsWhatListens) {
  World world({{"a", [](FakeAdapter& adapter) {
                  while (!adapter.interrupted) std::this_thread::yield();
                  return World::idle(adapter);
                }}});
  world.supervisor->apply({config_of("a")});
  EXPECT_TRUE(world.events.reaches("a turn", 1));
  world.supervisor.reset();
  EXPECT_EQ(world.events.count("a gone"), 1);
}

}  // namespace
}  // namespace spoolmq::cli
