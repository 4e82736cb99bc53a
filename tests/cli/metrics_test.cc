#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <list>
#include <optional>
#include <set>
#include <sstream>

#include "cli/metrics_server.h"
#include "cli/service_metrics.h"
#include "spoolmq/error.h"
#include "tests/cli/loop_thread.h"
#include "tests/support/temporary_directory.h"

namespace spoolmq::cli {
namespace {

asio::awaitable<std::optional<std::string>> some_text() { co_return "spoolmq_messages 1\n"; }
asio::awaitable<std::optional<std::string>> no_text() { co_return std::nullopt; }

MetricsPlace place_at(MetricsPlace::Kind kind, const std::string& path) {
  return {.kind = kind, .path = path, .address = {}, .port = 0};
}

class MetricsWorld {
 public:
  explicit MetricsWorld(MetricsServer::Text text = some_text) {
    loop.run([&] {
      server.emplace(loop.loop, place_at(MetricsPlace::Kind::kUnixSocket, path()), std::move(text));
    });
  }
  ~MetricsWorld() {
    loop.run([&] { server.reset(); });
  }
  [[nodiscard]] std::string path() const { return directory.path() + "/metrics"; }
  std::string get(const std::string& request) {
    Client client(path());
    client.send(request);
    return client.receive("");
  }

  test::TemporaryDirectory directory;
  LoopThread loop;
  std::optional<MetricsServer> server;
};

TEST(MetricsServer, AnswersGet) {
  MetricsWorld world;
  const std::string reply = world.get("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(reply.starts_with("HTTP/1.0 200 OK\r\n")) << reply;
  EXPECT_NE(reply.find("Content-Type: text/plain; version=0.0.4"), std::string::npos);
  EXPECT_NE(reply.find("Content-Length: 19\r\n"), std::string::npos);
  EXPECT_TRUE(reply.ends_with("\r\n\r\nspoolmq_messages 1\n")) << reply;
}

TEST(MetricsServer, AnswersOnATcpPort) {
  LoopThread loop;
  std::optional<MetricsServer> server;
  // A port that nobody has now; in the rare case that somebody takes it, another one.
  std::uint16_t port = 0;
  for (int i = 0; i < 20 && !server; ++i) {
    const int probe = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ASSERT_EQ(::bind(probe, reinterpret_cast<const sockaddr*>(&address), length), 0);
    ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &length);
    ::close(probe);
    port = ntohs(address.sin_port);
    loop.run([&] {
      try {
        server.emplace(loop.loop, MetricsPlace{MetricsPlace::Kind::kTcp, {}, "127.0.0.1", port},
                       some_text);
      } catch (const Error&) {
        server.reset();
      }
    });
  }
  ASSERT_TRUE(server);
  const int made = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  ASSERT_EQ(::connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  Client client(made);
  ASSERT_TRUE(client.send("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(client.receive("").ends_with("spoolmq_messages 1\n"));
  std::optional<ErrorCode> taken;
  loop.run([&] {
    try {
      const MetricsServer second(
          loop.loop, MetricsPlace{MetricsPlace::Kind::kTcp, {}, "127.0.0.1", port}, some_text);
    } catch (const Error& error) {
      taken = error.code();
    }
    server.reset();
  });
  EXPECT_TRUE(taken) << "the port was taken";
}

TEST(MetricsServer, KnowsWhatItDoesNotServe) {
  struct Case {
    std::string_view head;
    std::string_view refusal;
  };
  for (const Case& one : {
           Case{"GET /metrics HTTP/1.1\r\n", ""},
           Case{"GET / HTTP/1.0\r\n", ""},
           Case{"GET /metrics?name[]=x HTTP/1.1\r\n", ""},
           Case{"GET /other HTTP/1.1\r\n", "404 Not Found"},
           Case{"GET /metrics/ HTTP/1.1\r\n", "404 Not Found"},
           Case{"POST /metrics HTTP/1.1\r\n", "405 Method Not Allowed"},
           Case{"GET /metrics\r\n", "400 Bad Request"},
           Case{"GET /metrics FTP/1.1\r\n", "400 Bad Request"},
           Case{"\r\n", "400 Bad Request"},
           Case{"", "400 Bad Request"},
       }) {
    EXPECT_EQ(http_refusal(one.head), one.refusal) << one.head;
  }
  constexpr std::string_view kGood = "GET /metrics HTTP/1.1\r\n";
  for (std::size_t length = 0; length < kGood.find("HTTP/1.") + 7; ++length) {
    EXPECT_FALSE(http_refusal(kGood.substr(0, length)).empty()) << length;
  }
}

TEST(MetricsServer, RefusesALongRequest) {
  MetricsWorld world;
  const std::string reply = world.get("GET /" + std::string(20'000, 'a'));
  // Whether the answer is read before the reset by what was not: either way it is over.
  EXPECT_TRUE(reply.empty() || reply.starts_with("HTTP/1.0 431")) << reply;
  EXPECT_TRUE(world.get("GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200"));
}

TEST(MetricsServer, BoundsTheNumberOfReaders) {
  MetricsWorld world;
  std::list<Client> silent;
  for (std::size_t i = 0; i < MetricsServer::kMaxReaders; ++i) silent.emplace_back(world.path());
  EXPECT_TRUE(world.get("GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 503"));
  silent.clear();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  std::string reply;
  while (!reply.starts_with("HTTP/1.0 200") && std::chrono::steady_clock::now() < deadline) {
    reply = world.get("GET / HTTP/1.0\r\n\r\n");
  }
  EXPECT_TRUE(reply.starts_with("HTTP/1.0 200"));
}

TEST(MetricsServer, SaysWhereTheCountsAreNotToBeHad) {
  MetricsWorld world(no_text);
  EXPECT_TRUE(world.get("GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 503"));
}

TEST(MetricsServer, KeepsAFileUpToDate) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path() + "/spoolmq.prom";
  std::atomic<int> written{0};
  const MetricsServer::Text text = [&]() -> asio::awaitable<std::optional<std::string>> {
    co_return "round " + std::to_string(++written) + "\n";
  };
  LoopThread loop;
  std::optional<MetricsServer> server;
  loop.run([&] {
    server.emplace(loop.loop, place_at(MetricsPlace::Kind::kFile, path), text,
                   std::chrono::milliseconds{1});
  });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (written < 50 && std::chrono::steady_clock::now() < deadline) {
    std::ifstream file(path);
    std::stringstream content;
    if (file) content << file.rdbuf();
    if (file) {
      EXPECT_TRUE(content.str().starts_with("round ") && content.str().ends_with("\n"));
    }
  }
  EXPECT_GE(written, 50);
  loop.run([&] { server.reset(); });
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    names.insert(entry.path().filename());
  }
  EXPECT_EQ(names, std::set<std::string>{"spoolmq.prom"});
}

TEST(ServiceMetrics, ShowsEveryAdapterInEveryFamily) {
  std::vector<AdapterStatus> adapters(2);
  adapters[0].name = "in";
  adapters[0].type = "import";
  adapters[0].queue = "q";
  adapters[0].moved = 7;
  adapters[0].last_success_wall_ms = 5'999;
  adapters[1].name = "out\"";
  adapters[1].type = "export";
  adapters[1].queue = "q";
  adapters[1].state = AdapterState::kPaused;
  const std::string text = "\n" + service_metrics_text({1'000, 3, false}, adapters);
  for (const std::string_view line : {
           R"(spoolmq_service_start_time_seconds 1)",
           R"(spoolmq_service_queues 3)",
           R"(spoolmq_service_config_ok 0)",
           R"(spoolmq_adapter_state{adapter="in",type="import",queue="q",state="running"} 1)",
           R"(spoolmq_adapter_state{adapter="in",type="import",queue="q",state="paused"} 0)",
           R"(spoolmq_adapter_state{adapter="out\"",type="export",queue="q",state="paused"} 1)",
           R"(spoolmq_adapter_moved_total{adapter="in",type="import",queue="q"} 7)",
           R"(spoolmq_adapter_last_success_time_seconds{adapter="in",type="import",queue="q"} 5)",
           R"(# TYPE spoolmq_adapter_moved_total counter)",
       }) {
    EXPECT_NE(text.find("\n" + std::string(line) + "\n"), std::string::npos) << line << text;
  }
}

}  // namespace
}  // namespace spoolmq::cli
