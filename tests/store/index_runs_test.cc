// Statements that speak of many rows at once, beside what the rows themselves say.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "store/index.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

constexpr Now kNow{1'800'000'000'000, 1'000'000};
constexpr int kEntries = 45;  // two statements of sixteen, and what is left

class IndexRuns : public ::testing::Test {
 protected:
  IndexRuns() {
    static_cast<void>(world_.queue().stats());
    world_.reopen();
    index_.emplace(world_.queue_dir());
    index_->open(1, 0);
    index_->begin(kNow.wall_ms);
    for (int i = 0; i < kEntries; ++i) {
      Entry entry;
      entry.id = some_id(i);
      entry.at = {some_id(1000), names::SpoolKind::kBinary, static_cast<std::uint64_t>(i) * 100,
                  100};
      entry.size = static_cast<std::uint64_t>(i);
      entries_.push_back(std::move(entry));
    }
  }

  std::set<MessageId> ids(State state) {
    std::set<MessageId> found;
    ScanOptions options;
    options.states = {state};
    for (const Row& row : index_->page(options)) found.insert(row.id);
    return found;
  }
  std::vector<Row> claim(std::size_t max) {
    LeaseRequest request{max, 7, 30'000, {}};
    std::vector<Row> rows;
    for (Index::Claimed& one : index_->claim(request, kNow)) rows.push_back(std::move(one.row));
    return rows;
  }
  static std::set<MessageId> ids_of(std::span<const Row> rows) {
    std::set<MessageId> found;
    for (const Row& row : rows) found.insert(row.id);
    return found;
  }
  std::vector<Receipt> receipts_of(std::span<const Row> rows) {
    std::vector<Receipt> receipts;
    for (const Row& row : rows) receipts.push_back({row.id, row.token});
    return receipts;
  }
  // Looked up together they are what they are one by one; returns how many leases run.
  std::size_t expect_found_together(std::span<const Receipt> receipts, const Now& now = kNow) {
    const std::vector<Index::Found> together = index_->find_leases(receipts, now);
    EXPECT_EQ(together.size(), receipts.size());
    std::size_t running = 0;
    for (std::size_t i = 0; i < together.size(); ++i) {
      const Index::Found single = index_->find_lease(receipts[i], now);
      EXPECT_EQ(together[i].outcome, single.outcome) << i;
      EXPECT_EQ(together[i].row.has_value(), single.row.has_value()) << i;
      if (!together[i].row || !single.row) continue;
      ++running;
      const auto what = [](const Row& row) {
        return std::tuple(row.sequence, row.id, row.state, row.priority, row.file, row.offset,
                          row.length, row.size, row.sent_at_ms, row.due, row.expires_at_ms,
                          row.order_key, row.from.name, row.from.uid, row.from.pid,
                          row.counters.deliveries, row.counters.failures, row.counters.redrives,
                          row.token, row.holder, row.lease_wall_ms, row.lease_length_ms, row.reason,
                          row.flags);
      };
      EXPECT_EQ(what(*together[i].row), what(*single.row)) << i;
    }
    return running;
  }
  // What was counted is what stands in the rows.
  void expect_counted() {
    std::vector<StateCount> counted;
    for (std::size_t state = 1; state < kRowStates; ++state) {
      counted.push_back(index_->count(static_cast<RowState>(state)));
    }
    index_->recount();
    for (std::size_t state = 1; state < kRowStates; ++state) {
      const StateCount now = index_->count(static_cast<RowState>(state));
      EXPECT_EQ(counted[state - 1].messages, now.messages) << state;
      EXPECT_EQ(counted[state - 1].bytes, now.bytes) << state;
    }
  }

  StoreWorld world_;
  std::optional<Index> index_;
  std::vector<Entry> entries_;
};

TEST_F(IndexRuns, InsertedTogetherLeaveOutWhatIsThere) {
  for (const std::size_t there : {3U, 16U, 31U, 40U}) {
    ASSERT_TRUE(index_->insert(entries_[there], kNow, {}));
  }
  index_->insert_all(entries_, kNow, {});
  index_->insert_all(entries_, kNow, {});
  EXPECT_EQ(index_->totals().sent, kEntries);
  EXPECT_EQ(index_->count(RowState::kReady).messages, kEntries);
  EXPECT_EQ(ids(State::kReady).size(), static_cast<std::size_t>(kEntries));
  expect_counted();
  index_->prepare_commit();
  index_->commit();
  index_->begin(kNow.wall_ms);
  EXPECT_EQ(index_->find_file(some_id(1000))->live, kEntries);
}

TEST_F(IndexRuns, TheSameIdTwiceIsOneRow) {
  entries_[9].id = entries_[4].id;
  index_->insert_all(entries_, kNow, {});
  EXPECT_EQ(index_->totals().sent, kEntries - 1);
  EXPECT_EQ(index_->find(entries_[4].id)->offset, 400U);
  expect_counted();
}

TEST_F(IndexRuns, InsertedTogetherKeepTheirOrderAndTheirKeys) {
  for (const std::size_t keyed : {2U, 5U, 20U, 41U}) entries_[keyed].order_key = "k";
  index_->insert_all(entries_, kNow, {});
  EXPECT_EQ(index_->count(RowState::kBehind).messages, 3);
  const std::vector<Row> rows = claim(100);
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(kEntries - 3));
  EXPECT_TRUE(std::ranges::is_sorted(rows, {}, &Row::offset));
  expect_counted();
}

TEST_F(IndexRuns, AClaimLeasesWhatItReturnsAndNothingElse) {
  for (std::size_t i = 0; i < entries_.size(); ++i) entries_[i].priority = i % 7 == 3 ? 200 : 100;
  index_->insert_all(entries_, kNow, {});
  const std::vector<Row> rows = claim(20);
  ASSERT_EQ(rows.size(), 20U);
  EXPECT_EQ(ids(State::kLeased), ids_of(rows));
  for (const Row& row : rows) {
    const std::optional<Row> there = index_->find(row.id);
    ASSERT_TRUE(there);
    EXPECT_EQ(there->token, row.token);
    EXPECT_EQ(there->holder, 7U);
    EXPECT_EQ(there->due, kNow.boot_ms + 30'000);
    EXPECT_EQ(there->counters.deliveries, 1);
  }
  expect_counted();
}

TEST_F(IndexRuns, AcknowledgedTogetherAreThoseAndNothingElse) {
  index_->insert_all(entries_, kNow, {});
  std::vector<Row> rows = claim(40);
  ASSERT_EQ(rows.size(), 40U);
  std::vector<Row> some(rows.begin() + 5, rows.begin() + 15);
  some.insert(some.end(), rows.begin() + 30, rows.begin() + 32);
  std::swap(some.front(), some.back());
  index_->ack_leased(some, kNow, 0);
  EXPECT_EQ(index_->count(RowState::kAcked).messages, 12);
  EXPECT_EQ(index_->totals().acked, 12);
  std::set<MessageId> left = ids_of(rows);
  for (const Row& row : some) left.erase(row.id);
  EXPECT_EQ(ids(State::kLeased), left);
  expect_counted();
  for (const Row& row : some) {
    const Receipt receipt{row.id, row.token};
    EXPECT_EQ(index_->find_lease(receipt, kNow).outcome, LeaseOutcome::kRepeated);
  }
}

TEST_F(IndexRuns, LeasesFoundTogetherAreWhatTheyAreOneByOne) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    entries_[i].priority = i % 11 == 3 ? 200 : 100;
    entries_[i].from = {.uid = 5, .pid = 6, .name = "a sender of a long enough name"};
    entries_[i].expires_at_ms = i % 5 == 0 ? kNow.wall_ms + 60'000 : 0;
  }
  entries_[20].order_key = "k";
  index_->insert_all(entries_, kNow, {});
  // In their order, with gaps between their numbers.
  std::vector<Receipt> receipts = receipts_of(claim(20));
  EXPECT_EQ(expect_found_together(receipts), 20U);
  EXPECT_EQ(expect_found_together(receipts), 20U);  // they are no longer remembered
  // In another order, and among others.
  receipts = receipts_of(claim(10));
  std::ranges::rotate(receipts, receipts.begin() + 4);
  for (const Row& row : claim(10)) receipts.push_back({row.id, row.token});
  std::ranges::reverse(receipts.begin() + 10, receipts.end());
  receipts.insert(receipts.begin() + 5, {some_id(4711), receipts.front().token});
  receipts.push_back({receipts.front().id, receipts.front().token + 2});
  receipts.push_back(receipts.front());
  EXPECT_EQ(expect_found_together(receipts), 21U);
  // One by one, the last first.
  receipts = receipts_of(claim(5));
  for (std::size_t i = receipts.size(); i > 0; --i) {
    EXPECT_EQ(expect_found_together(std::span(receipts).subspan(i - 1, 1)), 1U);
  }
  EXPECT_EQ(expect_found_together({}), 0U);
}

TEST_F(IndexRuns, ALeaseThatChangedIsNotFoundAsItWas) {
  index_->insert_all(entries_, kNow, {});
  std::vector<Row> rows = claim(kEntries);
  const std::vector<Receipt> receipts = receipts_of(rows);
  index_->extend(rows[3], kNow, 90'000);
  index_->extend(rows[4], kNow, 1000);
  index_->ack_leased(std::span(rows).subspan(7, 4), kNow, 0);
  index_->nack(rows[12], kNow, {}, "no", 0, nullptr);
  index_->release(rows[14]);
  index_->remove(rows[16], kNow);
  index_->reject(rows[18], "no", kNow, OrderOnDead::kContinue);
  index_->mark_corrupt(rows[20], "checksum");
  for (const Row& row : claim(2)) EXPECT_NE(row.token, receipts.front().token);
  const Now later{kNow.wall_ms + 2000, kNow.boot_ms + 2000};
  EXPECT_EQ(expect_found_together(receipts, later), receipts.size() - 10);
}

TEST_F(IndexRuns, ALeaseThatIsOverIsNotFound) {
  index_->insert_all(entries_, kNow, {});
  std::vector<Row> rows = claim(kEntries);
  index_->extend(rows[3], kNow, 90'000);
  const Now over{kNow.wall_ms + 30'000, kNow.boot_ms + 30'000};
  EXPECT_EQ(expect_found_together(receipts_of(rows), over), 1U);
}

TEST_F(IndexRuns, ALeaseThatWasRolledBackIsNotFound) {
  index_->insert_all(entries_, kNow, {});
  index_->prepare_commit();
  index_->commit();
  index_->begin(kNow.wall_ms);
  const std::vector<Receipt> receipts = receipts_of(claim(20));
  index_->rollback();
  index_->begin(kNow.wall_ms);
  EXPECT_EQ(expect_found_together(receipts), 0U);
  EXPECT_EQ(expect_found_together(receipts_of(claim(20))), 20U);
}

TEST_F(IndexRuns, OldLeasesAreForgottenHereAndFoundAllTheSame) {
  std::vector<Receipt> receipts;
  for (int batch = 0; batch < 250; ++batch) {
    std::vector<Entry> entries = entries_;
    int number = 10'000 + batch * kEntries;
    for (Entry& entry : entries) entry.id = some_id(number++);
    index_->insert_all(entries, kNow, {});
    for (const Row& row : claim(kEntries)) receipts.push_back({row.id, row.token});
  }
  EXPECT_EQ(expect_found_together(receipts), receipts.size());
}

TEST_F(IndexRuns, SettledYoungAreKeptForTheirSecondAndThenGo) {
  index_->insert_all(entries_, kNow, {});
  std::vector<Row> rows = claim(kEntries);
  index_->ack_leased(std::span(rows).first(20), kNow, 0);
  const std::int64_t file = rows.front().file;
  const Now later{kNow.wall_ms + Index::kRepeatedAckMs, kNow.boot_ms + Index::kRepeatedAckMs};
  index_->ack_leased(std::span(rows).subspan(25, 10), later, 0);
  index_->settle(index_->settled_in(file, 100), later);
  EXPECT_EQ(index_->count(RowState::kAcked).messages, 0);
  EXPECT_EQ(index_->count(RowState::kGone).messages, 10);
  EXPECT_FALSE(index_->find(rows[0].id));
  EXPECT_TRUE(index_->find(rows[25].id));
  expect_counted();
  EXPECT_EQ(index_->drop_gone(later, 100), 0U);
  const Now last{later.wall_ms + Index::kRepeatedAckMs, later.boot_ms + Index::kRepeatedAckMs};
  EXPECT_EQ(index_->drop_gone(last, 7), 7U);
  EXPECT_EQ(index_->drop_gone(last, 100), 3U);
  EXPECT_EQ(ids(State::kLeased).size(), 15U);
  expect_counted();
}

}  // namespace
}  // namespace spoolmq::test
