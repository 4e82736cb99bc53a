// Producers, consumers and the service killed at random moments, several hundred times, and an
// account of every message from outside. SPOOLMQ_KILLS sets the number of rounds, SPOOLMQ_SEED the
// dice.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <limits>
#include <random>
#include <sstream>
#include <thread>

#include "spoolmq/queue.h"
#include "tests/crash/kill_ledger.h"
#include "tests/crash/kill_process.h"

namespace spoolmq::test {
namespace {

// Eight processes, the service among them.
constexpr std::size_t kProducers = 3;
constexpr std::size_t kConsumers = 4;
constexpr const char* kService = "serve";
constexpr std::uint64_t kLongestRoundMs = 120;

class Storm {
 public:
  explicit Storm(std::uint64_t seed)
      : random_(seed),
        log_path_(root_.path() + "/events"),
        log_(::open(log_path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) {
    Root root = Root::open(root_.path());
    Settings settings;
    settings.lease = Milliseconds{600'000};  // nobody's ends while he lives
    settings.max_failures = 1'000'000;
    settings.backoff = Milliseconds{1};
    settings.dedupe_window = std::chrono::hours{48};  // one id each, however long it takes
    root.create_queue("q", settings);
    for (std::size_t i = 0; i < kProducers + kConsumers; ++i) {
      workers_.push_back(start(i < kProducers ? "produce" : "consume"));
    }
    workers_.push_back(start(kService));
  }
  ~Storm() { ::close(log_); }
  Storm(const Storm&) = delete;
  Storm& operator=(const Storm&) = delete;

  // The moment is random on purpose: that is what is tested.
  void round() {
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % (kLongestRoundMs * 1000)));
    const std::size_t victims = random_() % 8 == 0 ? 2 : 1;
    for (std::size_t i = 0; i < victims; ++i) kill(random_() % workers_.size());
    for (Worker& worker : workers_) {
      if (!worker.process.runs()) worker = start(worker.role);
    }
  }

  void end_producers() {
    for (Worker& worker : workers_) {
      if (worker.role == "produce") end(worker);
    }
  }

  // The survivors take what is left; their time is up when nothing has gone for kPatience.
  void drain() {
    Root root = Root::open(root_.path());
    Queue queue = root.open_queue("q");
    auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::int64_t fewest = std::numeric_limits<std::int64_t>::max();
    while (true) {
      const QueueStats stats = queue.stats();
      const std::int64_t live = stats.of(State::kReady).messages +
                                stats.of(State::kDelayed).messages +
                                stats.of(State::kLeased).messages;
      if (live == 0) break;
      if (live < fewest) deadline = std::chrono::steady_clock::now() + kPatience;
      fewest = std::min(fewest, live);
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << live << " messages are left";
      std::this_thread::sleep_for(Milliseconds{20});
    }
    for (Worker& worker : workers_) {
      if (worker.process.runs()) end(worker);
    }
    ScanOptions all;
    for (auto page = queue.scan(all); !page.empty(); page = queue.scan(all)) {
      for (const MessageStatus& one : page) left_[one.id.text()] = state_name(one.state);
      all.after_sequence = page.back().sequence;
    }
    for (const FsckFinding& one : queue.fsck(FsckMode::kLook)) {
      ADD_FAILURE() << "fsck: " << one.what << " " << one.where << ": " << one.why;
    }
  }

  std::vector<std::string> account(Ledger& ledger) {
    std::ifstream file(log_path_);
    std::stringstream text;
    text << file.rdbuf();
    ledger.read(text.str());
    return ledger.finish(left_);
  }

 private:
  struct Worker {
    std::string role;
    std::string name;
    Process process;
  };

  Worker start(const std::string& role) {
    const std::string name = role.substr(0, 1) + std::to_string(++started_);
    if (role == kService) {
      return {role, name,
              Process({"/bin/sh", "-c", R"(exec "$0" --root "$1" serve 2>&1)", SPOOLMQ_PROGRAM,
                       root_.path()})};
    }
    return {role, name,
            Process(driver({role, root_.path(), "q", log_path_, name, std::to_string(random_())}))};
  }

  void kill(std::size_t which) {
    Worker& worker = workers_[which];
    if (!worker.process.runs()) return;
    const std::string entry = log_entry("killing " + worker.name);
    ASSERT_EQ(::write(log_, entry.data(), entry.size()), static_cast<ssize_t>(entry.size()));
    worker.process.kill();
  }

  void end(Worker& worker) {
    if (worker.role == kService) {
      while (worker.process.hear().find(" serving ") == std::string::npos) {
      }
    } else {
      EXPECT_EQ(worker.process.hear(), "ready");
    }
    worker.process.signal(SIGTERM);
    const int status = worker.process.wait();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << worker.name << ": " << status;
  }

  TemporaryRoot root_;
  std::mt19937_64 random_;
  std::string log_path_;
  int log_;
  std::size_t started_ = 0;
  std::vector<Worker> workers_;
  std::map<std::string, std::string> left_;
};

TEST(KillStorm, LosesNothingThatWasConfirmedAndDeliversNothingTwiceUnderALease) {
  const std::uint64_t seed = from_environment("SPOOLMQ_SEED", std::random_device{}());
  const std::uint64_t rounds = from_environment("SPOOLMQ_KILLS", 320);
  std::cout << "SPOOLMQ_SEED=" << seed << " SPOOLMQ_KILLS=" << rounds << std::endl;
  Storm storm(seed);
  for (std::uint64_t i = 0; i < rounds; ++i) storm.round();
  storm.end_producers();
  ASSERT_NO_FATAL_FAILURE(storm.drain());
  Ledger ledger;
  for (const std::string& violation : storm.account(ledger)) ADD_FAILURE() << violation;
  std::cout << ledger.kills() << " kills, " << ledger.confirmed() << " confirmed, "
            << ledger.acked() << " acked, " << ledger.redelivered() << " redelivered, "
            << ledger.in_flight_delivered() << " delivered of sends cut short" << std::endl;
  EXPECT_GE(ledger.kills(), rounds);
  EXPECT_GT(ledger.confirmed(), rounds);
  EXPECT_GT(ledger.redelivered(), 0U);
}

}  // namespace
}  // namespace spoolmq::test
