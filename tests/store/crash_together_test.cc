// Work in two queues, cut at every operation: all of it is there, or nothing; and all of it once it
// was confirmed. The account has one entry: what may be in the queues together.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

#include "spoolmq/topic.h"
#include "tests/store/crash_cuts.h"

namespace spoolmq::test {
namespace {

constexpr std::string_view kAll = "all queues";
constexpr std::int64_t kHourMs = 3'600'000;
constexpr int kRounds = 4;

WorldOptions two_queues() {
  WorldOptions options;
  options.settings.backoff = Milliseconds{0};
  options.settings.body_inline = 1000;
  options.two_queues = true;
  return options;
}

WorldOptions without_unnamed_files() {
  WorldOptions options = two_queues();
  options.support.unnamed = false;
  return options;
}

// Every live message as "queue:body", sorted.
std::string contents(World& world) {
  std::vector<std::string> all;
  for (const std::string& name : world.queues()) {
    Queue& queue = world.queue(name);
    for (const MessageStatus& one : queue.scan({})) {
      const std::string body = whole_body(*queue.open_body(*queue.load(one.id)));
      const bool is_live =
          one.state == State::kReady || one.state == State::kDelayed || one.state == State::kLeased;
      all.push_back(name + ":" + body.substr(0, 8) + (is_live ? "" : " not live"));
    }
  }
  std::sort(all.begin(), all.end());
  std::string text;
  for (const std::string& one : all) text += one + " ";
  return text;
}

std::string drained(World& world) {
  std::vector<std::string> all;
  for (const std::string& name : world.queues()) {
    for (int round = 0; round < kRounds; ++round) {
      ReceiveOptions every;
      every.max = 1000;
      std::vector<Delivery> deliveries = world.queue(name).receive_batch(every);
      for (const Delivery& one : deliveries) {
        all.push_back(name + ":" + whole_body(*one.open_body()).substr(0, 8));
      }
      if (!deliveries.empty()) world.queue(name).ack_batch(deliveries);
      world.clock().advance(kHourMs);
    }
  }
  std::sort(all.begin(), all.end());
  std::string text;
  for (const std::string& one : all) text += one + " ";
  return text;
}

Violations judge(World& world) {
  Violations found;
  try {
    recover(world);
    const std::string there = contents(world);
    if (!world.ledger()[std::string(kAll)].may.contains(there)) {
      found.push_back("there is '" + there + "'");
    }
    for (const std::string& name : world.queues()) {
      for (const FsckFinding& one : world.queue(name).fsck(FsckMode::kLook)) {
        found.push_back("fsck of " + name + ": " + one.what + " " + one.where + ": " + one.why);
      }
    }
    if (const std::string got = drained(world); got != there) {
      found.push_back("delivered is '" + got + "' of '" + there + "'");
    }
    for (const std::string& name : world.queues()) {
      world.queue(name).maintain();
      if (world.queue(name).stats().reserved != 0) found.push_back(name + " has a reservation");
      if (!world.spool_files(name).empty()) found.push_back(name + " has a file left");
    }
    for (const std::string& name : world.disk().names("topics")) {
      if (name.starts_with("intent-") || name.starts_with(".new-")) {
        found.push_back(name + " is left");
      }
    }
    world.close();
    if (const std::string again = contents(world); !again.empty()) {
      found.push_back("there again is '" + again + "'");
    }
  } catch (const std::exception& error) {
    found.push_back(std::string("refused: ") + error.what());
  }
  return found;
}

// `act` turns what is there into `after`. It may be cut before it gets here.
void together(World& world, const std::string& after, const std::function<void()>& act) {
  world.widen(std::string(kAll), after);
  act();
  world.settle(std::string(kAll), after);
}

void bind_both(World& world) {
  for (const std::string& name : world.queues()) {
    world.root().bind("t", name);
    world.queue(name).stats();
  }
  world.settle(std::string(kAll), "");
}

void send_to_topic(World& world) {
  Message message;
  message.body = "alpha";
  together(world, "other:alpha q:alpha ", [&] { world.root().send_to_topic("t", message); });
}

void send_large_to_topic(World& world) {
  Message message;
  message.body = std::string(3000, 'L');
  together(world, "other:LLLLLLLL q:LLLLLLLL ", [&] { world.root().send_to_topic("t", message); });
}

void send_questions(World& world) {
  bind_both(world);
  for (const std::string& name : world.queues()) {
    Message message;
    message.body = "ask";
    world.queue(name).send(message);
  }
  world.settle(std::string(kAll), contents(world));
}

void answer_questions(World& world) {
  std::vector<Delivery> taken;
  for (const std::string& name : world.queues()) {
    std::optional<Delivery> one = world.queue(name).receive();
    if (!one) throw Error(ErrorCode::kInternal, "take", name, "nothing was delivered");
    taken.push_back(std::move(*one));
  }
  together(world, "other:one other:two q:one q:three ", [&] {
    Transaction work = world.root().transaction();
    Message message;
    message.body = "one";
    work.send_to_topic("t", message);
    message.body = "two";
    work.send(world.queue("other"), message);
    message.body = "three";
    work.send(world.queue("q"), message);
    std::size_t next = 0;
    for (const std::string& name : world.queues()) {
      work.ack(world.queue(name), taken[next++].detach());
    }
    work.commit();
  });
}

Scenario topic(const WorldOptions& options = two_queues()) {
  return {.name = "topic",
          .options = options,
          .prepare = bind_both,
          .act = send_to_topic,
          .judge = judge};
}

Scenario answers(const WorldOptions& options = two_queues()) {
  return {.name = "answers",
          .options = options,
          .prepare = send_questions,
          .act = answer_questions,
          .judge = judge};
}

TEST(CrashTogether, ATopicsMessageIsInEveryQueueOrInNone) {
  expect_no_violation(topic(), {.nested_stride = 15, .recovery_stride = 7});
}

TEST(CrashTogether, SoItIsWithoutUnnamedFiles) {
  expect_no_violation(topic(without_unnamed_files()),
                      {.stride = 2, .nested_stride = 15, .recovery_stride = 11});
}

TEST(CrashTogether, SoItIsWithAnXmlFile) {
  WorldOptions options = two_queues();
  options.settings.format = Format::kXml;
  expect_no_violation(topic(options), {.stride = 2, .nested_stride = 15, .recovery_stride = 11});
}

TEST(CrashTogether, ALargeBodyIsInEveryQueueOrInNone) {
  expect_no_violation({.name = "large topic",
                       .options = two_queues(),
                       .prepare = bind_both,
                       .act = send_large_to_topic,
                       .judge = judge},
                      {.stride = 2, .nested_stride = 20, .recovery_stride = 11});
}

TEST(CrashTogether, SendsAndAcksAllHappenOrNone) {
  expect_no_violation(answers(), {.stride = 2, .nested_stride = 23, .recovery_stride = 17});
}

TEST(CrashTogether, SendsAndAcksAllHappenOrNoneWithoutUnnamedFiles) {
  expect_no_violation(answers(without_unnamed_files()),
                      {.stride = 3, .nested_stride = 25, .recovery_stride = 17});
}

TEST(CrashTogether, AcksInTwoQueuesHappenTogether) {
  expect_no_violation({.name = "acks",
                       .options = two_queues(),
                       .prepare = send_questions,
                       .act =
                           [](World& world) {
                             Delivery first = world.take();
                             std::optional<Delivery> second = world.queue("other").receive();
                             together(world, "", [&] {
                               Transaction work = world.root().transaction();
                               work.ack(world.queue("q"), first.detach());
                               work.ack(world.queue("other"), second->detach());
                               work.commit();
                             });
                           },
                       .judge = judge},
                      {.stride = 2, .nested_stride = 20, .recovery_stride = 11});
}

// Refused operations: the caller is told, and whatever he is told, it is all or nothing.
TEST(CrashTogether, AnErrorAnywhereLeavesAllOrNothing) {
  expect_no_violation_when_refused(topic(), std::array{Refusal{EIO}}, 2);
  expect_no_violation_when_refused(answers(), std::array{Refusal{ENOSPC}}, 4);
}

// ---- The checks above find what they are for.

Filter skipping(OperationKind kind, std::string_view part) {
  return [=](const Operation& operation) {
    const bool is_it = operation.kind == kind && operation.path.find(part) != std::string::npos;
    return is_it ? Verdict::kSkip : Verdict::kDo;
  };
}

void expect_found(const Scenario& scenario, const Filter& sabotage) {
  EXPECT_FALSE(run_cuts(scenario, {}, sabotage).violations.empty());
}

TEST(CrashTogetherSabotage, NoSyncOfTheIntentIsFound) {
  expect_found(answers(without_unnamed_files()), skipping(OperationKind::kSync, "topics/"));
}

TEST(CrashTogetherSabotage, NoSyncOfTheNameOfTheIntentIsFound) {
  expect_found(answers(), skipping(OperationKind::kSyncDir, "topics"));
  expect_found(topic(), skipping(OperationKind::kSyncDir, "topics"));
}

TEST(CrashTogetherSabotage, NoSyncOfTheSealedFileIsFound) {
  expect_found(topic(), skipping(OperationKind::kSync, "/msgs/"));
}

}  // namespace
}  // namespace spoolmq::test
