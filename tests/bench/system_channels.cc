#include "tests/bench/system_channels.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "tests/bench/bench_place.h"
#include "tests/bench/body_channel.h"
#ifdef SPOOLMQ_BENCH_BOOST
#include "tests/bench/boost_channel.h"
#endif

namespace spoolmq::bench {
namespace {

constexpr int kPlaces = 8;  // of the queues that want to know; one message is under way at a time

class StreamChannel final : public BodyChannel {
 public:
  enum class Kind : bool { kPipe, kSocket };
  StreamChannel(std::size_t body_bytes, Kind kind) : BodyChannel(body_bytes) {
    must(kind == Kind::kPipe ? ::pipe2(ends_, O_CLOEXEC) == 0
                             : ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_) == 0,
         "pipe");
  }
  ~StreamChannel() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

 private:
  void send_body(const std::string& body) override {
    must(::write(ends_[1], body.data(), body.size()) == static_cast<ssize_t>(body.size()), "write");
  }
  void receive_body(std::string& body) override {
    for (std::size_t have = 0; have < body.size();) {
      const ssize_t got = ::read(ends_[0], body.data() + have, body.size() - have);
      must(got > 0, "read");
      have += static_cast<std::size_t>(got);
    }
  }
  int ends_[2] = {-1, -1};
};

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
  void receive_body(std::string& body) override {
    must(::mq_receive(queue_, body.data(), body.size(), nullptr) >= 0, "mq_receive");
  }
  mqd_t queue_;
};

}  // namespace

const std::vector<SystemChannel>& system_channels() {
  using Kind = StreamChannel::Kind;
  using Made = std::unique_ptr<Channel>;
  static const std::vector<SystemChannel> all = {
#ifdef SPOOLMQ_BENCH_BOOST
      {"boost", boost_channel},
#endif
      {"pipe",
       [](std::size_t bytes) -> Made {
         return std::make_unique<StreamChannel>(bytes, Kind::kPipe);
       }},
      {"unix-socket",
       [](std::size_t bytes) -> Made {
         return std::make_unique<StreamChannel>(bytes, Kind::kSocket);
       }},
      {"posix-mq",
       [](std::size_t bytes) -> Made { return std::make_unique<PosixQueueChannel>(bytes); }},
  };
  return all;
}

}  // namespace spoolmq::bench
