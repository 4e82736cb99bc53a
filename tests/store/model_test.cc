// Random acts on a queue, each beside the same act on a simple model of DESIGN.md's states.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using Ids = std::vector<MessageId>;

constexpr std::int64_t kLeaseMs = 5'000;
constexpr std::int64_t kMaxFailures = 3;
constexpr std::int64_t kMaxRedrives = 2;

struct Modelled {
  MessageId id;
  State state = State::kReady;
  std::int64_t order = 0;
  std::int64_t due = 0;      // delayed: wall; leased: boot
  std::int64_t expires = 0;  // wall; 0: never
  int priority = 0;
  std::string key;
  Counters counters;
  std::optional<Receipt> receipt;  // of the running lease
  [[nodiscard]] bool is_live() const { return state <= State::kHeld; }
};

class Model {
 public:
  std::vector<Modelled> messages;

  void add(Modelled one) {
    one.order = next_++;
    messages.push_back(std::move(one));
  }
  Modelled* find(const MessageId& id) {
    for (Modelled& one : messages) {
      if (one.id == id) return &one;
    }
    return nullptr;
  }
  void erase(const MessageId& id) {
    std::erase_if(messages, [&](const Modelled& one) { return one.id == id; });
  }
  [[nodiscard]] bool is_behind(const Modelled& one) const {
    if (one.key.empty()) return false;
    return std::any_of(messages.begin(), messages.end(), [&](const Modelled& other) {
      return other.key == one.key && other.is_live() && other.order < one.order;
    });
  }
  // What a receive does first.
  void move_due(std::int64_t wall, std::int64_t boot) {
    for (Modelled& one : messages) {
      if (one.state == State::kDelayed && one.due <= wall) one.state = State::kReady;
      if (one.state == State::kLeased && one.due <= boot) fail(one, 0, wall);
    }
    for (Modelled& one : messages) {
      const bool waits = one.state == State::kReady || one.state == State::kDelayed;
      if (waits && one.expires != 0 && one.expires <= wall) one.state = State::kDead;
    }
  }
  Modelled* next() {
    Modelled* best = nullptr;
    for (Modelled& one : messages) {
      if (one.state != State::kReady || is_behind(one)) continue;
      const bool better = best == nullptr || one.priority > best->priority ||
                          (one.priority == best->priority && one.order < best->order);
      if (better) best = &one;
    }
    return best;
  }
  static void fail(Modelled& one, std::int64_t delay, std::int64_t wall) {
    one.receipt.reset();
    one.counters.failures += 1;
    if (one.counters.failures >= kMaxFailures) {
      one.state = State::kDead;
    } else {
      one.state = delay > 0 ? State::kDelayed : State::kReady;
      one.due = wall + delay;
    }
  }
  void hold(Modelled& one) {
    if (!one.is_live()) one.order = next_++;
    one.state = State::kHeld;
  }
  void requeue(Modelled& one) {
    one.order = next_++;
    one.state = State::kReady;
    one.counters.failures = 0;
    one.counters.redrives += 1;
    one.expires = 0;
  }

 private:
  std::int64_t next_ = 1;
};

class Player {
 public:
  explicit Player(std::uint32_t seed) : random_(seed) {
    Settings settings;
    settings.lease = Milliseconds{kLeaseMs};
    settings.max_failures = kMaxFailures;
    settings.max_redrives = kMaxRedrives;
    world_.emplace(settings);
    sender_.emplace(world_->open());
  }

  void play(int acts) {
    for (int i = 0; i < acts && !::testing::Test::HasFailure(); ++i) {
      act();
      if (i % 40 == 0) compare();
    }
    compare();
    EXPECT_TRUE(queue().fsck(FsckMode::kLook).empty());
  }

 private:
  Queue& queue() { return world_->queue(); }
  std::int64_t wall() { return world_->clock().wall_ms(); }
  std::int64_t boot() { return world_->clock().boot_ms(); }
  int upto(int most) { return std::uniform_int_distribution<int>(0, most)(random_); }

  void act() {
    const int dice = upto(99);
    if (dice < 25) return send();
    if (dice < 50) return receive();
    if (dice < 75) return settle();
    if (dice < 90) return fix();
    if (dice < 96) return world_->clock().advance(Milliseconds{upto(3000)});
    if (dice < 98) return queue().maintain();
    if (dice < 99) return world_->reopen();
    sender_.reset();
    sender_.emplace(world_->open());
  }

  void send() {
    std::vector<Message> batch(static_cast<std::size_t>(1 + (upto(4) == 0 ? upto(5) : 0)));
    std::vector<Modelled> expected(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      Message& message = batch[i];
      Modelled& model = expected[i];
      message = text("x");
      model.priority = message.priority = static_cast<std::uint16_t>(upto(2));
      if (upto(1) == 0)
        model.key = message.order_key = std::string(1, static_cast<char>('a' + upto(3)));
      if (upto(4) == 0) {
        model.state = State::kDelayed;
        model.due = message.not_before_ms = wall() + 1 + upto(5000);
      }
      if (upto(5) == 0) model.expires = message.expires_at_ms = wall() + 1 + upto(9000);
    }
    SendOptions options;
    if (upto(5) == 0) options.format = Format::kXml;
    const auto results = sender_->send_batch(batch, options);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      expected[i].id = results[i].id;
      model_.add(expected[i]);
    }
  }

  void receive() {
    ReceiveOptions options;
    options.kind = LeaseKind::kTimed;  // outlives the handle that reopen() closes
    model_.move_due(wall(), boot());
    Modelled* const expected = model_.next();
    auto delivery = queue().receive(options);
    ASSERT_EQ(delivery.has_value(), expected != nullptr);
    if (!delivery) return;
    ASSERT_EQ(delivery->message().id, expected->id);
    expected->state = State::kLeased;
    expected->due = boot() + kLeaseMs;
    expected->counters.deliveries += 1;
    expected->receipt = delivery->detach();
    receipts_.push_back(*expected->receipt);
  }

  void settle() {
    if (receipts_.empty()) return;
    const auto at = static_cast<std::size_t>(upto(static_cast<int>(receipts_.size()) - 1));
    const Receipt receipt = receipts_[at];
    receipts_.erase(receipts_.begin() + static_cast<std::ptrdiff_t>(at));
    Modelled* const one = model_.find(receipt.id);
    const bool runs = one != nullptr && one->state == State::kLeased && one->due > boot() &&
                      one->receipt == receipt;
    const std::span<const Receipt> only(&receipt, 1);
    const int way = upto(5);
    const std::int64_t delay = upto(1) == 0 ? 0 : 1 + upto(3000);
    const LeaseOutcome outcome = way <= 1   ? queue().ack(only).front()
                                 : way == 2 ? queue().nack(only, "", Milliseconds{delay}).front()
                                 : way == 3 ? queue().release(only).front()
                                 : way == 4 ? queue().extend(only).front()
                                            : queue().reject(only).front();
    ASSERT_EQ(outcome, runs ? LeaseOutcome::kDone : LeaseOutcome::kLost) << "way " << way;
    if (!runs) return;
    if (way <= 1) return model_.erase(receipt.id);
    if (way == 2) return Model::fail(*one, delay, wall());
    if (way == 3) one->state = State::kReady;
    if (way == 4) one->due = boot() + kLeaseMs;
    if (way == 4) receipts_.push_back(receipt);
    if (way == 5) one->counters.failures += 1;
    if (way == 5) one->state = State::kDead;
  }

  void fix() {
    if (model_.messages.empty()) return;
    const auto at = static_cast<std::size_t>(upto(static_cast<int>(model_.messages.size()) - 1));
    Modelled& one = model_.messages[at];
    const Ids id{one.id};
    const bool leased = one.state == State::kLeased;
    const auto expect = [&](const FixResult& result, bool changes, bool skips_leased = true) {
      EXPECT_EQ(result.changed.size(), changes ? 1U : 0U);
      EXPECT_EQ(result.skipped_leased, leased && skips_leased ? 1U : 0U);
      EXPECT_TRUE(result.missing.empty());
      return changes;
    };
    switch (upto(4)) {
      case 0:
        if (expect(queue().hold(id, "h"), !leased && one.state != State::kHeld)) {
          model_.hold(one);
        }
        return;
      case 1:
        if (expect(queue().unhold(id), one.state == State::kHeld)) {
          const bool over = one.expires != 0 && one.expires <= wall();
          one.state = over ? State::kDead : State::kReady;
        }
        return;
      case 2:
        if (expect(queue().requeue(id),
                   one.state == State::kDead && one.counters.redrives < kMaxRedrives)) {
          model_.requeue(one);
        }
        return;
      case 3:
        if (expect(queue().revoke(id), leased, false)) one.state = State::kReady;
        return;
      default:
        if (upto(3) != 0) return;
        if (expect(queue().remove(id), !leased)) model_.erase(id.front());
        return;
    }
  }

  void compare() {
    std::map<MessageId, MessageStatus> seen;
    QueueStats counted;
    for (const MessageStatus& one : everything(queue())) {
      seen[one.id] = one;
      StateCount& count = counted.states[static_cast<std::size_t>(one.state)];
      count.messages += 1;
      count.bytes += static_cast<std::int64_t>(one.size);
    }
    const QueueStats stats = queue().stats();
    for (std::size_t i = 0; i < kStateCount; ++i) {
      EXPECT_EQ(stats.states[i].messages, counted.states[i].messages) << i;
      EXPECT_EQ(stats.states[i].bytes, counted.states[i].bytes) << i;
    }
    EXPECT_EQ(seen.size(), model_.messages.size());
    for (const Modelled& one : model_.messages) {
      const MessageStatus& status = seen[one.id];
      EXPECT_EQ(state_name(status.state), state_name(one.state)) << one.id.text();
      EXPECT_EQ(status.counters.deliveries, one.counters.deliveries);
      EXPECT_EQ(status.counters.failures, one.counters.failures);
      EXPECT_EQ(status.counters.redrives, one.counters.redrives);
      if (one.state == State::kReady) {
        EXPECT_EQ(status.behind_key, model_.is_behind(one));
      }
    }
  }

  std::mt19937 random_;
  std::optional<StoreWorld> world_;
  std::optional<Queue> sender_;
  Model model_;
  std::vector<Receipt> receipts_;
};

class RandomActs : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(RandomActs, AgreeWithTheModel) {
  Player player(GetParam());
  player.play(2000);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomActs, ::testing::Range(1U, 7U));

}  // namespace
}  // namespace spoolmq::test
