#include "tests/bench/peer_channels.h"

#include <optional>
#include <stdexcept>
#include <vector>

#include "cli/bench/body_channel.h"
#include "tests/bench/peer_server.h"

namespace spoolmq::bench {
namespace {

class PeerChannel : public BodyChannel {
 public:
  PeerChannel(const std::vector<std::string>& command, const std::string& socket,
              std::size_t body_bytes)
      : BodyChannel(body_bytes), server_(command, socket) {}
  void begin_sending() override { connection_.emplace(server_.socket()); }
  void begin_receiving() override { connection_.emplace(server_.socket()); }

 protected:
  PeerConnection& connection() { return *connection_; }

 private:
  PeerServer server_;
  std::optional<PeerConnection> connection_;
};

// protocol.txt of beanstalkd: put, reserve, delete.
class BeanstalkdChannel final : public PeerChannel {
 public:
  using PeerChannel::PeerChannel;
  void settle() override {
    connection().write("delete " + job_ + "\r\n");
    expect("DELETED");
  }

 private:
  void send_body(const std::string& body) override {
    connection().write("put 0 0 60 " + std::to_string(body.size()) + "\r\n" + body + "\r\n");
    expect("INSERTED");
  }
  bool receive_body(std::string& body) override {
    connection().write("reserve\r\n");
    const std::string line = expect("RESERVED");  // RESERVED id bytes
    const std::size_t begin = line.find(' ') + 1;
    const std::size_t end = line.find(' ', begin);
    job_ = line.substr(begin, end - begin);
    body = connection().read_bytes(std::stoul(line.substr(end + 1)));
    return true;
  }
  std::string expect(std::string_view word) {
    std::string line = connection().read_line();
    if (!line.starts_with(word)) throw std::runtime_error("beanstalkd: " + line);
    return line;
  }
  std::string job_;
};

// RESP 2: XADD, XREADGROUP BLOCK, XACK.
class RedisChannel final : public PeerChannel {
 public:
  using PeerChannel::PeerChannel;
  void begin_receiving() override {
    PeerChannel::begin_receiving();
    ask({"XGROUP", "CREATE", "queue", "group", "$", "MKSTREAM"});
  }
  void settle() override { ask({"XACK", "queue", "group", entry_}); }

 private:
  void send_body(const std::string& body) override { ask({"XADD", "queue", "*", "body", body}); }
  bool receive_body(std::string& body) override {
    // The stream's name, the entry's id, a field's name, its value.
    const std::vector<std::string> words = ask({"XREADGROUP", "GROUP", "group", "one", "COUNT", "1",
                                                "BLOCK", "0", "STREAMS", "queue", ">"});
    if (words.size() != 4) throw std::runtime_error("redis: another reply than one entry");
    entry_ = words[1];
    body = words[3];
    return true;
  }
  std::vector<std::string> ask(const std::vector<std::string>& words) {
    std::string request = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words) {
      request += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    }
    connection().write(request);
    std::vector<std::string> reply;
    read_reply(reply);
    return reply;
  }
  // The strings in it, whatever its shape.
  void read_reply(std::vector<std::string>& into) {
    const std::string line = connection().read_line();
    const std::string rest = line.substr(1);
    if (line[0] == '$') {
      into.push_back(connection().read_bytes(std::stoul(rest)));
    } else if (line[0] == '*') {
      for (unsigned long left = std::stoul(rest); left > 0; --left) read_reply(into);
    } else if (line[0] == '+' || line[0] == ':') {
      into.push_back(rest);
    } else {
      throw std::runtime_error("redis: " + line);
    }
  }
  std::string entry_;
};

}  // namespace

std::unique_ptr<Channel> beanstalkd_channel(const std::string& directory, std::size_t body_bytes) {
  const std::string program = program_path("beanstalkd");
  if (program.empty()) return nullptr;
  const std::string socket = directory + "/socket";
  return std::make_unique<BeanstalkdChannel>(
      std::vector<std::string>{program, "-b", directory, "-f0", "-l", "unix:" + socket}, socket,
      body_bytes);
}

std::unique_ptr<Channel> redis_channel(const std::string& directory, std::size_t body_bytes) {
  const std::string program = program_path("redis-server");
  if (program.empty()) return nullptr;
  const std::string socket = directory + "/socket";
  return std::make_unique<RedisChannel>(
      std::vector<std::string>{program, "--port", "0", "--unixsocket", socket, "--dir", directory,
                               "--appendonly", "yes", "--appendfsync", "always", "--save", ""},
      socket, body_bytes);
}

}  // namespace spoolmq::bench
