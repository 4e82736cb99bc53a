// The producer and the consumer of the kill storm. What they write to the log, in this order:
//   sending W TOKEN SUM KEY NUMBER GROUP   before the call (one line per message of the call)
//   sent W TOKEN ID                        after send returned
//   got W ID TOKEN DELIVERIES SUM          after receive returned
//   acking|nacking|releasing|rejecting W ID   before the call,   acked|rejected W ID   after it
//   wrong W TEXT                           anything that must not happen
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <thread>

#include "core/checksum.h"
#include "core/file_system.h"
#include "spoolmq/queue.h"
#include "tests/crash/kill_ledger.h"
#include "tests/crash/kill_roles.h"

namespace spoolmq::test {
namespace {

constexpr int kOrderKeys = 4;
constexpr int kDedupeKeys = 400;
constexpr std::size_t kLargestBatch = 12;
constexpr const char* kTokenHeader = "token";

std::atomic<bool> ended{false};

void end_on_term() {
  struct sigaction action {};
  action.sa_handler = [](int) { ended = true; };
  ::sigaction(SIGTERM, &action, nullptr);
  std::puts("ready");
  std::fflush(stdout);
}

class EventLog {
 public:
  explicit EventLog(const StormRole& role)
      : worker_(role.worker), fd_(::open(role.log.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)) {
    if (fd_ < 0) throw std::runtime_error("no log");
  }
  void tell(const std::string& event, const std::string& rest) const {
    const std::string entry = log_entry(event + " " + worker_ + " " + rest);
    if (::write(fd_, entry.data(), entry.size()) != static_cast<ssize_t>(entry.size())) {
      throw std::runtime_error("log");
    }
  }

 private:
  std::string worker_;
  int fd_;
};

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t limit) { return random() % limit; }

std::string sum(const std::string& body) { return std::to_string(checksum(as_bytes(body))); }

// Bytes that follow from the token alone, so that a repeated dedupe key carries the same body.
std::string body_of(const std::string& token) {
  Random random(checksum(as_bytes(token)));
  std::string body(below(random, 20) == 0 ? below(random, 60'000) : below(random, 1500), '\0');
  for (char& c : body) c = static_cast<char>(random());
  return body;
}

class Producer {
 public:
  Producer(Queue& queue, const StormRole& role, int thread)
      : queue_(queue),
        log_(role),
        random_(role.seed + static_cast<std::uint64_t>(thread)),
        name_(role.worker + "." + std::to_string(thread)) {}

  void run() {
    while (!ended) {
      std::vector<Message> messages(below(random_, 3) == 0 ? 2 + below(random_, kLargestBatch - 1)
                                                           : 1);
      for (Message& message : messages) fill(message);
      ++group_;
      SendOptions options;
      if (below(random_, 8) == 0) options.format = Format::kXml;
      send(std::move(messages), options);
      std::this_thread::sleep_for(std::chrono::microseconds(below(random_, 12'000)));
    }
  }

 private:
  void fill(Message& message) {
    std::string token = name_ + "-" + std::to_string(++number_);
    const std::size_t kind = below(random_, 10);
    if (kind < 3) message.order_key = "key-" + std::to_string(below(random_, kOrderKeys));
    if (kind == 3) {
      token = "dedupe-" + std::to_string(below(random_, kDedupeKeys));
      message.dedupe_key = token;
    }
    message.headers.emplace_back(kTokenHeader, token);
    message.body = body_of(token);
  }

  void send(std::vector<Message> messages, const SendOptions& options) {
    std::vector<std::string> tokens;
    for (const Message& message : messages) {
      tokens.push_back(*message.header(kTokenHeader));
      const std::string key = message.order_key.empty() ? "-" : message.order_key;
      log_.tell("sending", tokens.back() + " " + sum(message.body) + " " + key + " " +
                               std::to_string(number_) + " " + name_ + ":" +
                               std::to_string(group_));
    }
    const std::vector<SendResult> results = queue_.send_batch(std::move(messages), options);
    for (std::size_t i = 0; i < results.size(); ++i) {
      log_.tell("sent", tokens[i] + " " + results[i].id.text());
    }
  }

  Queue& queue_;
  EventLog log_;
  Random random_;
  std::string name_;
  std::uint64_t number_ = 0;
  std::uint64_t group_ = 0;
};

std::string id(const Delivery& one) { return one.message().id.text(); }

// What is to be acknowledged is so with the receipt of the next.
std::vector<Delivery> receive(Queue& queue, const ReceiveOptions& options, const EventLog& log,
                              std::vector<Delivery> done = {}) {
  for (const Delivery& one : done) log.tell("acking", id(one));
  std::vector<Delivery> deliveries =
      done.empty() ? queue.receive_batch(options) : queue.ack_and_receive(done, options);
  for (const Delivery& one : done) log.tell("acked", id(one));
  for (const Delivery& one : deliveries) {
    const std::string* const token = one.message().header(kTokenHeader);
    log.tell("got", id(one) + " " + (token != nullptr ? *token : "?") + " " +
                        std::to_string(one.counters().deliveries) + " " + sum(one.message().body));
  }
  return deliveries;
}

void finish(Queue& queue, std::vector<Delivery> deliveries, Random& random, const EventLog& log) {
  if (below(random, 3) == 0) {
    for (const Delivery& one : deliveries) log.tell("acking", id(one));
    queue.ack_batch(deliveries);
    for (const Delivery& one : deliveries) log.tell("acked", id(one));
    return;
  }
  for (Delivery& one : deliveries) {
    const std::size_t kind = below(random, 40);
    if (kind == 0) {
      log.tell("rejecting", id(one));
      one.reject("the storm's dice");
      log.tell("rejected", id(one));
    } else if (kind < 4) {
      log.tell("nacking", id(one));
      one.nack({}, Milliseconds{0});
    } else if (kind < 7) {
      log.tell("releasing", id(one));
      one.release();
    } else {
      log.tell("acking", id(one));
      one.ack();
      log.tell("acked", id(one));
    }
  }
}

}  // namespace

int produce(const StormRole& role) {
  end_on_term();
  Root root = Root::open(role.root);
  Queue queue = root.open_queue(role.queue);
  const auto run = [&](int thread) {
    try {
      Producer(queue, role, thread).run();
    } catch (const std::exception& error) {
      EventLog(role).tell("wrong", error.what());
    }
  };
  std::jthread second;
  if (role.seed % 2 == 0) second = std::jthread([&] { run(1); });
  run(0);
  if (second.joinable()) second.join();
  queue.close();
  return 0;
}

int consume(const StormRole& role) {
  end_on_term();
  const EventLog log(role);
  Random random(role.seed);
  try {
    Root root = Root::open(role.root);
    Queue queue = root.open_queue(role.queue);
    ReceiveOptions options;
    options.wait = Milliseconds{200};
    while (!ended) {
      options.max = below(random, 4) == 0 ? 1 : 1 + below(random, 8);
      options.prefetch = 1 + below(random, 12);  // with a max of 1
      std::vector<Delivery> deliveries = receive(queue, options, log);
      while (!deliveries.empty() && below(random, 3) == 0) {
        deliveries = receive(queue, options, log, std::move(deliveries));
      }
      if (!deliveries.empty()) finish(queue, std::move(deliveries), random, log);
    }
    queue.close();
  } catch (const std::exception& error) {
    log.tell("wrong", error.what());
  }
  return 0;
}

}  // namespace spoolmq::test
