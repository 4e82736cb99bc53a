#pragma once
// A tail adapter on the twin's queue, and a real directory for what only the kernel has.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

#include "adapters/descriptor.h"
#include "adapters/tail_adapter.h"
#include "spoolmq/error.h"
#include "tests/adapters/directory_world.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/until.h"

namespace spoolmq::adapters::test {

using spoolmq::test::until;

inline sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Connected within 20 s: between its bind(2) and its listen(2) a socket refuses.
inline Descriptor connect_there(const std::string& path) {
  const sockaddr_un address = address_of(path);
  Descriptor made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_TRUE(until([&] {
    return ::connect(made.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
           0;
  })) << path;
  EXPECT_EQ(::fcntl(made.number(), F_SETFL, O_NONBLOCK), 0);
  return made;
}

class TailRig {
 public:
  TailRig(DirectoryWorld& world, TailPlace place, Framing framing = Framing::kLine,
          TailOptions::Start from = TailOptions::Start::kNow)
      : root_(Root::open(world.dir("root"), world.shared_clock())) {
    TailSettings settings;
    settings.queue = "q";
    settings.place = std::move(place);
    settings.framing = framing;
    settings.from = from;
    AdapterPlace given;
    given.root = &root_;
    given.clock = &world.clock();
    given.counters = &counters;
    given.name = "t";
    const auto json = [](const TailMessage& message, std::optional<std::string_view> body) {
      return message.id().text() + "=" + std::string(body.value_or("none"));
    };
    adapter.emplace(settings, given, json);
  }
  ~TailRig() { stop(); }
  // Turns in a thread of its own, until it throws or is stopped.
  void start() {
    turning_ = std::jthread([this](const std::stop_token& stop) {
      try {
        while (!stop.stop_requested()) adapter->turn();
      } catch (const Error& error) {
        const std::lock_guard lock(mutex_);
        error_ = error;
      }
    });
  }
  void stop() {
    turning_.request_stop();
    if (adapter) adapter->interrupt();
    if (turning_.joinable()) turning_.join();
  }
  // What it threw, within 20 s.
  Error error() {
    EXPECT_TRUE(until([this] {
      const std::lock_guard lock(mutex_);
      return error_.has_value();
    }));
    turning_.join();
    return std::exchange(error_, std::nullopt)
        .value_or(Error(ErrorCode::kInternal, "turn", "adapter", "it threw nothing"));
  }

  AdapterCounters counters;
  std::optional<TailAdapter> adapter;

 private:
  Root root_;
  std::jthread turning_;
  std::mutex mutex_;  // guards error_
  std::optional<Error> error_;
};

inline MessageId send(DirectoryWorld& world, const std::string& body) {
  Message message;
  message.body = body;
  return world.queue().send(std::move(message));
}

inline std::string content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// What is there at the moment, appended.
inline void read_on(int descriptor, std::string& all) {
  std::string piece(64 << 10, '\0');
  ssize_t got = 0;
  while ((got = ::read(descriptor, piece.data(), piece.size())) > 0) {
    all.append(piece, 0, static_cast<std::size_t>(got));
  }
}

inline std::string text_of(const QueueStats& stats) {
  std::string text;
  for (const StateCount& one : stats.states) {
    text += std::to_string(one.messages) + "/" + std::to_string(one.bytes) + " ";
  }
  for (const std::int64_t total : {stats.totals.sent, stats.totals.acked, stats.totals.failures,
                                   stats.totals.dead, stats.reserved}) {
    text += std::to_string(total) + " ";
  }
  return text;
}

}  // namespace spoolmq::adapters::test
