// Messages with bounds: datagram sockets and the kernel's two kinds of message queue.

#include <fcntl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "cli/bench/bench_place.h"
#include "cli/bench/body_channel.h"
#include "cli/bench/socket_place.h"
#include "cli/bench/system_channels.h"

namespace spoolmq::bench {
namespace {

constexpr long kPlaces = 8;  // of the POSIX queue; the system allows 10 without being asked

class DatagramChannel : public BodyChannel {
 public:
  DatagramChannel(std::size_t body_bytes, int reading, int writing)
      : BodyChannel(body_bytes), reading_(reading), writing_(writing) {}
  ~DatagramChannel() override {
    ::close(reading_);
    ::close(writing_);
  }

 private:
  void send_body(const std::string& body) override {
    must(::send(writing_, body.data(), body.size(), 0) == static_cast<ssize_t>(body.size()),
         "send");
  }
  // UDP loses what its reader has no room for; nothing for a while: nothing more comes.
  bool receive_body(std::string& body) override {
    const ssize_t got = ::recv(reading_, body.data(), body.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    must(got == static_cast<ssize_t>(body.size()), "recv");
    return true;
  }
  int reading_;
  int writing_;
};

std::unique_ptr<Channel> unix_datagrams(std::size_t body_bytes) {
  int ends[2];
  must(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
  return std::make_unique<DatagramChannel>(body_bytes, ends[0], ends[1]);
}

std::unique_ptr<Channel> udp_datagrams(std::size_t body_bytes) {
  const int reading = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int writing = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const timeval patience{0, 200'000};
  must(::setsockopt(reading, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0,
       "SO_RCVTIMEO");
  SocketPlace place = SocketPlace::on_loopback(0);
  must(::bind(reading, place.get(), place.length) == 0 &&
           ::getsockname(reading, place.get(), &place.length) == 0 &&
           ::connect(writing, place.get(), place.length) == 0,
       "connect");
  return std::make_unique<DatagramChannel>(body_bytes, reading, writing);
}

class PosixQueueChannel final : public BodyChannel {
 public:
  explicit PosixQueueChannel(std::size_t body_bytes) : BodyChannel(body_bytes) {
    struct mq_attr attributes {};
    attributes.mq_maxmsg = kPlaces;
    attributes.mq_msgsize = static_cast<long>(body_bytes);
    const std::string name = "/spoolmq-bench-" + std::to_string(::getpid());
    queue_ = ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
    must(queue_ >= 0, "mq_open");
    ::mq_unlink(name.c_str());
  }
  ~PosixQueueChannel() override { ::mq_close(queue_); }

 private:
  void send_body(const std::string& body) override {
    must(::mq_send(queue_, body.data(), body.size(), 0) == 0, "mq_send");
  }
  bool receive_body(std::string& body) override {
    must(::mq_receive(queue_, body.data(), body.size(), nullptr) >= 0, "mq_receive");
    return true;
  }
  mqd_t queue_;
};

class SystemVQueueChannel final : public BodyChannel {
 public:
  explicit SystemVQueueChannel(std::size_t body_bytes)
      : BodyChannel(body_bytes),
        owner_(::getpid()),
        queue_(::msgget(IPC_PRIVATE, IPC_CREAT | 0600)),
        message_(sizeof(long) + body_bytes) {
    must(queue_ >= 0, "msgget");
  }
  ~SystemVQueueChannel() override {
    if (::getpid() == owner_) ::msgctl(queue_, IPC_RMID, nullptr);
  }

 private:
  void send_body(const std::string& body) override {
    const long type = 1;
    std::memcpy(message_.data(), &type, sizeof type);
    std::memcpy(message_.data() + sizeof type, body.data(), body.size());
    must(::msgsnd(queue_, message_.data(), body.size(), 0) == 0, "msgsnd");
  }
  bool receive_body(std::string& body) override {
    must(::msgrcv(queue_, message_.data(), body.size(), 0, 0) == static_cast<ssize_t>(body.size()),
         "msgrcv");
    std::memcpy(body.data(), message_.data() + sizeof(long), body.size());
    return true;
  }
  pid_t owner_;
  int queue_;
  std::vector<char> message_;  // a long, then the body
};

template <typename Made>
std::unique_ptr<Channel> make(std::size_t body_bytes) {
  return std::make_unique<Made>(body_bytes);
}

}  // namespace

const std::vector<SystemChannel>& record_channels() {
  static const std::vector<SystemChannel> all = {{"unix-datagram", unix_datagrams},
                                                 {"udp", udp_datagrams},
                                                 {"posix-mq", make<PosixQueueChannel>},
                                                 {"sysv-mq", make<SystemVQueueChannel>}};
  return all;
}

}  // namespace spoolmq::bench
