// Every call of the file system refused, one after the other, once and for good, by every errno
// that it may answer: what was confirmed is durable, what is told to have been refused (75) has not
// happened, and the same handles go on. Every so many calls; SPOOLMQ_ERRNOS=all: every one.

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <set>

#include "tests/store/crash_cuts.h"

namespace spoolmq::test {
namespace {

constexpr std::uint64_t kStride = 61;

// The last ones for good. Not of a close: where not even a mark can be written that its sync
// failed, nobody who comes later can know (a file system that does this is mounted again, or
// replaced).
constexpr Refusal kRefusals[] = {
    {EIO},
    {ENOSPC},
    {EDQUOT},
    {EROFS},
    {ESTALE},
    {EMFILE},
    {ENFILE},
    {ENOMEM},
    {EIO, Refusal::Of::kLook},
    {ESTALE, Refusal::Of::kLook},
    {EMFILE, Refusal::Of::kLook},
    {ENFILE, Refusal::Of::kLook},
    {ENOMEM, Refusal::Of::kLook},
    {ENOLCK, Refusal::Of::kLook},
    {EIO, Refusal::Of::kLook, Repeat::kForever},
    {EMFILE, Refusal::Of::kLook, Repeat::kForever},
    {ENOLCK, Refusal::Of::kLook, Repeat::kForever},
    {EIO, Refusal::Of::kOperation, Repeat::kForever},
    {ENOSPC, Refusal::Of::kOperation, Repeat::kForever},
    {EROFS, Refusal::Of::kOperation, Repeat::kForever},
};
constexpr std::size_t kOperationsForGood = 3;

WorldOptions plain() {
  WorldOptions options;
  options.settings.backoff = Milliseconds{0};
  options.settings.body_inline = 1000;
  return options;
}

WorldOptions closing_cleanly() {
  WorldOptions options = plain();
  options.one_shot = false;
  return options;
}

WorldOptions two_queues() {
  WorldOptions options = plain();
  options.two_queues = true;
  return options;
}

SendOptions as_xml() {
  SendOptions options;
  options.format = Format::kXml;
  return options;
}

Message keyed(const std::string& key) {
  Message message;
  message.dedupe_key = key;
  return message;
}

void open_queue(World& world) { world.queue().stats(); }

void send_some(World& world) {
  world.send("alpha");
  world.send("beta");
  world.send("gamma");
  world.send(std::string(3000, 'L'));
}

void send_more(World& world) {
  world.send("delta");
  world.send("epsilon");
}

void take_and_clean_up(World& world) {
  world.take_and_ack(2);
  world.queue().maintain();
}

void open_again(World& world) {
  world.send("more");
  world.take_and_ack();
}

void move_all(World& world, const std::vector<std::string>& bodies) {
  std::vector<std::pair<MessageId, std::string>> messages;
  for (const MessageStatus& one : world.queue().scan({})) {
    const std::string body = whole_body(*world.queue().open_body(*world.queue().load(one.id)));
    for (const std::string& wanted : bodies) {
      if (body == wanted) messages.emplace_back(one.id, body);
    }
  }
  world.move(messages);
}

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = {
      {.name = "Send",
       .options = plain(),
       .prepare = open_queue,
       .act = send_some,
       .again = send_more},
      {.name = "SendOfXml",
       .options = plain(),
       .prepare = open_queue,
       .act = [](World& world) { world.send("alpha", {}, as_xml()); },
       .again = [](World& world) { world.send("beta", {}, as_xml()); }},
      {.name = "SendOfABatch",
       .options = plain(),
       .prepare = open_queue,
       .act =
           [](World& world) {
             world.send_all({"a", "b", "c"});
           },
       .again =
           [](World& world) {
             world.send_all({"d", "e"});
           }},
      {.name = "SendWithAKey",
       .options = plain(),
       .prepare = open_queue,
       .act = [](World& world) { world.send("alpha", keyed("k")); },
       .again = [](World& world) { world.send("beta", keyed("l")); }},
      {.name = "Ack",
       .options = plain(),
       .prepare = send_some,
       .act = take_and_clean_up,
       .again = [](World& world) { world.take_and_ack(2); }},
      {.name = "EarlyAck",
       .options = closing_cleanly(),
       .prepare = send_some,
       .act = [](World& world) { world.take_together(3); },
       .again = [](World& world) { world.take_together(3); }},
      {.name = "Reject",
       .options = plain(),
       .prepare = send_some,
       .act =
           [](World& world) {
             Delivery one = world.take();
             world.reject(one);
             world.queue().maintain();
           },
       .again = [](World& world) { world.take_and_ack(); }},
      {.name = "OpeningAfterABoot",
       .options = closing_cleanly(),
       .prepare =
           [](World& world) {
             send_some(world);
             world.take_and_ack();
             world.close();
             world.clock().reboot();
           },
       .act = open_again,
       .again = send_more},
      {.name = "Close",
       .options = closing_cleanly(),
       .prepare =
           [](World& world) {
             send_some(world);
             world.take_and_ack(2);
           },
       .act = [](World& world) { world.queue().close(); },
       .again =
           [](World& world) {
             world.close();
             open_again(world);
           }},
      {.name = "Rebuild",
       .options = closing_cleanly(),
       .prepare =
           [](World& world) {
             send_some(world);
             Delivery one = world.take();
             world.reject(one);
             world.clock().advance(5000);
             world.queue().maintain();
             world.close();
             delete_index(world);
           },
       .act = open_again,
       .again = send_more},
      {.name = "Move",
       .options = two_queues(),
       .prepare =
           [](World& world) {
             send_some(world);
             world.queue("other").stats();
           },
       .act =
           [](World& world) {
             move_all(world, {"alpha", "beta"});
           },
       .again = [](World& world) { move_all(world, {"gamma"}); }},
  };
  return all;
}

class CrashRefusal : public ::testing::TestWithParam<std::size_t> {};

TEST_P(CrashRefusal, LosesNothingAndTellsTheTruth) {
  const char* const wanted = std::getenv("SPOOLMQ_ERRNOS");
  const bool all = wanted != nullptr && std::string_view(wanted) == "all";
  const Scenario& scenario = scenarios()[GetParam()];
  std::span<const Refusal> refusals(kRefusals);
  if (scenario.name == "Close") refusals = refusals.first(refusals.size() - kOperationsForGood);
  expect_no_violation_when_refused(scenario, refusals, all ? 1 : kStride);
}

INSTANTIATE_TEST_SUITE_P(Of, CrashRefusal, ::testing::Range(std::size_t{0}, scenarios().size()),
                         [](const auto& one) { return std::string(scenarios()[one.param].name); });

// The kernel tells of a failed sync once, and to one of those who share the log: what another one
// writes behind the frames that the disk may not have must not be promised.
TEST(CrashRefusalOfASync, IsNoticedByTheOtherHandles) {
  World world({});
  world.send_all({"alpha", "beta"});
  Queue other = world.another();
  std::optional<Delivery> alpha = world.queue().receive();
  std::optional<Delivery> beta = other.receive();
  ASSERT_TRUE(alpha && beta);
  bool failed_once = false;
  const auto is_log_sync = [&](std::uint64_t n) {
    World trial({});
    trial.send_all({"alpha", "beta"});
    std::optional<Delivery> one = trial.queue().receive();
    trial.disk().clear_trace();
    one->ack();
    const std::vector<std::string> trace = trial.disk().trace();
    return n <= trace.size() && trace[n - 1].starts_with("sync ") && trace[n - 1].ends_with("-wal");
  };
  std::uint64_t n = 1;
  while (n < 50 && !is_log_sync(n)) ++n;
  world.disk().fail_at(n, EIO);
  try {
    alpha->ack();
  } catch (const Error& error) {
    failed_once = error.code() == ErrorCode::kIo;
  }
  ASSERT_TRUE(failed_once) << "the sync of the log is not operation " << n;
  std::set<std::string> acked;
  try {
    beta->ack();
    acked.insert("beta");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kLeaseLost) << error.what();
  }
  while (std::optional<Delivery> delivery = other.receive()) {
    delivery->ack();
    acked.insert(delivery->message().body);
  }
  EXPECT_TRUE(acked.contains("beta"));
  world.clock().reboot();
  World after(world.disk().after_power_cut(Names::kLost, Bytes::kLost), world.clock(), {}, {});
  while (std::optional<Delivery> delivery = after.queue().receive()) {
    EXPECT_FALSE(acked.contains(delivery->message().body)) << delivery->message().body;
    delivery->ack();
  }
}

// Created at the second try, if need be, and used: it is there after a power cut, and nothing else.
TEST(CrashRefusalOfCreate, LeavesAQueueThatLastsOrNone) {
  constexpr std::uint64_t kMost = 200;
  std::uint64_t refusals = 0;
  for (std::uint64_t n = 1; n < kMost; ++n) {
    SCOPED_TRACE("operation " + std::to_string(n));
    MemoryFileSystem disk;
    const auto clock = std::make_shared<TurnableClock>();
    disk.fail_at(n, EIO);
    bool was_refused = false;
    {
      Root root = Root::open(disk.root(), clock);
      try {
        root.create_queue("q");
      } catch (const Error& error) {
        was_refused = true;
        EXPECT_EQ(error.code(), ErrorCode::kIo) << error.what();
        root.create_queue("q");
      }
      if (!was_refused) break;
      ++refusals;
      OpenOptions options;
      options.clock = clock;
      options.background = false;
      Message message;
      message.body = "alpha";
      root.open_queue("q", options).send(std::move(message));
    }
    clock->reboot();
    const auto after = disk.after_power_cut(Names::kLost, Bytes::kLost);
    EXPECT_EQ(after->names("queues"), std::vector<std::string>{"q"});
    Root root = Root::open(after->root(), clock);
    ASSERT_TRUE(root.has_queue("q"));
    EXPECT_EQ(root.open_queue("q").stats().of(State::kReady).messages, 1);
  }
  EXPECT_GT(refusals, 5U);
}

}  // namespace
}  // namespace spoolmq::test
