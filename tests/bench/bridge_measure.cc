#include "tests/bench/bridge_measure.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

#include "spoolmq/queue.h"
#include "cli/bench/bench_place.h"

namespace spoolmq::bench {
namespace {

constexpr std::size_t kBodyBytes = 1024;
constexpr int kSingles = 400;
constexpr int kWarmUp = 50;
constexpr int kMany = 5000;
// More are under way than any queue of the kernel's holds: none waits for its peer to begin.
constexpr int kUnderWay = 8;
constexpr char kQueue[] = "q";
constexpr std::chrono::milliseconds kLookAgain{2};

// `spoolmq …`, silent, until the end of the scope.
class Running {
 public:
  explicit Running(const std::vector<std::string>& words) {
    posix_spawn_file_actions_t quiet;
    ::posix_spawn_file_actions_init(&quiet);
    ::posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const int code =
        ::posix_spawn(&pid_, arguments[0], &quiet, nullptr, arguments.data(), ::environ);
    ::posix_spawn_file_actions_destroy(&quiet);
    must(code == 0, "posix_spawn");
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }

 private:
  pid_t pid_ = -1;
};

Message of_size(const std::string& body) {
  Message message;
  message.body = body;
  return message;
}

double p50_us(std::vector<double> seconds) {
  seconds.erase(seconds.begin(), seconds.begin() + kWarmUp);
  return percentile(std::move(seconds), 0.5) * 1e6;
}

BridgeFigures measure_in(BridgePeer& peer, const std::string& body) {
  std::vector<double> took;
  for (int i = 0; i < kWarmUp + kSingles; ++i) {
    const double begun = now_seconds();
    peer.put(i, body);
    peer.await_answer();
    took.push_back(now_seconds() - begun);
  }
  const double begun = now_seconds();
  for (int i = 0; i < kMany + kUnderWay; ++i) {
    if (i < kMany) peer.put(kWarmUp + kSingles + i, body);
    if (i >= kUnderWay) peer.await_answer();
  }
  return {p50_us(std::move(took)), kMany / (now_seconds() - begun)};
}

// Many at once, none of which is taken before all are there.
void send_many(Queue& queue, const std::string& body) {
  queue.pause({.receive = true, .send = false, .until_ms = 0, .reason = {}, .by = {}});
  queue.send_batch(std::vector<Message>(kMany, of_size(body)));
  queue.resume();
}

void wait_until_empty(Queue& queue) {
  while (true) {
    const QueueStats stats = queue.stats();
    if (stats.of(State::kReady).messages + stats.of(State::kLeased).messages == 0) return;
    std::this_thread::sleep_for(kLookAgain);  // each look takes the queue's lock
  }
}

BridgeFigures measure_out(BridgePeer& peer, Queue& queue, const std::string& body) {
  std::vector<double> took;
  for (int i = 0; i < kWarmUp + kSingles; ++i) {
    const double begun = now_seconds();
    queue.send(of_size(body));
    peer.take();
    took.push_back(now_seconds() - begun);
    peer.answer();
  }
  send_many(queue, body);
  const double begun = now_seconds();
  for (int i = 0; i < kMany; ++i) {
    peer.take();
    peer.answer();
  }
  wait_until_empty(queue);
  return {p50_us(std::move(took)), kMany / (now_seconds() - begun)};
}

}  // namespace

BridgeFigures measure_program(const std::string& spoolmq, const std::string& directory) {
  Root root = Root::open(directory + "/root");
  root.create_queue(kQueue);
  const Running bridge({spoolmq, "--root", root.path(), "exec", kQueue, "--mode", "long-lived",
                        "--answers", "--", "awk", "{ print \"ok\"; fflush() }"});
  Queue queue = root.open_queue(kQueue);
  const std::string body(kBodyBytes, 'x');
  std::vector<double> took;
  for (int i = 0; i < kWarmUp + kSingles; ++i) {
    const double begun = now_seconds();
    const MessageId id = queue.send(of_size(body));
    if (queue.wait_settled(id, Milliseconds{10'000}) != Settled::kAcked) {
      throw std::runtime_error("a message was not acknowledged");
    }
    took.push_back(now_seconds() - begun);
  }
  send_many(queue, body);
  const double begun = now_seconds();
  wait_until_empty(queue);
  return {p50_us(std::move(took)), kMany / (now_seconds() - begun)};
}

BridgeFigures measure_bridge(const std::string& spoolmq, const std::string& directory,
                             const BridgeKind& kind, Way way) {
  Root root = Root::open(directory + "/root");
  root.create_queue(kQueue);
  std::vector<std::string> options;
  const std::unique_ptr<BridgePeer> peer = kind.make(way, directory, options);
  std::vector<std::string> words{spoolmq, "--root", root.path(),
                                 std::string(kind.type) + (way == Way::kIn ? "-in" : "-out"),
                                 kQueue};
  words.insert(words.end(), options.begin(), options.end());
  const Running bridge(words);
  peer->meet();
  const std::string body(kBodyBytes, 'x');
  if (way == Way::kIn) return measure_in(*peer, body);
  Queue queue = root.open_queue(kQueue);
  return measure_out(*peer, queue, body);
}

}  // namespace spoolmq::bench
