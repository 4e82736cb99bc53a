#pragma once
// An event loop in a thread of its own, and plain clients of what listens in it.

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <functional>
#include <future>
#include <string>
#include <string_view>
#include <thread>

#include "adapters/unix_socket.h"

namespace spoolmq::cli {

class LoopThread {
 public:
  LoopThread() : thread_([this] { loop.run(); }) {}
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;
  ~LoopThread() { loop.stop(); }

  // In the loop's thread; on return it is done.
  void run(const std::function<void()>& act) {
    std::promise<void> done;
    asio::post(loop, [&] {
      act();
      done.set_value();
    });
    done.get_future().wait();
  }

  asio::io_context loop;

 private:
  asio::executor_work_guard<asio::io_context::executor_type> work_{loop.get_executor()};
  std::jthread thread_;
};

class Client {
 public:
  static constexpr int kPatienceMs = 20'000;

  explicit Client(const std::string& path) : Client(adapters::connect_to(path).value_or(-1)) {}
  explicit Client(int descriptor) : descriptor_(descriptor) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  // False: the other side closed it, or reads no more.
  bool send(std::string_view text) {
    while (!text.empty()) {
      pollfd one{descriptor_, POLLOUT, 0};
      if (::poll(&one, 1, kPatienceMs) <= 0) return false;
      const ssize_t sent = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // Up to and with `end`, or all before the other side closes; "(silence)" after 20 s.
  std::string receive(std::string_view end) {
    std::string received;
    while (end.empty() || !received.ends_with(end)) {
      pollfd one{descriptor_, POLLIN, 0};
      if (::poll(&one, 1, kPatienceMs) <= 0) return "(silence)";
      char byte = 0;
      if (::recv(descriptor_, &byte, 1, 0) <= 0) break;
      received += byte;
    }
    return received;
  }

 private:
  int descriptor_;
};

}  // namespace spoolmq::cli
