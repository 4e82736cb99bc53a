// Bytes in order, without bounds of their own: pipes, named or not, and stream sockets.

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "cli/bench/bench_place.h"
#include "cli/bench/body_channel.h"
#include "cli/bench/socket_place.h"
#include "cli/bench/system_channels.h"

namespace spoolmq::bench {
namespace {

struct Ends {
  int reading = -1;
  int writing = -1;
};

class StreamChannel final : public BodyChannel {
 public:
  StreamChannel(std::size_t body_bytes, Ends ends) : BodyChannel(body_bytes), ends_(ends) {}
  ~StreamChannel() override {
    ::close(ends_.reading);
    ::close(ends_.writing);
  }

 private:
  void send_body(const std::string& body) override {
    for (std::size_t written = 0; written < body.size();) {
      const ssize_t put = ::write(ends_.writing, body.data() + written, body.size() - written);
      must(put > 0, "write");
      written += static_cast<std::size_t>(put);
    }
  }
  bool receive_body(std::string& body) override {
    for (std::size_t have = 0; have < body.size();) {
      const ssize_t got = ::read(ends_.reading, body.data() + have, body.size() - have);
      must(got > 0, "read");
      have += static_cast<std::size_t>(got);
    }
    return true;
  }
  const Ends ends_;
};

Ends pipe_ends() {
  int ends[2];
  must(::pipe2(ends, O_CLOEXEC) == 0, "pipe");
  return {ends[0], ends[1]};
}

Ends fifo_ends() {
  const std::string path = "/tmp/spoolmq-bench-fifo-" + std::to_string(::getpid());
  must(::mkfifo(path.c_str(), 0600) == 0, "mkfifo");
  const int reading = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  const int writing = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  ::unlink(path.c_str());
  must(reading >= 0 && writing >= 0 && ::fcntl(reading, F_SETFL, 0) == 0, "open a FIFO");
  return {reading, writing};
}

Ends unix_ends() {
  int ends[2];
  must(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
  return {ends[0], ends[1]};
}

Ends tcp_ends() {
  const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  SocketPlace place = SocketPlace::on_loopback(0);
  must(::bind(listening, place.get(), place.length) == 0 && ::listen(listening, 1) == 0 &&
           ::getsockname(listening, place.get(), &place.length) == 0,
       "listen");
  const int writing = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(::connect(writing, place.get(), place.length) == 0, "connect");
  const int reading = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
  ::close(listening);
  const int on = 1;
  must(reading >= 0 && ::setsockopt(writing, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0,
       "accept");
  return {reading, writing};
}

template <Ends (*kMake)()>
std::unique_ptr<Channel> make(std::size_t body_bytes) {
  return std::make_unique<StreamChannel>(body_bytes, kMake());
}

}  // namespace

const std::vector<SystemChannel>& stream_channels() {
  static const std::vector<SystemChannel> all = {{"pipe", make<pipe_ends>},
                                                 {"fifo", make<fifo_ends>},
                                                 {"unix-socket", make<unix_ends>},
                                                 {"tcp", make<tcp_ends>}};
  return all;
}

}  // namespace spoolmq::bench
