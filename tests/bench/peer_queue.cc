#include "tests/bench/peer_queue.h"

#include <unistd.h>

#include <stdexcept>
#include <utility>
#include <vector>

#include "cli/bench/workload.h"
#include "spoolmq/queue.h"
#include "tests/bench/peer_server.h"

namespace spoolmq::bench {
namespace {

// ---- spoolmq

class SpoolmqSession final : public PeerSession {
 public:
  explicit SpoolmqSession(const std::string& directory)
      : queue_(Root::open(directory).open_queue(kQueueName)) {}
  void send(const std::string& body, std::size_t messages) override {
    Message message;
    message.body = body;
    if (messages == 1) {
      queue_.send(std::move(message));
    } else {
      queue_.send_batch(std::vector<Message>(messages, message));
    }
  }
  std::size_t receive(std::size_t most, Wait wait) override {
    ReceiveOptions options;
    options.max = most;
    if (wait == Wait::kForOne) options.wait = std::nullopt;
    return take(queue_.receive_batch(options));
  }
  void settle() override { queue_.ack_batch(taken_); }
  std::size_t settle_and_receive(std::size_t most) override {
    ReceiveOptions options;
    options.max = most;
    return take(queue_.ack_and_receive(taken_, options));
  }
  void settle_each() override {
    for (Delivery& one : taken_) one.ack();
  }

 private:
  std::size_t take(std::vector<Delivery> deliveries) {
    taken_ = std::move(deliveries);
    if (!taken_.empty()) body_ = taken_.back().message().body;
    return taken_.size();
  }
  Queue queue_;
  std::vector<Delivery> taken_;
};

class SpoolmqQueue final : public PeerQueue {
 public:
  explicit SpoolmqQueue(std::string directory) : directory_(std::move(directory)) {
    Root::open(directory_).create_queue(kQueueName);
  }
  std::unique_ptr<PeerSession> open() override {
    return std::make_unique<SpoolmqSession>(directory_);
  }

 private:
  const std::string directory_;
};

// ---- beanstalkd: protocol.txt, put, reserve, delete

class BeanstalkdSession final : public PeerSession {
 public:
  explicit BeanstalkdSession(const std::string& socket) : connection_(socket) {}
  void send(const std::string& body, std::size_t messages) override {
    const std::string put = "put 0 0 60 " + std::to_string(body.size()) + "\r\n" + body + "\r\n";
    ask(std::vector<std::string>(messages, put));
    for (std::size_t i = 0; i < messages; ++i) expect("INSERTED");
  }
  std::size_t receive(std::size_t most, Wait wait) override {
    ask(reserves(most, wait));
    return read_reserved(most);
  }
  void settle() override {
    ask(deletes());
    read_deleted();
  }
  std::size_t settle_and_receive(std::size_t most) override {
    std::vector<std::string> both = deletes();
    for (std::string& one : reserves(most, Wait::kNo)) both.push_back(std::move(one));
    ask(both);
    read_deleted();
    return read_reserved(most);
  }
  void settle_each() override {
    for (const std::string& job : jobs_) {
      connection_.write("delete " + job + "\r\n");
      expect("DELETED");
    }
  }

 private:
  static std::vector<std::string> reserves(std::size_t most, Wait wait) {
    return std::vector<std::string>(
        most, wait == Wait::kForOne ? "reserve\r\n" : "reserve-with-timeout 0\r\n");
  }
  std::vector<std::string> deletes() const {
    std::vector<std::string> requests;
    for (const std::string& job : jobs_) requests.push_back("delete " + job + "\r\n");
    return requests;
  }
  void read_deleted() {
    for (std::size_t i = 0; i < jobs_.size(); ++i) expect("DELETED");
  }
  std::size_t read_reserved(std::size_t most) {
    jobs_.clear();
    for (std::size_t i = 0; i < most; ++i) {
      const std::string line = connection_.read_line();  // RESERVED id bytes
      if (line == "TIMED_OUT") continue;
      require(line, "RESERVED");
      const std::size_t begin = line.find(' ') + 1;
      const std::size_t end = line.find(' ', begin);
      jobs_.push_back(line.substr(begin, end - begin));
      body_ = connection_.read_bytes(std::stoul(line.substr(end + 1)));
    }
    return jobs_.size();
  }
  void ask(const std::vector<std::string>& requests) {
    std::string all;
    for (const std::string& one : requests) all += one;
    connection_.write(all);
  }
  void expect(std::string_view word) { require(connection_.read_line(), word); }
  static void require(const std::string& line, std::string_view word) {
    if (!line.starts_with(word)) throw std::runtime_error("beanstalkd: " + line);
  }
  PeerConnection connection_;
  std::vector<std::string> jobs_;
};

// ---- Redis: RESP 2, XADD, XREADGROUP, XACK

using Words = std::vector<std::string>;

class RedisSession final : public PeerSession {
 public:
  explicit RedisSession(const std::string& socket) : connection_(socket) {}
  void make_group() { ask({{"XGROUP", "CREATE", "queue", "group", "$", "MKSTREAM"}}); }
  void send(const std::string& body, std::size_t messages) override {
    ask(std::vector<Words>(messages, {"XADD", "queue", "*", "body", body}));
  }
  std::size_t receive(std::size_t most, Wait wait) override {
    return take(ask({read_group(most, wait)}), 0);
  }
  void settle() override { ask({acknowledge()}); }
  std::size_t settle_and_receive(std::size_t most) override {
    return take(ask({acknowledge(), read_group(most, Wait::kNo)}), 1);
  }
  void settle_each() override {
    for (const std::string& one : received_) ask({{"XACK", "queue", "group", one}});
  }

 private:
  Words read_group(std::size_t most, Wait wait) const {
    Words read{"XREADGROUP", "GROUP", "group", name_, "COUNT", std::to_string(most)};
    if (wait == Wait::kForOne) read.insert(read.end(), {"BLOCK", "0"});
    read.insert(read.end(), {"STREAMS", "queue", ">"});
    return read;
  }
  Words acknowledge() const {
    Words acknowledge{"XACK", "queue", "group"};
    acknowledge.insert(acknowledge.end(), received_.begin(), received_.end());
    return acknowledge;
  }
  // Behind so many words: the stream's name; of each entry its id, a field's name and its value.
  std::size_t take(const Words& words, std::size_t behind) {
    received_.clear();
    for (std::size_t at = behind + 1; at + 2 < words.size(); at += 3) {
      received_.push_back(words[at]);
    }
    if (!received_.empty()) body_ = words.back();
    return received_.size();
  }
  // The strings in all the replies.
  Words ask(const std::vector<Words>& commands) {
    std::string request;
    for (const Words& words : commands) {
      request += "*" + std::to_string(words.size()) + "\r\n";
      for (const std::string& word : words) {
        request += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
      }
    }
    connection_.write(request);
    Words replies;
    for (std::size_t i = 0; i < commands.size(); ++i) read_reply(replies);
    return replies;
  }
  void read_reply(Words& into) {
    const std::string line = connection_.read_line();
    const std::string rest = line.substr(1);
    if (rest == "-1") return;  // nothing
    if (line[0] == '$') {
      into.push_back(connection_.read_bytes(std::stoul(rest)));
    } else if (line[0] == '*') {
      for (unsigned long left = std::stoul(rest); left > 0; --left) read_reply(into);
    } else if (line[0] == '+' || line[0] == ':') {
      into.push_back(rest);
    } else {
      throw std::runtime_error("redis: " + line);
    }
  }
  PeerConnection connection_;
  const std::string name_ = std::to_string(::getpid());  // of the consumer
  Words received_;                                       // their ids
};

// ---- Servers

template <typename Session>
class ServedQueue final : public PeerQueue {
 public:
  ServedQueue(const std::vector<std::string>& command, const std::string& socket)
      : server_(command, socket) {
    if constexpr (requires(Session & session) { session.make_group(); }) {
      Session(server_.socket()).make_group();
    }
  }
  std::unique_ptr<PeerSession> open() override {
    return std::make_unique<Session>(server_.socket());
  }

 private:
  PeerServer server_;
};

}  // namespace

std::unique_ptr<PeerQueue> spoolmq_queue(const std::string& directory) {
  return std::make_unique<SpoolmqQueue>(directory);
}

std::unique_ptr<PeerQueue> beanstalkd_queue(const std::string& directory) {
  const std::string program = program_path("beanstalkd");
  if (program.empty()) return nullptr;
  const std::string socket = directory + "/socket";
  return std::make_unique<ServedQueue<BeanstalkdSession>>(
      std::vector<std::string>{program, "-b", directory, "-f0", "-l", "unix:" + socket}, socket);
}

std::unique_ptr<PeerQueue> redis_queue(const std::string& directory) {
  const std::string program = program_path("redis-server");
  if (program.empty()) return nullptr;
  const std::string socket = directory + "/socket";
  return std::make_unique<ServedQueue<RedisSession>>(
      std::vector<std::string>{program, "--port", "0", "--unixsocket", socket, "--dir", directory,
                               "--appendonly", "yes", "--appendfsync", "always", "--save", ""},
      socket);
}

}  // namespace spoolmq::bench
