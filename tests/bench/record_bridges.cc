// Peers whose messages have bounds: at datagram sockets and the kernel's message queues. Each
// message begins with a word that its answer repeats (PROTOCOL.md).

#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "cli/bench/bench_place.h"
#include "tests/bench/bridge_peer.h"
#include "cli/bench/socket_place.h"

namespace spoolmq::bench {
namespace {

constexpr std::size_t kMostBytes = 4096;
constexpr double kPatience = 10;
constexpr std::chrono::milliseconds kNap{5};

// Whose messages are WORD BODY.
class WordPeer : public BridgePeer {
 public:
  void put(int number, const std::string& body) final {
    send_record(std::to_string(number + 1) + " " + body);
  }
  void await_answer() final {
    const std::string answer = receive_record();
    if (answer.find("ok") == std::string::npos) {
      throw std::runtime_error("a message was not taken: " + answer);
    }
  }
  void take() final {
    const std::string record = receive_record();
    word_ = record.substr(0, record.find(' '));
  }
  void answer() final { send_record(answer_to(word_)); }

 protected:
  virtual void send_record(const std::string& record) = 0;
  virtual std::string receive_record() = 0;
  [[nodiscard]] virtual std::string answer_to(const std::string& word) const {
    return word + " ok";
  }

 private:
  std::string word_;
};

class DatagramPeer final : public WordPeer {
 public:
  DatagramPeer(Way way, const SocketPlace& theirs, const SocketPlace& ours)
      : way_(way), theirs_(theirs) {
    socket_ = ::socket(ours.get()->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(::bind(socket_, ours.get(), ours.length) == 0, "bind");
  }
  ~DatagramPeer() override { ::close(socket_); }
  // A Unix socket shows that it is there; of UDP a first datagram is answered by nobody until it
  // is.
  void meet() override {
    if (way_ == Way::kOut) return;
    const double until = now_seconds() + kPatience;
    while (::connect(socket_, theirs_.get(), theirs_.length) != 0 || !is_answered()) {
      must(now_seconds() < until, "connect");
      std::this_thread::sleep_for(kNap);
    }
  }

 private:
  bool is_answered() {
    constexpr std::string_view kHello = "hello x";
    pollfd waited{socket_, POLLIN, 0};
    char answer[kMostBytes];
    return ::send(socket_, kHello.data(), kHello.size(), 0) > 0 && ::poll(&waited, 1, 200) > 0 &&
           ::recv(socket_, answer, sizeof answer, 0) > 0;
  }
  void send_record(const std::string& record) override {
    const auto* const to = way_ == Way::kOut ? peer_.get() : nullptr;
    const socklen_t length = way_ == Way::kOut ? peer_.length : 0;
    must(::sendto(socket_, record.data(), record.size(), 0, to, length) ==
             static_cast<ssize_t>(record.size()),
         "sendto");
  }
  std::string receive_record() override {
    std::string record(kMostBytes, '\0');
    peer_.length = sizeof peer_.bytes;
    const ssize_t got =
        ::recvfrom(socket_, record.data(), record.size(), 0, peer_.get(), &peer_.length);
    must(got >= 0, "recvfrom");
    record.resize(static_cast<std::size_t>(got));
    return record;
  }
  [[nodiscard]] std::string answer_to(const std::string& word) const override {
    return "ok " + word;
  }
  const Way way_;
  const SocketPlace theirs_;
  int socket_ = -1;
  SocketPlace peer_;
};

class PosixQueuePeer final : public WordPeer {
 public:
  PosixQueuePeer(Way way, std::vector<std::string>& options)
      : name_("/spoolmq-bench-" + std::to_string(::getpid())), answers_name_(name_ + "-answers") {
    options = {"--object", name_, "--answers", answers_name_};
    if (way == Way::kIn) options.emplace_back("--tagged");
    const mqd_t messages = open(name_);
    const mqd_t answers = open(answers_name_);
    sending_ = way == Way::kIn ? messages : answers;
    receiving_ = way == Way::kIn ? answers : messages;
  }
  ~PosixQueuePeer() override {
    ::mq_close(sending_);
    ::mq_close(receiving_);
    ::mq_unlink(name_.c_str());
    ::mq_unlink(answers_name_.c_str());
  }

 private:
  static mqd_t open(const std::string& name) {
    struct mq_attr attributes {};
    attributes.mq_maxmsg = 10;
    attributes.mq_msgsize = kMostBytes;
    const mqd_t made =
        ::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
    must(made >= 0, "mq_open");
    return made;
  }
  void send_record(const std::string& record) override {
    must(::mq_send(sending_, record.data(), record.size(), 0) == 0, "mq_send");
  }
  std::string receive_record() override {
    std::string record(kMostBytes, '\0');
    const ssize_t got = ::mq_receive(receiving_, record.data(), record.size(), nullptr);
    must(got >= 0, "mq_receive");
    record.resize(static_cast<std::size_t>(got));
    return record;
  }
  const std::string name_;
  const std::string answers_name_;
  mqd_t sending_;
  mqd_t receiving_;
};

class SystemVQueuePeer final : public WordPeer {
 public:
  SystemVQueuePeer(Way way, std::vector<std::string>& options) {
    const key_t key = 0x5b000000 + ::getpid() * 2;
    const int messages = ::msgget(key, IPC_CREAT | IPC_EXCL | 0600);
    const int answers = ::msgget(key + 1, IPC_CREAT | IPC_EXCL | 0600);
    must(messages >= 0 && answers >= 0, "msgget");
    options = {"--key", std::to_string(key), "--answers", std::to_string(key + 1)};
    if (way == Way::kIn) options.emplace_back("--tagged");
    sending_ = way == Way::kIn ? messages : answers;
    receiving_ = way == Way::kIn ? answers : messages;
  }
  ~SystemVQueuePeer() override {
    ::msgctl(sending_, IPC_RMID, nullptr);
    ::msgctl(receiving_, IPC_RMID, nullptr);
  }

 private:
  struct Record {
    long type = 1;
    char bytes[kMostBytes];
  };
  void send_record(const std::string& record) override {
    record.copy(record_.bytes, kMostBytes);
    record_.type = 1;
    must(::msgsnd(sending_, &record_, record.size(), 0) == 0, "msgsnd");
  }
  std::string receive_record() override {
    const ssize_t got = ::msgrcv(receiving_, &record_, kMostBytes, 0, 0);
    must(got >= 0, "msgrcv");
    return {record_.bytes, static_cast<std::size_t>(got)};
  }
  int sending_ = -1;
  int receiving_ = -1;
  Record record_;
};

std::unique_ptr<BridgePeer> unix_datagram(Way way, const std::string& directory,
                                          std::vector<std::string>& options) {
  const std::string theirs = directory + "/theirs";
  const std::string ours = directory + "/ours";
  options = {"--unix", way == Way::kIn ? theirs : ours, "--answers"};
  return std::make_unique<DatagramPeer>(way, SocketPlace::at_path(theirs),
                                        SocketPlace::at_path(ours));
}
std::unique_ptr<BridgePeer> udp(Way way, const std::string& /*directory*/,
                                std::vector<std::string>& options) {
  const int theirs = 20'000 + ::getpid() % 10'000;
  const int ours = theirs + 10'000;
  options = {"--udp", "127.0.0.1:" + std::to_string(way == Way::kIn ? theirs : ours), "--answers"};
  return std::make_unique<DatagramPeer>(way, SocketPlace::on_loopback(theirs),
                                        SocketPlace::on_loopback(ours));
}
std::unique_ptr<BridgePeer> posix_queue(Way way, const std::string& /*directory*/,
                                        std::vector<std::string>& options) {
  return std::make_unique<PosixQueuePeer>(way, options);
}
std::unique_ptr<BridgePeer> system_v_queue(Way way, const std::string& /*directory*/,
                                           std::vector<std::string>& options) {
  return std::make_unique<SystemVQueuePeer>(way, options);
}

}  // namespace

const std::vector<BridgeKind>& record_bridges() {
  static const std::vector<BridgeKind> all = {{"unix-datagram", "datagram", unix_datagram},
                                              {"udp", "datagram", udp},
                                              {"posix-mq", "mq", posix_queue},
                                              {"sysv-mq", "sysv", system_v_queue}};
  return all;
}

}  // namespace spoolmq::bench
