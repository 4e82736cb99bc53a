// What a queue counts from the day its index was made: by all processes, and each thing once.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/checked_vfs.h"
#include "store/index.h"
#include "store/index_schema.h"
#include "store/sync_meter.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;

Settings patient() {
  Settings settings;
  settings.backoff = 0ms;
  return settings;
}

class Totals : public ::testing::Test {
 protected:
  Queue& queue() { return world_.queue(); }
  QueueTotals totals() { return queue().stats().totals; }
  // Deleted under it: the next transaction makes a new one.
  void lose_index() {
    const auto dir = world_.queue_dir();
    ASSERT_TRUE(dir->unlink("index." + std::to_string(queue().stats().generation) + ".db"));
  }

  StoreWorld world_{patient()};
};

TEST_F(Totals, CountEachMessageSentOnceHoweverItWasSent) {
  queue().send(text("own file"));
  queue().send_batch({text("1"), text("2"), text("3")});
  SendOptions xml;
  xml.format = Format::kXml;
  queue().send(text("xml"), xml);
  Message large = text("");
  large.body = std::string(11 << 20, 'x');
  queue().send(std::move(large));
  EXPECT_EQ(totals().sent, 6);
}

TEST_F(Totals, DoNotCountADuplicate) {
  Message once = text("x");
  once.dedupe_key = "k";
  queue().send(once);
  EXPECT_TRUE(queue().send_batch({once}).front().duplicate);
  EXPECT_EQ(totals().sent, 1);
}

TEST_F(Totals, CountAnAcknowledgementOnce) {
  queue().send_batch({text("1"), text("2")});
  const Receipt receipt = queue().receive()->detach();
  for (int i = 0; i < 2; ++i) queue().ack(std::span(&receipt, 1));
  queue().receive()->release();
  EXPECT_EQ(totals().acked, 1);
  EXPECT_EQ(totals().failures, 0);
}

TEST_F(Totals, CountWhatAnArchiveKeepsAsAcknowledgedOnce) {
  const std::vector<SettingText> archive{{"archive", "1m"}};
  queue().configure(archive);
  queue().send(text("x"));
  take(queue());
  world_.clock().advance(2min);
  queue().maintain();
  EXPECT_EQ(count(queue(), State::kArchived), 0);
  EXPECT_EQ(totals().acked, 1);
}

TEST_F(Totals, CountNacksRejectsAndLeasesThatAreOverAsFailures) {
  queue().send_batch({text("nacked"), text("expired"), text("rejected")});
  queue().receive()->nack("later", 1h);
  EXPECT_EQ(totals().failures, 1);
  static_cast<void>(queue().receive()->detach());
  queue().receive()->reject("bad");
  EXPECT_EQ(totals().failures, 2);
  EXPECT_EQ(totals().dead, 1);
  world_.clock().advance(30s);
  EXPECT_TRUE(queue().receive());
  EXPECT_EQ(totals().failures, 3);
}

TEST_F(Totals, CountAsDeadWhatFailedTooOftenOrExpiredAndNothingTwice) {
  const std::vector<SettingText> strict{{"max-failures", "1"}, {"max-redrives", "0"}};
  queue().configure(strict);
  const MessageId id = queue().send(text("fails"));
  queue().receive()->nack("no");
  Message brief = text("expires");
  brief.expires_at_ms = world_.clock().wall_ms() + 1000;
  queue().send(brief);
  world_.clock().advance(1s);
  EXPECT_FALSE(queue().receive());
  EXPECT_EQ(totals().dead, 2);
  // Refused: it stays dead.
  EXPECT_EQ(queue().requeue(std::span(&id, 1)).skipped_other, 1U);
  EXPECT_EQ(totals().dead, 2);
  EXPECT_EQ(totals().failures, 1);
}

TEST_F(Totals, AreOneForAllHandles) {
  Queue other = world_.open();
  other.send(text("1"));
  queue().send(text("2"));
  take(other);
  take(queue());
  EXPECT_EQ(totals().sent, 2);
  EXPECT_EQ(other.stats().totals.acked, 2);
}

TEST_F(Totals, SurviveClosingAndAPowerCut) {
  queue().send_batch({text("1"), text("2"), text("3")});
  take(queue());
  world_.reopen();
  EXPECT_EQ(totals().sent, 3);
  take(queue());
  queue().send(text("4"));
  static_cast<void>(queue().receive()->detach());
  world_.power_cut(1min);
  EXPECT_EQ(totals().sent, 4);  // recovery looked at every file, and met no new message
  EXPECT_EQ(totals().acked, 2);
  EXPECT_EQ(totals().failures, 1);  // the lease that ended with the boot
}

TEST_F(Totals, BeginAgainWithARebuild) {
  queue().send_batch({text("1"), text("2")});
  take(queue());
  lose_index();
  EXPECT_EQ(count(queue(), State::kReady), 2);
  EXPECT_EQ(totals().sent, 0);
  EXPECT_EQ(totals().acked, 0);
  EXPECT_EQ(totals().syncs, 1);  // the acknowledgement's, which nobody was told of before
  queue().send(text("3"));
  take(queue());
  EXPECT_EQ(totals().sent, 1);
  EXPECT_EQ(totals().acked, 1);
}

// ---- Syncs

class Syncs : public Totals {
 protected:
  Syncs() {
    // Each takes so long as far as the clock can tell.
    world_.disk().set_filter([this](const Operation& operation) {
      if (operation.kind == OperationKind::kSync) world_.clock().advance(file_);
      if (operation.kind == OperationKind::kSyncDir) world_.clock().advance(dir_);
      return Verdict::kDo;
    });
  }
  ~Syncs() override { world_.disk().set_filter({}); }
  void expect(const QueueTotals& found, std::int64_t syncs, std::int64_t sync_us) {
    EXPECT_EQ(found.syncs, syncs);
    EXPECT_EQ(found.sync_us, sync_us);
  }

  Milliseconds file_{5};
  Milliseconds dir_{2};
};

TEST_F(Syncs, AreTimedWhereASendOrAnAckWaitsForThem) {
  queue().send(text("own file"));  // the file, its directory
  expect(totals(), 2, 7'000);
  queue().send_batch({text("1"), text("2")});  // a segment, its directory
  expect(totals(), 4, 14'000);
  queue().send_batch({text("3"), text("4")});  // the segment
  expect(totals(), 5, 19'000);
  file_ = 9ms;
  take(queue());  // the index's log
  expect(totals(), 6, 28'000);
  EXPECT_EQ(totals().longest_sync_us, 9'000);
}

TEST_F(Syncs, OfALargeBodyAreTimed) {
  Message large = text("");
  large.body = std::string(11 << 20, 'x');
  queue().send(large);
  expect(totals(), 3, 12'000);
  std::size_t left = large.body.size();
  queue().send_stream({}, [&](std::span<char> into) {
    const std::size_t count = std::min(into.size(), left);
    left -= count;
    return count;
  });
  expect(totals(), 6, 24'000);
}

TEST_F(Syncs, AreNoneWhereDurabilityIsOs) {
  SendOptions os;
  os.durability = Durability::kOs;
  queue().send(text("x"), os);
  queue().send_batch({text("1"), text("2")}, os);
  EXPECT_EQ(totals().syncs, 0);
}

TEST_F(Syncs, AreToldToOthersWithTheNextChangeAndAtTheEnd) {
  Queue other = world_.open();
  other.send(text("x"));
  expect(totals(), 2, 7'000);
  take(other);
  expect(totals(), 2, 7'000);
  expect(other.stats().totals, 3, 12'000);
  other.close();  // with one more, before it removes the file
  expect(totals(), 4, 17'000);
}

TEST_F(Syncs, AreToldAtTheEndAlsoByOneWhoHasNothingElseToDo) {
  queue().send(text("x"));
  Queue other = world_.open();
  ReceiveOptions timed;
  timed.kind = LeaseKind::kTimed;
  static_cast<void>(other.receive(timed)->detach());
  const QueueTotals own = other.stats().totals;
  EXPECT_EQ(own.syncs, 3);
  EXPECT_EQ(totals().syncs, 2);
  other.close();
  expect(totals(), own.syncs, own.sync_us);
}

TEST_F(Syncs, AreToldOnce) {
  queue().send(text("x"));
  take(queue());
  expect(totals(), 3, 12'000);
  for (int i = 0; i < 3; ++i) queue().hold({}, "");
  world_.reopen();
  EXPECT_EQ(world_.open().stats().totals.syncs, totals().syncs);
  const QueueTotals before = totals();
  world_.reopen();
  expect(totals(), before.syncs, before.sync_us);
}

TEST_F(Syncs, LeaveNothingInTheLogOfOneWhoOnlyLooks) {
  queue().send(text("x"));
  take(queue());
  const auto log_bytes = [this] { return world_.queue_dir()->status("index.1.db-wal")->size; };
  const std::uint64_t before = log_bytes();
  for (int i = 0; i < 3; ++i) static_cast<void>(queue().scan({}));
  EXPECT_EQ(totals().syncs, 3);
  EXPECT_EQ(log_bytes(), before);
}

TEST(SyncMeter, KeepsWhatCameAfterItWasRead) {
  FakeClock clock;
  SyncMeter meter(clock);
  meter.time([&] { clock.advance(4ms); });
  const SyncMeter::Reading told = meter.read();
  meter.time([&] { clock.advance(3ms); });
  meter.forget(told);
  EXPECT_EQ(meter.read().syncs, 1);
  EXPECT_EQ(meter.read().total_us, 3'000);
  meter.forget(meter.read());
  EXPECT_EQ(meter.read().longest_us, 0);
}

TEST(SyncMeter, DoesNotCountASyncThatFailed) {
  FakeClock clock;
  SyncMeter meter(clock);
  EXPECT_THROW(meter.time([] { throw Error(ErrorCode::kIo, "sync", "x", "no"); }), Error);
  EXPECT_EQ(meter.read().syncs, 0);
}

// ---- Other processes

// A process that does `act` with the queue and is gone without a word.
void elsewhere(const std::string& root, const std::function<void(Queue&)>& act) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    OpenOptions options = StoreWorld::no_thread();
    Queue queue = Root::open(root).open_queue("q", options);
    act(queue);
    ::_exit(0);
  }
  int status = 1;
  ::waitpid(pid, &status, 0);
  ASSERT_EQ(status, 0);
}

TEST(TotalsOfTheDead, CountWhatAProcessThatDiedHadSentAndHeld) {
  StoreWorld world(patient(), On::kDisk);
  elsewhere(world.path(), [](Queue& queue) {
    for (int i = 0; i < 5; ++i) queue.send(text("x"));
    queue.receive()->ack();
    static_cast<void>(queue.receive()->detach());
  });
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(world.queue().receive());
  const QueueTotals totals = world.queue().stats().totals;
  EXPECT_EQ(totals.sent, 5);
  EXPECT_EQ(totals.acked, 1);
  EXPECT_EQ(totals.failures, 1);
  EXPECT_GE(totals.syncs, 5);
  EXPECT_GE(totals.sync_us, totals.longest_sync_us);
  EXPECT_GT(totals.longest_sync_us, 0);
}

// ---- The table

TEST(IndexVersion, IsThreeAndAnotherIsRebuilt) {
  EXPECT_EQ(kIndexVersion, 3);
  StoreWorld world(patient(), On::kDisk);
  world.queue().send_batch({text("1"), text("2")});
  const std::uint64_t generation = world.queue().stats().generation;
  const std::string name = "index." + std::to_string(generation) + ".db";
  const std::string path = world.path() + "/queues/q/" + name;
  world.queue().close();
  for (const char* const change :
       {"UPDATE q SET version=2;", "ALTER TABLE q DROP COLUMN longest_us;"}) {
    Db(path, checked_vfs(nullptr)).execute(change);
    Index index(world.queue_dir());
    try {
      index.open(generation, 0);
      ADD_FAILURE() << change;
    } catch (const SqliteError& error) {
      EXPECT_TRUE(error.index_is_doubtful());
      EXPECT_EQ(error.why(), "not of this version") << change;
    }
  }
  world.reopen();
  EXPECT_EQ(drain(world.queue()), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(world.queue().stats().generation, generation + 1);
}

}  // namespace
}  // namespace spoolmq::test
