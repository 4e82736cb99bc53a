// Peers that write and read lines: at a pair of FIFOs, or at a socket of either side.

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "cli/bench/bench_place.h"
#include "tests/bench/bridge_peer.h"
#include "cli/bench/socket_place.h"

namespace spoolmq::bench {
namespace {

constexpr double kPatience = 10;
constexpr std::chrono::milliseconds kNap{5};

// Calls it until it gives a descriptor.
template <typename Open>
int patiently(const Open& open, const char* what) {
  const double until = now_seconds() + kPatience;
  while (true) {
    if (const int descriptor = open(); descriptor >= 0) return descriptor;
    if (now_seconds() > until) must(false, what);
    std::this_thread::sleep_for(kNap);
  }
}

class LinePeer : public BridgePeer {
 public:
  ~LinePeer() override {
    if (reading_ >= 0) ::close(reading_);
    if (writing_ >= 0 && writing_ != reading_) ::close(writing_);
  }
  void put(int /*number*/, const std::string& body) final { write_all(body + "\n"); }
  void await_answer() final {
    if (!next_line().starts_with("ok")) throw std::runtime_error("a message was not taken");
  }
  void take() final { next_line(); }
  void answer() final { write_all("ok\n"); }

 protected:
  int reading_ = -1;
  int writing_ = -1;

 private:
  void write_all(const std::string& bytes) {
    for (std::size_t written = 0; written < bytes.size();) {
      const ssize_t put = ::write(writing_, bytes.data() + written, bytes.size() - written);
      must(put > 0, "write");
      written += static_cast<std::size_t>(put);
    }
  }
  // Until the next call.
  std::string_view next_line() {
    while (true) {
      const std::size_t end = buffer_.find('\n', begin_);
      if (end != std::string::npos) {
        const std::string_view line = std::string_view(buffer_).substr(begin_, end - begin_);
        begin_ = end + 1;
        return line;
      }
      buffer_.erase(0, begin_);
      begin_ = 0;
      char piece[65536];
      const ssize_t got = ::read(reading_, piece, sizeof piece);
      must(got > 0, "read");
      buffer_.append(piece, static_cast<std::size_t>(got));
    }
  }
  std::string buffer_;
  std::size_t begin_ = 0;
};

class FifoPeer final : public LinePeer {
 public:
  FifoPeer(Way way, const std::string& directory, std::vector<std::string>& options)
      : messages_(directory + "/fifo"), answers_(directory + "/answers"), way_(way) {
    options = {"--path", messages_, "--answers", answers_};
    must(::mkfifo(messages_.c_str(), 0600) == 0 && ::mkfifo(answers_.c_str(), 0600) == 0, "mkfifo");
  }
  void meet() override {
    const std::string& in = way_ == Way::kIn ? answers_ : messages_;
    const std::string& out = way_ == Way::kIn ? messages_ : answers_;
    reading_ = ::open(in.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    must(reading_ >= 0 && ::fcntl(reading_, F_SETFL, 0) == 0, "open a FIFO");
    writing_ = patiently([&] { return ::open(out.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC); },
                         "open a FIFO");
    must(::fcntl(writing_, F_SETFL, 0) == 0, "fcntl");
    // Whoever reads an end that nobody has opened for writing yet meets its end at once.
    if (way_ == Way::kIn) std::this_thread::sleep_for(std::chrono::milliseconds{200});
  }

 private:
  const std::string messages_;
  const std::string answers_;
  const Way way_;
};

class SocketPeer final : public LinePeer {
 public:
  SocketPeer(Way way, const SocketPlace& address) : way_(way), address_(address) {
    if (way == Way::kIn) return;
    listening_ = ::socket(address_.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    must(::setsockopt(listening_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
             ::bind(listening_, address_.get(), address_.length) == 0 &&
             ::listen(listening_, 1) == 0,
         "listen");
  }
  ~SocketPeer() override {
    if (listening_ >= 0) ::close(listening_);
  }
  void meet() override {
    reading_ = writing_ = way_ == Way::kOut ? ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC)
                                            : patiently([this] { return connect(); }, "connect");
    must(reading_ >= 0, "accept");
    const int on = 1;
    if (address_.get()->sa_family == AF_INET) {
      must(::setsockopt(writing_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
    }
  }

 private:
  int connect() {
    const int made = ::socket(address_.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(made, address_.get(), address_.length) == 0) return made;
    ::close(made);
    return -1;
  }
  const Way way_;
  SocketPlace address_;
  int listening_ = -1;
};

std::unique_ptr<BridgePeer> fifo(Way way, const std::string& directory,
                                 std::vector<std::string>& options) {
  return std::make_unique<FifoPeer>(way, directory, options);
}

std::unique_ptr<BridgePeer> unix_socket(Way way, const std::string& directory,
                                        std::vector<std::string>& options) {
  const std::string path = directory + "/socket";
  options = {"--unix", path, "--answers"};
  return std::make_unique<SocketPeer>(way, SocketPlace::at_path(path));
}

std::unique_ptr<BridgePeer> tcp(Way way, const std::string& /*directory*/,
                                std::vector<std::string>& options) {
  const int port = 20'000 + ::getpid() % 10'000 + (way == Way::kIn ? 0 : 10'000);
  options = {"--tcp", "127.0.0.1:" + std::to_string(port), "--answers"};
  return std::make_unique<SocketPeer>(way, SocketPlace::on_loopback(port));
}

}  // namespace

const std::vector<BridgeKind>& stream_bridges() {
  static const std::vector<BridgeKind> all = {
      {"fifo", "fifo", fifo}, {"unix-socket", "socket", unix_socket}, {"tcp", "socket", tcp}};
  return all;
}

}  // namespace spoolmq::bench
