#include <gtest/gtest.h>

#include <asio/awaitable.hpp>
#include <filesystem>
#include <list>
#include <memory>
#include <string>

#include "adapters/unix_socket.h"
#include "cli/control_client.h"
#include "cli/control_server.h"
#include "cli/service_control.h"
#include "tests/cli/fake_adapter.h"
#include "tests/cli/loop_thread.h"
#include "tests/support/temporary_directory.h"

namespace spoolmq::cli {
namespace {

using nlohmann::json;

asio::awaitable<json> echo(json request) {
  if (request.contains("refuse")) {
    throw Error(ErrorCode::kNotFound, "echo", "it", "refused as asked");
  }
  if (request.contains("fail")) throw std::runtime_error("failed as asked");
  co_return json{{"echo", request}};
}

class ControlWorld {
 public:
  explicit ControlWorld(ControlServer::Answer answer = echo) {
    std::filesystem::create_directory(root.path() + "/run");
    loop.run(
        [&] { server.emplace(loop.loop, adapters::listen_at(path(), 0600), std::move(answer)); });
  }
  ~ControlWorld() {
    loop.run([&] { server.reset(); });
  }
  [[nodiscard]] std::string path() const { return root.path() + "/run/control"; }
  std::optional<json> ask(const json& request) { return ask_service(root.path(), request); }
  // kInternal, without a why: it was answered.
  ErrorCode refusal(const json& request) {
    why.clear();
    try {
      ask(request);
    } catch (const Error& error) {
      why = error.why();
      return error.code();
    }
    return ErrorCode::kInternal;
  }
  // It sees a moment later that a client went: until then there may be too many.
  bool answers_in_time() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (refusal({{"a", 1}}) == ErrorCode::kTryAgain) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return why.empty();
  }

  test::TemporaryDirectory root;
  std::string why;  // of the last refusal
  LoopThread loop;
  std::optional<ControlServer> server;
};

TEST(Control, AnswersOneObjectPerLine) {
  ControlWorld world;
  EXPECT_EQ(world.ask({{"a", 1}}), (json{{"echo", {{"a", 1}}}}));
  Client client(world.path());
  ASSERT_TRUE(client.send("{\"a\":1}\n{\"a\":2}\n"));
  EXPECT_EQ(client.receive("\n"), "{\"echo\":{\"a\":1}}\n");
  EXPECT_EQ(client.receive("\n"), "{\"echo\":{\"a\":2}}\n");
}

TEST(Control, TellsTheClientWhatWasRefused) {
  ControlWorld world;
  EXPECT_EQ(world.refusal({{"refuse", 1}}), ErrorCode::kNotFound);
  EXPECT_EQ(world.why, "refused as asked");
  log::set_level(log::Level::kOff);
  EXPECT_EQ(world.refusal({{"fail", 1}}), ErrorCode::kInternal);
  EXPECT_EQ(world.ask({{"a", 1}}).has_value(), true) << "it goes on";
}

TEST(Control, FindsNoServiceWhereNoneRuns) {
  const test::TemporaryDirectory root;
  EXPECT_FALSE(ask_service(root.path(), json::object()));
  EXPECT_FALSE(ask_service(root.path() + "/missing", json::object()));
  std::filesystem::create_directory(root.path() + "/run");
  ::close(adapters::listen_at(root.path() + "/run/control", 0600));  // killed
  EXPECT_FALSE(ask_service(root.path(), json::object()));
}

TEST(Control, WorksUnderALongPath) {
  const test::TemporaryDirectory outer;
  const std::string root = outer.path() + "/" + std::string(200, 'r');
  std::filesystem::create_directories(root + "/run");
  LoopThread loop;
  std::optional<ControlServer> server;
  loop.run(
      [&] { server.emplace(loop.loop, adapters::listen_at(root + "/run/control", 0600), echo); });
  EXPECT_TRUE(ask_service(root, {{"a", 1}}));
  loop.run([&] { server.reset(); });
}

TEST(Control, RefusesWhatIsNoObject) {
  ControlWorld world;
  for (const std::string line : {"", " ", "garbage", "[1,2]", "\"text\"", "{", "{\"a\":}",
                                 "\xff\xfe", "nul\0l", "{}{}", "GET / HTTP/1.1\r"}) {
    Client client(world.path());
    ASSERT_TRUE(client.send(line + "\n"));
    const json reply = json::parse(client.receive("\n"), nullptr, false);
    ASSERT_TRUE(reply.is_object()) << line;
    EXPECT_EQ(reply["error"]["code"], 65) << line;
  }
  const std::string deep(60'000, '[');
  Client client(world.path());
  ASSERT_TRUE(client.send(deep + "\n"));
  EXPECT_NE(client.receive("\n").find("\"code\":65"), std::string::npos);
}

TEST(Control, BoundsARequest) {
  ControlWorld world;
  Client client(world.path());
  client.send(std::string(ControlServer::kMaxRequestBytes + 1, 'a'));
  EXPECT_NE(client.receive("\n").find("longer than 64 KiB"), std::string::npos);
  EXPECT_EQ(client.receive(""), "") << "and it hangs up";
  Client most(world.path());
  const std::string padding(ControlServer::kMaxRequestBytes - 10, ' ');
  ASSERT_TRUE(most.send("{\"a\":1}" + padding.substr(0, padding.size()) + "\n"));
  EXPECT_EQ(most.receive("\n"), "{\"echo\":{\"a\":1}}\n");
}

TEST(Control, BoundsTheNumberOfClients) {
  ControlWorld world;
  std::list<Client> clients;
  for (std::size_t i = 0; i < ControlServer::kMaxClients; ++i) {
    Client& client = clients.emplace_back(world.path());
    ASSERT_TRUE(client.send("{}\n"));
    EXPECT_EQ(client.receive("\n"), "{\"echo\":{}}\n");
  }
  EXPECT_EQ(world.refusal({{"a", 1}}), ErrorCode::kTryAgain);
  clients.pop_back();
  EXPECT_TRUE(world.answers_in_time());
}

TEST(Control, SurvivesClientsThatHangUp) {
  ControlWorld world;
  for (int i = 0; i < 200; ++i) {
    Client client(world.path());
    client.send(i % 2 == 0 ? "{\"a\":1}\n" : "{\"a\":");
  }
  EXPECT_TRUE(world.answers_in_time());
}

// ---- What the service says there

// A supervisor with two adapters, asked through its socket.
class ServiceWorld {
 public:
  ServiceWorld() {
    AdapterRunner::Surroundings surroundings;
    surroundings.clock = &clock;
    surroundings.make = [this](const AdapterConfig& config, const adapters::AdapterPlace& place) {
      return std::make_unique<FakeAdapter>(
          config.name, place,
          FakeAdapter::Script{&events,
                              [this](FakeAdapter& adapter) -> adapters::Adapter::Turn {
                                if (adapter.place.name == "bad") {
                                  throw Error(ErrorCode::kPermission, "export", "/out", "no");
                                }
                                while (stuck) std::this_thread::yield();
                                return {clock.boot_ms() + 30'000, true};
                              },
                              {}});
    };
    supervisor.emplace(std::move(surroundings));
    supervisor->apply({config_of("good"), config_of("bad")});
    control.emplace(*supervisor, slow, config_error, 1'800'000'000'000);
    world.emplace([this](json request) { return control->answer(std::move(request)); });
  }
  ~ServiceWorld() {
    stuck = false;
    slow.join();  // it may still be letting go of the loop that it has just answered
  }
  json ask(const json& request) { return world->ask(request).value(); }

  SystemClock clock;
  std::atomic<bool> stuck{false};
  Events events;
  std::string config_error;
  asio::thread_pool slow{1};
  std::optional<Supervisor> supervisor;
  std::optional<ServiceControl> control;
  std::optional<ControlWorld> world;
};

TEST(ServiceControl, ListsTheAdapters) {
  ServiceWorld service;
  ASSERT_TRUE(service.events.reaches("bad gone", 1));
  ASSERT_TRUE(service.events.reaches("good turn", 1));
  const json reply = service.ask({{"do", "adapters"}});
  ASSERT_EQ(reply["adapters"].size(), 2U);
  const json& bad = reply["adapters"][0];
  EXPECT_EQ(bad["name"], "bad");
  EXPECT_EQ(bad["type"], "import");
  EXPECT_EQ(bad["queue"], "q");
  EXPECT_EQ(bad["directory"], "/in/bad");
  EXPECT_EQ(bad["state"], "paused");
  EXPECT_EQ(bad["why"], "export: /out: no");
  EXPECT_TRUE(bad["until"].is_string());
  EXPECT_EQ(bad["last_error"], "export: /out: no");
  EXPECT_TRUE(bad["last_error_at"].is_string());
  const json& good = reply["adapters"][1];
  EXPECT_EQ(good["state"], "running");
  for (const char* const none : {"until", "why", "last_success", "last_error", "last_error_at"}) {
    EXPECT_TRUE(good[none].is_null()) << none;
  }
  for (const char* const count : {"moved", "bytes", "refused", "waiting"}) {
    EXPECT_EQ(good[count], 0) << count;
  }
  EXPECT_TRUE(reply["config_error"].is_null());
  EXPECT_EQ(service.ask({{"do", "adapters"}, {"name", "good"}})["adapters"].size(), 1U);
}

TEST(ServiceControl, SaysWhyAReloadWasRefused) {
  ServiceWorld service;
  service.world->loop.run([&] { service.config_error = "spoolmq.toml:3: no such key"; });
  EXPECT_EQ(service.ask({{"do", "adapters"}})["config_error"], "spoolmq.toml:3: no such key");
}

TEST(ServiceControl, PausesResumesAndRestarts) {
  ServiceWorld service;
  ASSERT_TRUE(service.events.reaches("good turn", 1));
  const json paused = service.ask({{"do", "pause"}, {"name", "good"}});
  EXPECT_EQ(paused["adapters"][0]["state"], "paused");
  EXPECT_EQ(paused["adapters"][0]["why"], "by an operator");
  EXPECT_EQ(service.events.count("good gone"), 1) << "it answered once that was so";
  service.ask({{"do", "resume"}, {"name", "good"}});
  EXPECT_TRUE(service.events.reaches("good turn", 2));
  service.ask({{"do", "restart"}, {"name", "good"}});
  EXPECT_TRUE(service.events.reaches("good made", 3));
}

TEST(ServiceControl, RefusesWhatItDoesNotKnow) {
  ServiceWorld service;
  EXPECT_EQ(service.world->refusal({{"do", "pause"}, {"name", "nobody"}}), ErrorCode::kNotFound);
  EXPECT_EQ(service.world->refusal({{"do", "pause"}}), ErrorCode::kNotFound);
  EXPECT_EQ(service.world->refusal({{"do", "dance"}}), ErrorCode::kUsage);
  EXPECT_EQ(service.world->refusal(json::object()), ErrorCode::kUsage);
  EXPECT_EQ(service.world->refusal({{"do", 7}}), ErrorCode::kBadData);
  EXPECT_EQ(service.world->refusal({{"do", "why"}, {"path", "relative"}}), ErrorCode::kUsage);
}

TEST(ServiceControl, ExplainsAFile) {
  ServiceWorld service;
  const json reply = service.ask({{"do", "why"}, {"path", "/in/file"}});
  EXPECT_EQ(reply["answers"], json::array()) << "neither of them has to do with it";
}

}  // namespace
}  // namespace spoolmq::cli
