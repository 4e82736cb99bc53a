#include "cli/service.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <thread>

#include "cli/control_client.h"
#include "core/log.h"
#include "tests/cli/fake_adapter.h"
#include "tests/cli/notify_listener.h"
#include "tests/support/temporary_directory.h"

namespace spoolmq::cli {
namespace {

using nlohmann::json;
using Turn = adapters::Adapter::Turn;

// A service in a thread of this process, with adapters of the test and a manager that listens.
class ServiceWorld {
 public:
  explicit ServiceWorld(std::optional<std::chrono::microseconds> watchdog = std::nullopt)
      : manager(directory.path() + "/notify"),
        root(Root::open(directory.path() + "/root")),
        root_dir(open_posix_dir(root.path())),
        lock(*root_dir, clock) {
    block_service_signals();
    log::set_level(log::Level::kOff);
    config.adapters = {config_of("a"), config_of("b")};
    Service::Parts parts;
    parts.root = &root;
    parts.run_directory = &lock.run_directory();
    parts.clock = &clock;
    parts.notifier = Notifier(directory.path() + "/notify", watchdog);
    parts.log_level = log::Level::kOff;
    parts.read_config = [this] {
      if (bad_config) throw Error(ErrorCode::kConfiguration, "read", "spoolmq.toml:3", "a bad key");
      const std::lock_guard guard(config_mutex);
      return config;
    };
    parts.make = [this](const AdapterConfig& one, const adapters::AdapterPlace& place) {
      return std::make_unique<FakeAdapter>(
          one.name, place,
          FakeAdapter::Script{&events,
                              [this](FakeAdapter& adapter) {
                                while (stuck && adapter.place.name == "a") {
                                  std::this_thread::yield();
                                }
                                return Turn{adapter.place.clock->boot_ms() + 30'000, true};
                              },
                              {}});
    };
    service = std::make_unique<Service>(std::move(parts), config);
  }
  ~ServiceWorld() { stuck = false; }

  void start() {
    thread = std::jthread([this] { end = service->run(); });
    EXPECT_TRUE(manager.hear_one_with("READY=1").starts_with("READY=1\nSTATUS=2 adapters"));
  }
  // Between a service that reads and a test that writes: signals order nothing.
  template <typename Change>
  void change(Change apply) {
    const std::lock_guard guard(config_mutex);
    apply(config);
  }
  static void signal(int number) { ::kill(::getpid(), number); }
  json ask(const json& request) { return ask_service(root.path(), request).value(); }
  std::optional<ServiceEnd> ended() {
    thread.join();
    return end;
  }

  test::TemporaryDirectory directory;
  NotifyListener manager;
  SystemClock clock;
  Root root;
  std::unique_ptr<Dir> root_dir;
  ServiceLock lock;
  Events events;
  std::atomic<bool> stuck{false};
  std::atomic<bool> bad_config{false};
  std::mutex config_mutex;  // guards config
  ServiceConfig config;
  std::unique_ptr<Service> service;
  std::optional<ServiceEnd> end;
  std::jthread thread;
};

TEST(Service, TellsTheManagerWhenItIsReadyAndWhenItEnds) {
  ServiceWorld world;
  world.start();
  EXPECT_EQ(world.ask({{"do", "adapters"}})["adapters"].size(), 2U);
  ASSERT_TRUE(world.events.reaches("a turn", 1));
  ASSERT_TRUE(world.events.reaches("b turn", 1));
  ServiceWorld::signal(SIGTERM);
  EXPECT_NE(world.manager.hear_one_with("STOPPING=1"), "(nothing)");
  EXPECT_EQ(world.ended(), ServiceEnd::kInOrder);
  EXPECT_EQ(world.events.count("a gone"), 1);
  EXPECT_EQ(world.events.count("b gone"), 1);
  EXPECT_FALSE(ask_service(world.root.path(), {{"do", "adapters"}}));
}

TEST(Service, ReloadsOnlyWhatChanged) {
  ServiceWorld world;
  world.start();
  ASSERT_TRUE(world.events.reaches("a turn", 1));
  ASSERT_TRUE(world.events.reaches("b turn", 1));
  world.change([](ServiceConfig& config) {
    config.adapters = {config_of("a"), config_of("b", "2"), config_of("c")};
  });
  ServiceWorld::signal(SIGHUP);
  EXPECT_TRUE(world.manager.hear_one_with("RELOADING=1").find("\nMONOTONIC_USEC=") !=
              std::string::npos);
  EXPECT_TRUE(world.manager.hear_one_with("READY=1").starts_with("READY=1"));
  EXPECT_TRUE(world.events.reaches("b made", 2));
  EXPECT_TRUE(world.events.reaches("c turn", 1));
  EXPECT_EQ(world.events.count("a made"), 1);
  ServiceWorld::signal(SIGINT);
  EXPECT_EQ(world.ended(), ServiceEnd::kInOrder);
}

TEST(Service, GoesOnWithTheOldConfigurationWhereTheNewOneIsBad) {
  ServiceWorld world;
  world.start();
  ASSERT_TRUE(world.events.reaches("b turn", 1));
  world.bad_config = true;
  ServiceWorld::signal(SIGHUP);
  world.manager.hear_one_with("RELOADING=1");
  const std::string ready = world.manager.hear_one_with("READY=1");
  EXPECT_NE(ready.find("reload refused: read: spoolmq.toml:3: a bad key"), std::string::npos);
  const json reply = world.ask({{"do", "adapters"}});
  EXPECT_EQ(reply["config_error"], "read: spoolmq.toml:3: a bad key");
  EXPECT_EQ(reply["adapters"].size(), 2U);
  EXPECT_EQ(world.events.count("a gone") + world.events.count("b gone"), 0);
  // A place for metrics that is not to be had is no better.
  world.bad_config = false;
  world.change([](ServiceConfig& config) {
    config.metrics = "unix:/nowhere/metrics";
    config.adapters.clear();
  });
  ServiceWorld::signal(SIGHUP);
  world.manager.hear_one_with("RELOADING=1");
  world.manager.hear_one_with("READY=1");
  EXPECT_EQ(world.ask({{"do", "adapters"}})["adapters"].size(), 2U);
  world.change([](ServiceConfig& config) { config.metrics.clear(); });
  ServiceWorld::signal(SIGHUP);
  world.manager.hear_one_with("RELOADING=1");
  world.manager.hear_one_with("READY=1");
  EXPECT_TRUE(world.ask({{"do", "adapters"}})["config_error"].is_null());
  ServiceWorld::signal(SIGTERM);
  world.ended();
}

TEST(Service, DoesNotWaitLongerThanItMayForAStuckAdapter) {
  ServiceWorld world;
  world.stuck = true;
  world.config.drain = std::chrono::milliseconds{50};
  world.start();
  ServiceWorld::signal(SIGHUP);  // takes the short time
  world.manager.hear_one_with("RELOADING=1");
  ASSERT_TRUE(world.events.reaches("a turn", 1));
  ASSERT_TRUE(world.events.reaches("b turn", 1));
  ServiceWorld::signal(SIGTERM);
  EXPECT_EQ(world.ended(), ServiceEnd::kHung);
  EXPECT_TRUE(world.events.reaches("b gone", 1)) << "the other one had its time";
}

TEST(Service, IsEndedAtOnceByASecondSignal) {
  ServiceWorld world;
  world.stuck = true;
  world.config.drain = std::chrono::hours{1};
  world.start();
  ASSERT_TRUE(world.events.reaches("a turn", 1));
  ServiceWorld::signal(SIGTERM);
  world.manager.hear_one_with("STOPPING=1");
  ServiceWorld::signal(SIGTERM);
  EXPECT_EQ(world.ended(), ServiceEnd::kHung);
}

TEST(Service, LetsARunningTurnFinish) {
  ServiceWorld world;
  world.stuck = true;
  world.start();
  ASSERT_TRUE(world.events.reaches("a turn", 1));
  ServiceWorld::signal(SIGTERM);
  world.manager.hear_one_with("STOPPING=1");
  ASSERT_TRUE(world.events.reaches("a interrupted", 1));
  world.stuck = false;
  EXPECT_EQ(world.ended(), ServiceEnd::kInOrder);
}

TEST(Service, FeedsTheWatchdogWhateverAnAdapterDoes) {
  ServiceWorld world(std::chrono::milliseconds{20});
  world.stuck = true;
  world.start();
  ASSERT_TRUE(world.events.reaches("a turn", 1));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(world.manager.hear_one_with("WATCHDOG=1"), "WATCHDOG=1");
  }
  EXPECT_EQ(world.ask({{"do", "adapters"}})["adapters"].size(), 2U);
  world.stuck = false;
  ServiceWorld::signal(SIGTERM);
  EXPECT_EQ(world.ended(), ServiceEnd::kInOrder);
}

TEST(Service, SweepsEveryQueue) {
  ServiceWorld world;
  world.root.create_queue("q");
  world.start();
  Queue queue = world.root.open_queue("q");
  Message message;
  message.body = "a";
  const MessageId id = queue.send(std::move(message));
  ReceiveOptions options;
  options.kind = LeaseKind::kTimed;
  options.lease = Milliseconds{50};
  queue.receive(options)->detach();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (queue.status(id)->counters.failures == 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(queue.status(id)->counters.failures, 1);
  ServiceWorld::signal(SIGTERM);
  EXPECT_EQ(world.ended(), ServiceEnd::kInOrder);
}

}  // namespace
}  // namespace spoolmq::cli
