// On the way to a connection: places in turn, and nobody waited for longer than allowed.

#include "adapters/connecting.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>

#include "core/clock.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

// Listens at a port of the kernel's choice, or only has it.
class Server {
 public:
  explicit Server(int backlog) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const SocketAddress any = numeric_addresses({"127.0.0.1", "0"}).at(0);
    EXPECT_EQ(::bind(socket_.number(), any.raw(), any.length()), 0);
    if (backlog >= 0) {
      EXPECT_EQ(::listen(socket_.number(), backlog), 0);
    }
  }
  [[nodiscard]] HostPort place(const std::string& host = "127.0.0.1") const {
    return {host, std::to_string(SocketAddress::of_socket(socket_.number()).port())};
  }

 private:
  Descriptor socket_;
};

Connected run(Connecting& connecting) {
  const SystemClock clock;
  while (true) {
    auto connected = connecting.advance(clock.boot_ms());
    if (connected) return std::move(*connected);
    pollfd waited{connecting.descriptor(), connecting.events(), 0};
    const auto left = connecting.deadline_boot_ms() - clock.boot_ms();
    ::poll(&waited, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
  }
}

std::string refusal(std::vector<HostPort> places, Connecting::Limits limits) {
  try {
    Connecting connecting(std::move(places), limits);
    run(connecting);
    return {};
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    return error.subject() + ": " + error.why();
  }
}

TEST(Connecting, TriesPlacesInTurnAndNamesTheOneThatAnswered) {
  const Server shut(-1);
  const Server open(8);
  Connecting connecting({shut.place(), open.place("localhost")}, {});
  const Connected connected = run(connecting);
  EXPECT_EQ(connected.place, open.place("localhost"));
  EXPECT_EQ(connected.address, open.place().text());
}

TEST(Connecting, TellsOfAllThatFailed) {
  const Server one(-1);
  const Server two(-1);
  EXPECT_EQ(
      refusal({one.place(), two.place()}, {}),
      one.place().text() + ": Connection refused; " + two.place().text() + ": Connection refused");
}

TEST(Connecting, WaitsForNobodyLongerThanAllowed) {
  const Server full(0);
  std::vector<std::unique_ptr<Connecting>> waiting;
  const SystemClock clock;
  // Once its backlog is full, the kernel answers nobody.
  std::vector<Connected> taken;
  for (int i = 0; i < 8; ++i) {
    waiting.push_back(std::make_unique<Connecting>(std::vector{full.place()},
                                                   Connecting::Limits{60'000, 30'000, {}}));
    if (auto one = waiting.back()->advance(clock.boot_ms())) taken.push_back(std::move(*one));
  }
  const std::int64_t begin = clock.boot_ms();
  EXPECT_EQ(refusal({full.place()}, {200, 30'000, {}}),
            full.place().text() + ": no answer within 200ms");
  EXPECT_GE(clock.boot_ms() - begin, 200);
}

TEST(Connecting, IsNotHeldByANameThatNobodyKnows) {
  const std::string why = refusal({{"no-such-host.invalid", "1"}}, {3'000, 30'000, {}});
  EXPECT_EQ(why.find("no-such-host.invalid:1: "), 0) << why;
}

}  // namespace
}  // namespace spoolmq::adapters
