// Writers of the hot cache killed and stopped inside publish, thousands of times, while a reader
// checks every message; and whole senders killed while a tail listens. SPOOLMQ_HOT_KILLS sets how
// often, SPOOLMQ_SEED the dice.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <random>
#include <set>

#include "core/file_system.h"
#include "core/futex.h"
#include "spoolmq/tail.h"
#include "tests/crash/kill_process.h"
#include "tests/store/hot_ring_world.h"

namespace spoolmq::test {
namespace {

using Got = HotCacheReader::Got;
using Look = HotCacheReader::Look;

std::mt19937_64 dice() {
  const std::uint64_t seed = from_environment("SPOOLMQ_SEED", std::random_device{}());
  std::cout << "SPOOLMQ_SEED=" << seed << std::endl;
  return std::mt19937_64(seed);
}

// Processes that do nothing but publish, each under a slot whose lock tells whether it lives.
class Publishers {
 public:
  explicit Publishers(std::size_t longest_body)
      : longest_(longest_body), dir_(open_posix_dir(root_.path())), locks_(open_locks()) {}
  ~Publishers() {
    for (const auto& [slot, pid] : running_) end(pid);
  }

  HotRing& ring() { return *ring_; }
  std::shared_ptr<HotRing> shared_ring() { return ring_; }
  std::function<bool(std::uint32_t)> is_alive() {
    return [this](std::uint32_t slot) { return locks_->is_locked_by_another(slot, 1); };
  }

  // Its numbers are above those of whoever had the slot before.
  void start(std::uint8_t slot) {
    start_as(slot, [this](RingWriter& writer) { writer.publish(*ring_); });
  }
  // One that publishes one message for each order().
  void start_obedient(std::uint8_t slot) {
    start_as(slot, [this](RingWriter& writer) {
      while (std::atomic_ref(orders_->given).load() == std::atomic_ref(orders_->obeyed).load()) {
        pause_spinning();
      }
      writer.publish(*ring_);
      std::atomic_ref(orders_->obeyed).fetch_add(1);
    });
  }
  void order() { std::atomic_ref(orders_->given).fetch_add(1); }
  [[nodiscard]] std::uint64_t obeyed() const { return std::atomic_ref(orders_->obeyed).load(); }
  void kill(std::uint8_t slot) {
    end(running_.at(slot));
    running_.erase(slot);
  }
  void stop(std::uint8_t slot) {
    ::kill(running_.at(slot), SIGSTOP);
    int status = 0;
    if (::waitpid(running_.at(slot), &status, WUNTRACED) < 0 || !WIFSTOPPED(status)) {
      throw std::runtime_error("a publisher ended by itself");
    }
  }
  void go_on(std::uint8_t slot) { ::kill(running_.at(slot), SIGCONT); }

 private:
  struct Orders {
    std::uint64_t given = 0;
    std::uint64_t obeyed = 0;
  };

  void start_as(std::uint8_t slot, const std::function<void(RingWriter&)>& act) {
    const std::uint64_t first = ++started_ << 32;
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const std::unique_ptr<File> locks = open_locks();
      if (!locks->try_lock(slot, 1, LockKind::kExclusive)) ::_exit(1);
      ring_->abandon(slot);
      RingWriter writer(slot, longest_, [&locks](std::uint32_t other) {
        return locks->is_locked_by_another(other, 1);
      });
      writer.go_on_from(first);
      while (true) act(writer);
    }
    running_[slot] = pid;
  }
  static Orders* shared_orders() {
    void* const bytes =
        ::mmap(nullptr, sizeof(Orders), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED) throw std::bad_alloc();
    return new (bytes) Orders;
  }
  std::unique_ptr<File> open_locks() { return dir_->create("locks", 0600, IfExists::kOpen); }
  static void end(pid_t pid) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }

  std::size_t longest_;
  TemporaryRoot root_;
  std::unique_ptr<Dir> dir_;
  std::unique_ptr<File> locks_;
  std::shared_ptr<HotRing> ring_ = make_ring();
  Orders* orders_ = shared_orders();  // goes with the test's process
  std::map<std::uint8_t, pid_t> running_;
  std::uint64_t started_ = 0;
};

// Reads along and keeps the account.
class Checker {
 public:
  Checker(std::shared_ptr<HotRing> ring, std::size_t longest_body)
      : reader_(std::move(ring)), longest_(longest_body) {}

  void read(std::uint64_t most) {
    for (std::uint64_t i = 0; i < most; ++i) {
      const Got got = reader_.read(Look::kThorough);
      if (got == Got::kNothing) return;
      if (got == Got::kGap) ++gaps;
      if (got == Got::kPayloadMissed) ++missed;
      if (got == Got::kMessage) check();
    }
  }

  std::uint64_t messages = 0;
  std::uint64_t missed = 0;
  std::uint64_t gaps = 0;
  std::uint64_t wrong = 0;
  std::uint64_t stopped_inside = 0;

 private:
  void check() {
    ++messages;
    std::uint64_t& last = last_[writer_of(reader_.id())];
    if (body_in(reader_.record()) != body_of(reader_.id(), longest_) ||
        number_of(reader_.id()) <= last) {
      ++wrong;
    }
    last = number_of(reader_.id());
  }

  HotCacheReader reader_;
  std::size_t longest_;
  std::map<std::uint8_t, std::uint64_t> last_;
};

void spin_for(std::uint64_t microseconds) {
  const std::int64_t end = monotonic_ns() + static_cast<std::int64_t>(microseconds) * 1000;
  while (monotonic_ns() < end) pause_spinning();
}

TEST(HotCacheKill, ShowsNoWrongMessageWhereverWritersDie) {
  constexpr std::size_t kLongest = 900;
  const std::uint64_t kills = from_environment("SPOOLMQ_HOT_KILLS", 3000);
  std::mt19937_64 random = dice();
  Publishers publishers(kLongest);
  Checker checker(publishers.shared_ring(), kLongest);
  for (std::uint8_t slot = 1; slot <= 3; ++slot) publishers.start(slot);
  for (std::uint64_t i = 0; i < kills; ++i) {
    spin_for(random() % 200);
    checker.read(200);
    const auto slot = static_cast<std::uint8_t>(1 + random() % 3);
    publishers.kill(slot);
    publishers.start(slot);
  }
  for (std::uint8_t slot = 1; slot <= 3; ++slot) publishers.kill(slot);
  std::cout << kills << " kills, " << checker.messages << " messages read, " << checker.missed
            << " payloads missed, " << checker.gaps << " gaps, " << checker.wrong << " wrong"
            << std::endl;
  EXPECT_EQ(checker.wrong, 0U);
  EXPECT_GT(checker.messages, kills);
  // Nothing is wedged: a whole lap can be published and read.
  RingWriter writer(4, kLongest, publishers.is_alive());
  HotCacheReader reader(publishers.shared_ring());
  for (std::uint64_t i = 1; i <= 2 * publishers.ring().size().slots; ++i) {
    writer.publish(publishers.ring());
    ASSERT_EQ(reader.read(Look::kQuick), Got::kMessage) << i;
    EXPECT_EQ(number_of(reader.id()), i);
  }
}

// Stopped while it copies, for more than a lap of the arena; then it writes on over what others
// have put there since. It publishes one message at a time, when it is told to.
TEST(HotCacheKill, ShowsNoWrongMessageWhenAStoppedWriterGoesOn) {
  constexpr std::size_t kLongest = 15'000;
  constexpr std::uint64_t kStops = 1000;
  std::mt19937_64 random = dice();
  Publishers publishers(kLongest);
  publishers.start_obedient(1);
  Checker checker(publishers.shared_ring(), kLongest);
  RingWriter writer(2, kLongest, publishers.is_alive());
  for (std::uint64_t i = 1; i <= kStops; ++i) {
    publishers.order();
    spin_for(random() % 8);
    publishers.stop(1);
    const bool had_finished = publishers.obeyed() == i;
    const std::uint64_t laps = std::atomic_ref(publishers.ring().arena_given()).load() +
                               2 * publishers.ring().size().arena_bytes;
    while (std::atomic_ref(publishers.ring().arena_given()).load() < laps) {
      writer.publish(publishers.ring());
    }
    publishers.go_on(1);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (publishers.obeyed() != i && std::chrono::steady_clock::now() < deadline) {
      pause_spinning();
    }
    ASSERT_EQ(publishers.obeyed(), i);
    checker.stopped_inside += had_finished ? 0 : 1;
    checker.read(400);
  }
  std::cout << kStops << " stops, " << checker.stopped_inside << " of them in publish, "
            << checker.messages << " messages read, " << checker.missed << " payloads missed, "
            << checker.gaps << " gaps, " << checker.wrong << " wrong" << std::endl;
  EXPECT_EQ(checker.wrong, 0U);
  EXPECT_GT(checker.stopped_inside, kStops / 20);
  EXPECT_GT(checker.messages, kStops);
}

TEST(HotCacheKill, CostsOneWakeWhenASleeperDies) {
  const std::shared_ptr<HotRing> ring = make_ring();
  const pid_t sleeper = ::fork();
  if (sleeper == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::atomic_ref<std::uint32_t>(ring->sleepers()).exchange(1);
    while (true) wait_futex(ring->sleepers(), 1, std::chrono::minutes(1));
  }
  const std::atomic_ref<std::uint32_t> flag(ring->sleepers());
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (flag.load() == 0 && std::chrono::steady_clock::now() < deadline) pause_spinning();
  ASSERT_EQ(flag.load(), 1U);
  ::kill(sleeper, SIGKILL);
  ::waitpid(sleeper, nullptr, 0);
  RingWriter writer(2, 100);
  writer.publish(*ring);
  EXPECT_EQ(flag.load(), 0U);  // from here on nobody is woken
}

// Senders of durable messages killed at random, a ring that is lapped all the time: the tail tells
// each message that is in the queue once, and each sender's in order.
TEST(HotCacheKill, KeepsATailWholeWhileSendersDie) {
  const std::uint64_t rounds = from_environment("SPOOLMQ_KILLS", 150);
  std::mt19937_64 random = dice();
  TemporaryRoot place;
  Root root = Root::open(place.path());
  Settings settings;
  settings.hot_cache = 64 << 10;
  root.create_queue("q", settings);
  const std::string log = place.path() + "/events";
  ::close(::open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  OpenOptions options;
  options.observer = true;
  Queue queue = root.open_queue("q", options);
  Tail tail = queue.tail();
  constexpr std::uint64_t kEverything = ~std::uint64_t{0};
  std::map<MessageId, int> told;
  std::map<std::string, std::uint64_t> last;  // number told, by sender
  const auto listen = [&](std::uint64_t most) {
    for (std::uint64_t i = 0; i < most; ++i) {
      const TailMessage* const message = tail.wait(Milliseconds{100});
      if (message == nullptr) return;
      ++told[message->id()];
      const std::string* const token = message->message().header("token");
      ASSERT_NE(token, nullptr);
      const auto dash = token->rfind('-');
      const std::string sender = token->substr(0, dash);
      if (sender == "dedupe") continue;
      const std::uint64_t number = std::stoull(token->substr(dash + 1));
      EXPECT_GT(number, last[sender]) << *token;
      last[sender] = number;
    }
  };
  std::uint64_t started = 0;
  const auto start = [&] {
    return Process(driver({"produce", place.path(), "q", log, "p" + std::to_string(++started),
                           std::to_string(random())}));
  };
  std::vector<Process> senders;
  for (int i = 0; i < 3; ++i) senders.push_back(start());
  for (std::uint64_t i = 0; i < rounds; ++i) {
    spin_for(random() % 20'000);
    if (random() % 3 == 0) listen(random() % 100);
    Process& victim = senders[random() % senders.size()];
    victim.kill();
    victim = start();
  }
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  // Whatever the kills left of it, the ring carries what living senders say: by chance the tail may
  // have been behind all the time so far.
  while (tail.counts().from_hot_cache == 0 && std::chrono::steady_clock::now() < deadline) {
    listen(100);
  }
  for (Process& sender : senders) sender.kill();
  std::set<MessageId> there;
  do {
    listen(kEverything);
    ScanOptions all;
    there.clear();
    for (auto page = queue.scan(all); !page.empty(); page = queue.scan(all)) {
      for (const MessageStatus& one : page) there.insert(one.id);
      all.after_sequence = page.back().sequence;
    }
    queue.sweep();
  } while (there.size() > told.size() && std::chrono::steady_clock::now() < deadline);
  const TailCounts counts = tail.counts();
  std::cout << rounds << " kills, " << there.size() << " messages, " << counts.from_hot_cache
            << " from the hot cache, " << counts.from_disk << " from disk, " << counts.gaps
            << " gaps" << std::endl;
  for (const auto& [id, times] : told) EXPECT_EQ(times, 1) << id.text();
  for (const MessageId& id : there) EXPECT_TRUE(told.contains(id)) << id.text();
  EXPECT_EQ(told.size(), there.size());
  EXPECT_GT(counts.from_hot_cache, 0U);
  EXPECT_GT(counts.from_disk, 0U);
}

}  // namespace
}  // namespace spoolmq::test
