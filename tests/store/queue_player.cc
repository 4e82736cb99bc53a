#include "tests/store/queue_player.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/check.h"

namespace spoolmq::test {
namespace {

using Ids = std::vector<MessageId>;

constexpr Model::Limits kLimits{
    .lease_ms = 5'000, .max_failures = 3, .max_redrives = 2, .dedupe_ms = 4'000};
constexpr std::int64_t kBackoffMs = 500;
constexpr int kInlineBytes = 1000;
constexpr int kMostMessages = 60;  // enough for every act, few enough to compare often

Settings settings_of_q() {
  Settings settings;
  settings.lease = Milliseconds{kLimits.lease_ms};
  settings.max_failures = kLimits.max_failures;
  settings.max_redrives = kLimits.max_redrives;
  settings.dedupe_window = Milliseconds{kLimits.dedupe_ms};
  settings.backoff = Milliseconds{kBackoffMs};
  settings.body_inline = kInlineBytes;
  return settings;
}

Ids ids_of(const std::vector<MessageStatus>& page) {
  Ids ids;
  for (const MessageStatus& one : page) ids.push_back(one.id);
  return ids;
}

}  // namespace

QueuePlayer::QueuePlayer(Choose choose) : choose_(std::move(choose)), model_(kLimits) {
  world_.emplace(settings_of_q());
  sender_.emplace(world_->open());
  other_.emplace(world_->create("r"));
}

void QueuePlayer::act() {
  const int dice = upto(99);
  if (dice < 25) return send();
  if (dice < 47) return receive();
  if (dice < 68) return settle();
  if (dice < 82) {
    if (Modelled* const one = some()) fix(*one);
    return;
  }
  if (dice < 84) {
    if (Modelled* const one = some()) withdraw(*one);
    return;
  }
  if (dice < 86) return move();
  if (dice < 87) return purge();
  if (dice < 93) return pass_time();
  if (dice < 96) return clean_up();
  if (dice < 98) return open_again();
  rebuild();
}

Modelled* QueuePlayer::some() {
  if (model_.messages.empty()) return nullptr;
  const int last = static_cast<int>(model_.messages.size()) - 1;
  return &model_.messages[static_cast<std::size_t>(upto(last))];
}

// ---- Sending

Modelled QueuePlayer::make(Message& message) {
  Modelled one;
  message.body = std::string(static_cast<std::size_t>(upto(9)), 'b');
  if (one_of(8)) message.body.resize(kInlineBytes + 1, 'B');
  one.body = message.body;
  one.priority = message.priority = static_cast<std::uint16_t>(upto(2));
  if (one_of(2)) {
    one.key = message.order_key = std::string(1, static_cast<char>('a' + upto(3)));
  }
  if (one_of(4)) {
    one.dedupe_key = message.dedupe_key = std::string(1, static_cast<char>('k' + upto(3)));
  }
  if (one_of(5)) {
    one.state = State::kDelayed;
    one.due = one.not_before = message.not_before_ms = wall() + 1 + upto(5000);
  }
  if (one_of(6)) one.expires = message.expires_at_ms = wall() + 1 + upto(9000);
  return one;
}

void QueuePlayer::send() {
  const int room = kMostMessages - static_cast<int>(model_.messages.size());
  if (room <= 0) return;
  std::vector<Message> batch(static_cast<std::size_t>(std::min(room, one_of(4) ? 1 + upto(5) : 1)));
  std::vector<Modelled> expected;
  for (Message& message : batch) expected.push_back(make(message));
  SendOptions options;
  if (one_of(5)) options.format = Format::kXml;
  if (one_of(5)) options.durability = Durability::kOs;
  const auto results = batch.size() == 1
                           ? std::vector{sender_->send_checked(batch.front(), options)}
                           : sender_->send_batch(batch, options);
  SPOOLMQ_CHECK(results.size() == batch.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    Modelled& one = expected[i];
    const auto known = model_.known_key(one.dedupe_key, wall());
    SPOOLMQ_CHECK(results[i].duplicate == known.has_value());
    if (known) {
      SPOOLMQ_CHECK(results[i].id == *known);
      continue;
    }
    one.id = results[i].id;
    SPOOLMQ_CHECK(model_.find(one.id) == nullptr);
    if (!one.dedupe_key.empty()) model_.remember_key(one.dedupe_key, one.id, wall());
    model_.add(one);
  }
}

// ---- Receiving

void QueuePlayer::receive() {
  ReceiveOptions options;
  options.kind = LeaseKind::kTimed;  // outlives the handle that open_again() closes
  options.max = one_of(3) ? static_cast<std::size_t>(1 + upto(4)) : 1;
  std::vector<Delivery> deliveries = take(options, {});
  while (!deliveries.empty() && one_of(4)) deliveries = take(options, std::move(deliveries));
  for (Delivery& one : deliveries) receipts_.push_back(one.detach());
}

// Acknowledges those that are `done` with it.
std::vector<Delivery> QueuePlayer::take(const ReceiveOptions& options, std::vector<Delivery> done) {
  for (const Delivery& one : done) {
    ++model_.totals.acked;
    model_.erase(one.message().id);
  }
  model_.move_due(wall(), boot());
  std::vector<Modelled*> expected = model_.ready();
  expected.resize(std::min(expected.size(), options.max));
  std::vector<Delivery> deliveries =
      done.empty() ? queue().receive_batch(options) : queue().ack_and_receive(done, options);
  SPOOLMQ_CHECK(deliveries.size() == expected.size());
  for (std::size_t i = 0; i < deliveries.size(); ++i) {
    Modelled& one = *expected[i];
    SPOOLMQ_CHECK(deliveries[i].message().id == one.id);
    SPOOLMQ_CHECK(body_of(deliveries[i]) == one.body);
    one.state = State::kLeased;
    one.due = boot() + kLimits.lease_ms;
    one.lease_wall = wall() + kLimits.lease_ms;
    one.counters.deliveries += 1;
    one.receipt = deliveries[i].receipt();
  }
  return deliveries;
}

void QueuePlayer::settle() {
  if (receipts_.empty()) return;
  const auto at = static_cast<std::size_t>(upto(static_cast<int>(receipts_.size()) - 1));
  const Receipt receipt = receipts_[at];
  receipts_.erase(receipts_.begin() + static_cast<std::ptrdiff_t>(at));
  Modelled* const one = model_.find(receipt.id);
  const bool runs = one != nullptr && one->state == State::kLeased && one->due > boot() &&
                    one->receipt == receipt;
  const std::span<const Receipt> only(&receipt, 1);
  const int way = upto(6);
  if (way == 6 && runs) return nack_by_backoff(*one, receipt);
  const std::int64_t delay = one_of(2) ? 0 : 1 + upto(3000);
  const LeaseOutcome outcome = way <= 1   ? queue().ack(only).front()
                               : way == 2 ? queue().nack(only, "", Milliseconds{delay}).front()
                               : way == 3 ? queue().release(only).front()
                               : way == 4 ? queue().extend(only).front()
                                          : queue().reject(only).front();
  SPOOLMQ_CHECK(outcome == (runs ? LeaseOutcome::kDone : LeaseOutcome::kLost));
  if (!runs) return;
  if (way <= 1) {
    ++model_.totals.acked;
    // Right behind it the same receipt is as good.
    SPOOLMQ_CHECK(queue().ack(only).front() == LeaseOutcome::kRepeated);
    return model_.erase(receipt.id);
  }
  if (way == 2) return model_.fail(*one, delay, wall());
  if (way == 3) one->state = State::kReady;
  if (way == 4) {
    one->due = boot() + kLimits.lease_ms;
    one->lease_wall = wall() + kLimits.lease_ms;
    receipts_.push_back(receipt);
  }
  if (way == 5) {
    one->counters.failures += 1;
    ++model_.totals.failures;
    model_.die(*one);
  }
}

// How long exactly is the queue's to say, within a fifth.
void QueuePlayer::nack_by_backoff(Modelled& one, const Receipt& receipt) {
  SPOOLMQ_CHECK(queue().nack(std::span(&receipt, 1)).front() == LeaseOutcome::kDone);
  const std::int64_t usual = kBackoffMs << one.counters.failures;
  model_.fail(one, usual, wall());
  if (one.state != State::kDelayed) return;
  const std::int64_t told = queue().status(one.id)->due_ms - wall();
  SPOOLMQ_CHECK(told >= usual - usual / 5 && told <= usual + usual / 5);
  one.due = wall() + told;
}

// ---- Fixing

void QueuePlayer::fix(Modelled& one) {
  const Ids id{one.id};
  const bool leased = one.state == State::kLeased;
  const auto expect = [&](const FixResult& result, bool changes, bool skips_leased = true) {
    SPOOLMQ_CHECK(result.changed.size() == (changes ? 1U : 0U));
    SPOOLMQ_CHECK(result.skipped_leased == (leased && skips_leased ? 1U : 0U));
    SPOOLMQ_CHECK(result.missing.empty());
    return changes;
  };
  switch (upto(4)) {
    case 0:
      if (expect(queue().hold(id, "h"), !leased && one.state != State::kHeld)) model_.hold(one);
      return;
    case 1:
      if (expect(queue().unhold(id), one.state == State::kHeld)) {
        const bool over = one.expires != 0 && one.expires <= wall();
        one.state = State::kReady;
        if (over) model_.die(one);
      }
      return;
    case 2:
      if (expect(queue().requeue(id),
                 one.state == State::kDead && one.counters.redrives < kLimits.max_redrives)) {
        model_.requeue(one);
      }
      return;
    case 3:
      if (expect(queue().revoke(id), leased, false)) one.state = State::kReady;
      return;
    default:
      if (!one_of(4)) return;
      if (expect(queue().remove(id), !leased)) model_.erase(id.front());
      return;
  }
}

void QueuePlayer::withdraw(const Modelled& one) {
  const bool waits = one.state == State::kReady || one.state == State::kDelayed;
  SPOOLMQ_CHECK(queue().withdraw(one.id) == waits);
  if (!waits) return;
  model_.forget_key(one);
  model_.erase(MessageId(one.id));
}

// Every message of one state goes to the other queue.
void QueuePlayer::move() {
  const auto state = static_cast<State>(upto(4));
  Ids ids;
  for (const Modelled& one : model_.messages) {
    if (one.state == state) ids.push_back(one.id);
  }
  const FixResult result = world_->root().move(queue(), ids, *other_);
  SPOOLMQ_CHECK(result.missing.empty() && result.skipped_other == 0);
  if (state == State::kLeased) {
    SPOOLMQ_CHECK(result.skipped_leased == ids.size() && result.changed.empty());
    return;
  }
  SPOOLMQ_CHECK(result.changed.size() == ids.size());
  for (const MessageId& id : ids) {
    const Modelled* const one = model_.find(id);
    model_.forget_key(*one);
    SPOOLMQ_CHECK(other_->load(id).has_value());
    model_.erase(id);
    moved_.push_back(id);
  }
}

void QueuePlayer::purge() {
  Ids ids;
  std::size_t leased = 0;
  for (const Modelled& one : model_.messages) {
    ids.push_back(one.id);
    leased += one.state == State::kLeased ? 1 : 0;
  }
  const FixResult result = queue().remove(ids);
  SPOOLMQ_CHECK(result.skipped_leased == leased && result.changed.size() == ids.size() - leased);
  for (const MessageId& id : result.changed) model_.erase(id);
}

// ---- Time, and what happens to handles

void QueuePlayer::pass_time() {
  const Milliseconds by{upto(3000)};
  if (!one_of(4)) return world_->clock().advance(by);
  world_->clock().step_wall(by);
}

void QueuePlayer::clean_up() {
  if (one_of(2)) return queue().maintain();
  queue().sweep();
  model_.move_due(wall(), boot());
}

void QueuePlayer::open_again() {
  switch (upto(2)) {
    case 0:
      return world_->reopen();
    case 1:
      sender_.reset();
      return static_cast<void>(sender_.emplace(world_->open()));
    default:
      sender_.reset();
      other_.reset();
      world_->power_cut(Milliseconds{upto(6000)});
      sender_.emplace(world_->open());
      other_.emplace(world_->open("r"));
      model_.start_new_boot(wall(), boot());
  }
}

// ---- A new index

// Promised: every message is there and none that was settled; verdicts hold. Forgotten: leases,
// counters of live messages, delays of nacks, places behind others.
void QueuePlayer::rebuild() {
  queue().maintain();
  queue().fsck(FsckMode::kRebuildIndex);
  const std::vector<MessageStatus> there = everything(queue());
  SPOOLMQ_CHECK(there.size() == model_.messages.size());
  for (const MessageStatus& status : there) {
    Modelled* const one = model_.find(status.id);
    SPOOLMQ_CHECK(one != nullptr);
    adopt(*one, status);
  }
  model_.forget_keys_of_the_gone();
  model_.totals = {};
}

void QueuePlayer::adopt(Modelled& one, const MessageStatus& status) {
  if (one.state == State::kDead || one.state == State::kHeld) {
    SPOOLMQ_CHECK(status.state == one.state);
    SPOOLMQ_CHECK(status.counters.redrives == one.counters.redrives);
  } else {
    const bool waits = one.not_before > wall() && status.state == State::kDelayed;
    SPOOLMQ_CHECK(waits || status.state == State::kReady);
  }
  one.receipt.reset();
  one.state = status.state;
  one.order = status.sequence;
  one.counters = status.counters;
  one.due = status.due_ms;
  one.expires = status.expires_at_ms;
}

// ---- Comparing

void QueuePlayer::compare() {
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
    SPOOLMQ_CHECK(stats.states[i].messages == counted.states[i].messages);
    SPOOLMQ_CHECK(stats.states[i].bytes == counted.states[i].bytes);
  }
  SPOOLMQ_CHECK(stats.reserved == 0);
  SPOOLMQ_CHECK(stats.totals.sent == model_.totals.sent);
  SPOOLMQ_CHECK(stats.totals.acked == model_.totals.acked);
  SPOOLMQ_CHECK(stats.totals.failures == model_.totals.failures);
  SPOOLMQ_CHECK(stats.totals.dead == model_.totals.dead);
  SPOOLMQ_CHECK(seen.size() == model_.messages.size());
  for (const Modelled& one : model_.messages) {
    SPOOLMQ_CHECK(seen.contains(one.id));
    compare_one(one, seen[one.id]);
  }
  Ids ready;
  for (const Modelled* one : model_.ready()) ready.push_back(one->id);
  SPOOLMQ_CHECK(ids_of(queue().next_ready(kMostMessages)) == ready);
  SPOOLMQ_CHECK(queue().fsck(FsckMode::kLook).empty());
  SPOOLMQ_CHECK(total(*other_) == static_cast<std::int64_t>(moved_.size()));
}

void QueuePlayer::compare_one(const Modelled& one, const MessageStatus& status) {
  SPOOLMQ_CHECK(status.state == one.state);
  SPOOLMQ_CHECK(status.counters.deliveries == one.counters.deliveries);
  SPOOLMQ_CHECK(status.counters.failures == one.counters.failures);
  SPOOLMQ_CHECK(status.counters.redrives == one.counters.redrives);
  SPOOLMQ_CHECK(status.size == one.body.size() && status.priority == one.priority);
  if (one.state == State::kReady) SPOOLMQ_CHECK(status.behind_key == model_.is_behind(one));
  if (one.state == State::kDelayed) SPOOLMQ_CHECK(status.due_ms == one.due);
}

}  // namespace spoolmq::test
