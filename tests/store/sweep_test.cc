// Sweeping: what time and death do to a queue at which nobody waits.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/names.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;

OpenOptions observing() {
  OpenOptions options = StoreWorld::no_thread();
  options.observer = true;
  return options;
}

Settings patient() {
  Settings settings;
  settings.backoff = 0ms;
  return settings;
}

class Sweep : public ::testing::Test {
 protected:
  StateCount dead() { return sweeper_.stats().of(State::kDead); }
  // Until it finds nothing more to do; the reads of an idle one count as operations, too.
  void settle() {
    for (int i = 0; i < 10; ++i) {
      world_.clock().advance(1100ms);
      sweeper_.sweep();
    }
  }

  StoreWorld world_{patient()};
  Queue sweeper_ = world_.open("q", observing());
};

TEST_F(Sweep, ReturnsALeaseThatIsOver) {
  world_.queue().send(text("x"));
  ReceiveOptions brief;
  brief.lease = 1s;
  brief.kind = LeaseKind::kTimed;
  static_cast<void>(world_.queue().receive(brief)->detach());
  sweeper_.sweep();
  EXPECT_EQ(count(sweeper_, State::kLeased), 1);
  world_.clock().advance(1s);
  sweeper_.sweep();
  EXPECT_EQ(sweeper_.scan({}).at(0).state, State::kReady);
  EXPECT_EQ(sweeper_.scan({}).at(0).counters.failures, 1);
}

TEST_F(Sweep, MakesReadyWhatIsDue) {
  Message later = text("x");
  later.not_before_ms = world_.clock().wall_ms() + 10'000;
  world_.queue().send(later);
  sweeper_.sweep();
  EXPECT_EQ(sweeper_.scan({}).at(0).state, State::kDelayed);
  world_.clock().advance(9999ms);
  sweeper_.sweep();
  EXPECT_EQ(sweeper_.scan({}).at(0).state, State::kDelayed);
  world_.clock().advance(1ms);
  sweeper_.sweep();
  EXPECT_EQ(sweeper_.scan({}).at(0).state, State::kReady);
}

TEST_F(Sweep, SendsWhatExpiredToTheDead) {
  Message brief = text("x");
  brief.expires_at_ms = world_.clock().wall_ms() + 300;
  world_.queue().send(brief);
  sweeper_.sweep();
  EXPECT_EQ(dead().messages, 0);
  world_.clock().advance(300ms);
  sweeper_.sweep();
  EXPECT_EQ(sweeper_.scan({}).at(0).reason, "expired");
}

TEST_F(Sweep, WritesTheVerdictOfWhatExpired) {
  Message brief = text("x");
  brief.expires_at_ms = world_.clock().wall_ms() + 300;
  world_.queue().send(brief);
  world_.clock().advance(300ms);
  sweeper_.sweep();
  const auto verdicts = world_.queue_dir()->status("verdicts.log");
  ASSERT_TRUE(verdicts);
  EXPECT_GT(verdicts->size, 0U);
}

TEST_F(Sweep, MovesThousandsThatAreDueAtOnce) {
  std::vector<Message> many(3500);
  for (Message& one : many) one.not_before_ms = world_.clock().wall_ms() + 1000;
  world_.queue().send_batch(std::move(many));
  world_.clock().advance(1s);
  sweeper_.sweep();
  EXPECT_EQ(count(sweeper_, State::kReady), 3500);
}

TEST_F(Sweep, RemovesWhatWasAcknowledgedASecondAgo) {
  Queue& consumer = world_.queue();
  consumer.send(text("x"));
  consumer.receive()->ack();
  sweeper_.sweep();
  EXPECT_EQ(world_.spool_files().size(), 1U);  // a repeated ack is still answered
  world_.clock().advance(1100ms);
  sweeper_.sweep();
  EXPECT_TRUE(world_.spool_files().empty());
}

TEST_F(Sweep, RemovesAnArchivedMessageWhenItsTimeIsOver) {
  const SettingText archive[] = {{"archive", "1h"}};
  world_.queue().configure(archive);
  world_.queue().send(text("x"));
  world_.queue().receive()->ack();
  settle();
  EXPECT_EQ(count(sweeper_, State::kArchived), 1);
  world_.clock().advance(1h);
  settle();
  EXPECT_EQ(total(sweeper_), 0);
  EXPECT_TRUE(world_.spool_files().empty());
}

// Sweeps by one thread, as the twin counts: reads are free, whatever changes the disk is counted.
TEST_F(Sweep, ChangesNothingWhereNothingHappens) {
  Queue& queue = world_.queue();
  for (int i = 0; i < 5; ++i) queue.send(text("ready"));
  static_cast<void>(queue.receive()->detach());
  queue.receive()->reject();
  queue.receive()->ack();
  settle();
  const std::uint64_t before = world_.disk().operations();
  world_.clock().advance(250ms);
  sweeper_.sweep();
  EXPECT_EQ(world_.disk().operations(), before);
}

TEST_F(Sweep, WatchesSoThatOthersNeedNot) {
  sweeper_.sweep();
  const auto lock = world_.queue_dir()->open("lock", Access::kReadWrite);
  constexpr std::uint64_t kByteWatch = 4098;
  EXPECT_TRUE(lock->is_locked_by_another(kByteWatch, 1));
  sweeper_.close();
  EXPECT_FALSE(lock->is_locked_by_another(kByteWatch, 1));
}

TEST_F(Sweep, LooksNowAndThenWhateverTheHeaderSays) {
  world_.queue().send(text("x"));
  settle();
  ReceiveOptions brief;
  brief.lease = 1s;
  brief.kind = LeaseKind::kTimed;
  const auto lock = world_.queue_dir()->open("lock", Access::kReadWrite);
  std::byte before[64];
  lock->read_at(before, 0);
  static_cast<void>(world_.queue().receive(brief)->detach());
  lock->write_at(before, 0);  // as if its writer had died between commit and header
  world_.clock().advance(6s);
  sweeper_.sweep();
  EXPECT_EQ(sweeper_.scan({}).at(0).state, State::kReady);
}

TEST_F(Sweep, HearsOfWhatOthersChangedSinceTheLast) {
  settle();
  world_.clock().advance(5s);
  sweeper_.sweep();  // has looked just now
  Message later = text("x");
  later.not_before_ms = world_.clock().wall_ms() + 300;
  world_.queue().send(later);
  sweeper_.sweep();
  world_.clock().advance(300ms);
  sweeper_.sweep();
  EXPECT_EQ(sweeper_.scan({}).at(0).state, State::kReady);
}

TEST_F(Sweep, RefusesOnceTheQueueWasRemoved) {
  sweeper_.sweep();
  world_.reopen();
  world_.root().remove_queue("q");
  EXPECT_EQ(refusal([&] { sweeper_.sweep(); }), ErrorCode::kNotFound);
  EXPECT_EQ(refusal([&] { sweeper_.close(); }), std::nullopt);
}

// ---- Observers

TEST_F(Sweep, ObserversDoNotKeepAQueueFromBeingRemoved) {
  sweeper_.sweep();
  static_cast<void>(world_.queue());
  EXPECT_EQ(refusal([&] { world_.root().remove_queue("q"); }), ErrorCode::kTryAgain);
  world_.reopen();
  world_.root().remove_queue("q");
  EXPECT_FALSE(world_.root().has_queue("q"));
}

TEST_F(Sweep, ObserversNeitherSendNorReceive) {
  world_.queue().send(text("x"));
  EXPECT_EQ(refusal([&] { sweeper_.send(text("y")); }), ErrorCode::kUsage);
  EXPECT_EQ(refusal([&] { static_cast<void>(sweeper_.receive()); }), ErrorCode::kUsage);
  EXPECT_EQ(count(sweeper_, State::kReady), 1);
}

TEST_F(Sweep, ARemovedQueueIsNotMadeAnewByWhoHadItOpen) {
  sweeper_.sweep();
  world_.reopen();
  world_.root().remove_queue("q");
  world_.root().create_queue("q");
  world_.queue().send(text("new"));
  EXPECT_EQ(refusal([&] { static_cast<void>(sweeper_.stats()); }), ErrorCode::kNotFound);
  sweeper_.close();
  EXPECT_EQ(take(world_.queue()), "new");
}

// Between the new name and the last unlink the index is gone from its place, but not to be rebuilt.
TEST_F(Sweep, AQueueThatIsBeingRemovedIsLeftAlone) {
  world_.queue().send(text("x"));
  sweeper_.sweep();
  const auto queues = world_.disk().root()->open_dir("queues");
  const auto dir = queues->open_dir("q");
  queues->rename_over("q", *queues, ".removed-1");
  dir->unlink("lock");
  EXPECT_EQ(refusal([&] { static_cast<void>(sweeper_.stats()); }), ErrorCode::kNotFound);
  EXPECT_FALSE(dir->status("index.2.db"));
  EXPECT_FALSE(dir->status("corrupt"));
}

// ---- Other processes

// A child that does `act` with a queue of its own, says so, and lives until it is killed.
class Holder {
 public:
  Holder(const std::string& root, const std::function<void(Queue&)>& act) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      Queue queue = Root::open(root).open_queue("q");
      act(queue);
      static_cast<void>(!::write(ends[1], "x", 1));
      while (true) ::pause();
    }
    ::close(ends[1]);
    char byte = 0;
    started = ::read(ends[0], &byte, 1) == 1;
    ::close(ends[0]);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { kill(); }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  bool started = false;

 private:
  pid_t pid_ = 0;
};

class SweepOfTheDead : public ::testing::Test {
 protected:
  OpenOptions watching() {
    OpenOptions options = observing();
    options.clock = std::make_shared<SystemClock>();
    return options;
  }
  StoreWorld world_{patient(), On::kDisk};
};

TEST_F(SweepOfTheDead, ReturnsWhatAKilledHolderHadOnLease) {
  Holder holder(world_.path(), [](Queue& queue) {
    queue.send(text("x"));
    static_cast<void>(queue.receive()->detach());
  });
  ASSERT_TRUE(holder.started);
  Queue sweeper = world_.open("q", watching());
  sweeper.sweep();
  EXPECT_EQ(sweeper.scan({}).at(0).state, State::kLeased);
  holder.kill();
  sweeper.sweep();
  EXPECT_EQ(sweeper.scan({}).at(0).state, State::kReady);
}

TEST_F(SweepOfTheDead, IndexesWhatAKilledSenderHadConfirmed) {
  Holder sender(world_.path(), [](Queue& queue) {
    for (int i = 0; i < 300; ++i) queue.send(text("x"));
  });
  ASSERT_TRUE(sender.started);
  sender.kill();
  Queue sweeper = world_.open("q", watching());
  sweeper.sweep();
  EXPECT_EQ(count(sweeper, State::kReady), 300);
}

// What a killed process had named before it had its final name.
TEST_F(SweepOfTheDead, RemovesTheTemporariesOfAKilledSender) {
  Holder sender(world_.path(), [&](Queue& queue) {
    const std::string path = world_.path() + "/given";
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (::ftruncate(fd, 20 << 20) != 0) ::_exit(1);
    queue.send_file({}, fd, BodyFile::kTakeTrusted);
  });
  ASSERT_TRUE(sender.started);
  const std::string shard = world_.spool_files().at(0).substr(0, 2);
  std::byte incarnation[8];
  world_.queue_dir()->open("handles", Access::kRead)->read_at(incarnation, 0);
  const std::string name =
      names::temporary(load_le<std::uint64_t>(std::span<const std::byte>(incarnation), 0), 99);
  const auto messages = world_.queue_dir()->open_dir("msgs")->open_dir(shard);
  messages->create(name, 0600, IfExists::kFail);
  Queue sweeper = world_.open("q", watching());
  sweeper.sweep();
  EXPECT_TRUE(messages->status(name));
  sender.kill();
  sweeper.sweep();
  EXPECT_FALSE(messages->status(name));
  EXPECT_EQ(count(sweeper, State::kReady), 1);
}

}  // namespace
}  // namespace spoolmq::test
