// Looking: states, pages, tails of ids, reasons, consumers. It changes nothing.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;
using Ids = std::vector<MessageId>;

class Look : public ::testing::Test {
 protected:
  Queue& queue() { return world_.queue(); }
  Lines why(const MessageId& id = {}) { return queue().why(id); }
  StoreWorld world_;
};

TEST_F(Look, NamesEveryStateAndFindsItAgain) {
  for (std::size_t i = 0; i < kStateCount; ++i) {
    const auto state = static_cast<State>(i);
    EXPECT_EQ(parse_state(state_name(state)), state);
  }
  EXPECT_FALSE(parse_state("gone"));
  EXPECT_FALSE(parse_state("Ready"));
  EXPECT_FALSE(parse_state(""));
}

TEST_F(Look, TellsWhatTheIndexKnowsOfAMessage) {
  Message message = keyed("12345", "k");
  message.priority = 7;
  message.from = {11, 12, "someone"};
  const MessageId id = queue().send(message);
  const auto status = queue().status(id);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->state, State::kReady);
  EXPECT_EQ(status->size, 5U);
  EXPECT_EQ(status->priority, 7);
  EXPECT_EQ(status->order_key, "k");
  EXPECT_EQ(status->from, message.from);
  EXPECT_EQ(status->sent_at_ms, world_.clock().wall_ms());
  EXPECT_TRUE(world_.queue_dir()
                  ->open_dir("msgs")
                  ->open_dir(status->file.substr(5, 2))
                  ->status(status->file.substr(8)));
  EXPECT_FALSE(queue().status(some_id(1)));
}

TEST_F(Look, ScansInPagesWithoutMissingAny) {
  std::vector<Message> batch(25, text("x"));
  queue().send_batch(batch);
  Ids seen;
  ScanOptions page;
  page.limit = 7;
  std::size_t pages = 0;
  for (; pages < 10; ++pages) {
    const auto found = queue().scan(page);
    if (found.empty()) break;
    EXPECT_LE(found.size(), 7U);
    for (const MessageStatus& one : found) seen.push_back(one.id);
    page.after_sequence = found.back().sequence;
  }
  EXPECT_EQ(pages, 4U);
  EXPECT_EQ(seen.size(), 25U);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST_F(Look, ScansOnlyTheWantedStates) {
  const MessageId held = queue().send(text("held"));
  queue().hold(Ids{held}, "");
  const MessageId ready = queue().send(keyed("head", "k"));
  const MessageId behind = queue().send(keyed("behind", "k"));
  ScanOptions options;
  const auto ids = [&](std::vector<State> states) {
    options.states = std::move(states);
    Ids found;
    for (const MessageStatus& one : queue().scan(options)) found.push_back(one.id);
    return found;
  };
  EXPECT_EQ(ids({State::kHeld}), Ids{held});
  EXPECT_EQ(ids({State::kReady}), (Ids{ready, behind}));
  EXPECT_EQ(ids({State::kReady, State::kHeld}), (Ids{held, ready, behind}));
  EXPECT_EQ(ids({State::kDead}), Ids{});
  EXPECT_EQ(ids({}), (Ids{held, ready, behind}));
  EXPECT_TRUE(queue().status(behind)->behind_key);
  EXPECT_FALSE(queue().status(ready)->behind_key);
}

TEST_F(Look, FindsAnIdByItsTail) {
  Message message = text("x");
  message.id = id_of("01900000-0000-7000-8000-00abcdef1234");
  queue().send(message);
  message.id = id_of("01900000-0000-7000-8000-11abcdef1234");
  queue().send(message);
  EXPECT_EQ(queue().find_by_tail("abcdef1234").size(), 2U);
  EXPECT_EQ(queue().find_by_tail("00ABCDEF1234").size(), 1U);
  EXPECT_EQ(queue().find_by_tail("8000-00abcdef1234").size(), 1U);
  EXPECT_EQ(queue().find_by_tail("01900000-0000-7000-8000-11abcdef1234"), Ids{message.id});
  EXPECT_TRUE(queue().find_by_tail("abcdef1235").empty());
  EXPECT_TRUE(queue().find_by_tail("%%%%%%").empty());
  EXPECT_TRUE(queue().find_by_tail("______").empty());
}

TEST_F(Look, ForgetsTheTailOfWhatIsGone) {
  const MessageId id = queue().send(text("x"));
  EXPECT_EQ(take(queue()), "x");
  EXPECT_TRUE(queue().find_by_tail(id.text()).empty());
  EXPECT_FALSE(queue().load(id));
}

TEST_F(Look, SaysWhyOfEveryState) {
  const MessageId ready = queue().send(text("free"));
  EXPECT_EQ(why(ready), Lines{});

  const MessageId head = queue().send(keyed("head", "k"));
  const MessageId behind = queue().send(keyed("behind", "k"));
  EXPECT_EQ(why(behind), Lines{"behind " + head.text() + " of the same order key, which is ready"});

  queue().hold(Ids{head}, "audit");
  EXPECT_EQ(why(head), Lines{"held: audit"});
  EXPECT_EQ(why(behind), Lines{"behind " + head.text() + " of the same order key, which is held"});

  Message later = text("later");
  later.not_before_ms = world_.clock().wall_ms() + 90'000;
  EXPECT_EQ(why(queue().send(later)), Lines{"delayed for another 90s"});

  auto delivery = queue().receive();
  EXPECT_EQ(why(ready), Lines{"leased for another 30s to process " + std::to_string(::getpid())});
  delivery->reject("no");
  EXPECT_EQ(why(ready), Lines{"dead: rejected: no"});
}

TEST_F(Look, SaysWhyOfATimedLeaseAnArchivedAndAStoppedOne) {
  queue().configure(std::vector<SettingText>{{"archive", "10m"}, {"order-on-dead", "stop"}});
  const MessageId id = queue().send(text("x"));
  ReceiveOptions timed;
  timed.kind = LeaseKind::kTimed;
  auto delivery = queue().receive(timed);
  EXPECT_EQ(why(id), Lines{"leased for another 30s to whoever has the receipt"});
  delivery->ack();
  EXPECT_EQ(why(id), Lines{"archived: acknowledged, kept for another 10m"});
  queue().send(keyed("1", "k"));
  const MessageId stopped = queue().send(keyed("2", "k"));
  queue().receive()->reject();
  EXPECT_EQ(why(stopped), Lines{"a dead message stops its order key (order-on-dead = stop)"});
}

TEST_F(Look, SaysWhyOfANackedMessageWithItsReason) {
  const MessageId id = queue().send(text("x"));
  queue().receive()->nack("printer on fire", 20s);
  EXPECT_EQ(why(id), Lines{"delayed for another 20s: printer on fire"});
}

TEST_F(Look, SaysWhyTheQueueStandsStill) {
  EXPECT_EQ(why(), Lines{});
  queue().send(text("x"));
  EXPECT_EQ(why(), Lines{"1 ready, but no living consumer has the queue open"});
  queue().pause({true, false, 0, "release day", "ops"});
  EXPECT_EQ(why().front(), "receiving is paused by ops: release day");
  queue().resume();
  auto delivery = queue().receive();
  EXPECT_EQ(why(), Lines{"1 leased: being worked on"});
  delivery->nack("", 5s);
  EXPECT_EQ(why(), Lines{"1 delayed, the next is due in 5s"});
}

TEST_F(Look, SaysThatALeaseIsOver) {
  const MessageId id = queue().send(text("x"));
  static_cast<void>(queue().receive()->detach());
  world_.clock().advance(1h);
  EXPECT_EQ(why(), Lines{"1 leased, but no longer: the next receive has them"});
  EXPECT_EQ(why(id), Lines{"its lease is over: the next receive has it"});
}

TEST_F(Look, RefusesToSayWhyOfWhatIsNotThere) {
  EXPECT_EQ(refusal([&] { why(some_id(1)); }), ErrorCode::kNotFound);
}

TEST_F(Look, ListsTheHandlesThatAreOpen) {
  OpenOptions options = StoreWorld::no_thread();
  options.name = "worker";
  {
    Queue worker = world_.open("q", options);
    queue().send(text("x"));
    const auto delivery = worker.receive();
    const auto consumers = queue().consumers();
    ASSERT_EQ(consumers.size(), 2U);
    const Consumer& one = consumers[0].name == "worker" ? consumers[0] : consumers[1];
    EXPECT_EQ(one.name, "worker");
    EXPECT_TRUE(one.alive);
    EXPECT_EQ(one.leases, 1);
    EXPECT_EQ(one.pid, static_cast<std::uint32_t>(::getpid()));
    EXPECT_EQ(one.opened_at_ms, world_.clock().wall_ms());
  }
  EXPECT_EQ(queue().consumers().size(), 1U);
}

TEST_F(Look, NeverChangesACounter) {
  const MessageId id = queue().send(text("x"));
  for (int i = 0; i < 3; ++i) {
    queue().scan({});
    queue().next_ready(5);
    queue().load(id);
    queue().why(id);
    queue().stats();
  }
  EXPECT_EQ(queue().status(id)->counters.deliveries, 0);
}

TEST_F(Look, SeesWhatAnotherHandleSentAndDidNotIndexYet) {
  Queue sender = world_.open();
  sender.send(text("1"));
  sender.send_batch({text("2"), text("3")});
  EXPECT_EQ(count(queue(), State::kReady), 3);
  EXPECT_EQ(queue().stats().oldest_ready_sent_ms, world_.clock().wall_ms());
}

}  // namespace
}  // namespace spoolmq::test
