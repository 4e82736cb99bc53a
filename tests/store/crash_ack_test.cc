// Acknowledgements and other verdicts, and the cleaning up behind them, cut at every operation.

#include <gtest/gtest.h>

#include "tests/store/crash_cuts.h"

namespace spoolmq::test {
namespace {

constexpr std::int64_t kTwoSecondsMs = 2000;
const std::vector<std::string> kFive{"a", "b", "c", "d", "e"};

WorldOptions impatient() {
  WorldOptions options;
  options.settings.backoff = Milliseconds{0};
  return options;
}

void two_own_files(World& world) {
  world.send("alpha");
  world.clock().advance(kTwoSecondsMs);
  world.send("beta");
}

MessageId only_id(World& world) { return world.queue().scan({}).at(0).id; }

TEST(CrashAck, NeverDeliversAnAcknowledgedMessageAgain) {
  expect_no_violation({.name = "ack",
                       .options = impatient(),
                       .prepare = two_own_files,
                       .act =
                           [](World& world) {
                             world.take_and_ack();
                             world.clock().advance(kTwoSecondsMs);
                             world.queue().maintain();
                           }},
                      {.nested_stride = 4, .recovery_stride = 3, .rebuild_stride = 3});
}

TEST(CrashAck, RemovesTheFilesOfAllAcknowledgedMessages) {
  expect_no_violation({.name = "ack all",
                       .options = impatient(),
                       .prepare = [](World& world) { world.send_all(kFive); },
                       .act =
                           [](World& world) {
                             world.take_and_ack(kFive.size());
                             world.queue().maintain();
                             world.close();
                           }},
                      {.stride = 2, .nested_stride = 12, .recovery_stride = 4});
}

TEST(CrashAck, NeverDeliversAgainWhatWasAcknowledgedWithTheReceiptOfTheNext) {
  expect_no_violation({.name = "ack and receive",
                       .options = impatient(),
                       .prepare = [](World& world) { world.send_all(kFive); },
                       .act = [](World& world) { world.take_in_turns(3); }},
                      {.nested_stride = 6, .recovery_stride = 4, .rebuild_stride = 3});
}

WorldOptions long_lived() {
  WorldOptions options = impatient();
  options.one_shot = false;
  return options;
}

TEST(CrashAck, NeverDeliversAgainWhatWasAcknowledgedEarly) {
  expect_no_violation({.name = "early acks",
                       .options = long_lived(),
                       .prepare = [](World& world) { world.send_all(kFive); },
                       .act = [](World& world) { world.take_together(4); }},
                      {.nested_stride = 6, .recovery_stride = 3, .rebuild_stride = 3});
}

TEST(CrashAck, NeverDeliversAgainWhatWasAcknowledgedEarlyFromOwnFiles) {
  expect_no_violation({.name = "early acks of own files",
                       .options = long_lived(),
                       .prepare = two_own_files,
                       .act =
                           [](World& world) {
                             world.take_together(2);
                             world.send("gamma");
                             world.close();
                           }},
                      {.nested_stride = 6, .recovery_stride = 3, .rebuild_stride = 3});
}

// After so many of which nobody else took one.
TEST(CrashAck, NeverDeliversAgainWhatWasAcknowledgedEarlyByOnes) {
  constexpr std::size_t kBefore = 17;
  expect_no_violation({.name = "early acks by ones",
                       .options = long_lived(),
                       .prepare =
                           [](World& world) {
                             std::vector<std::string> bodies = kFive;
                             for (std::size_t i = 0; i < kBefore; ++i) {
                               bodies.push_back("before" + std::to_string(i));
                             }
                             world.send_all(bodies);
                             world.take_and_ack(kBefore);
                           },
                       .act =
                           [](World& world) {
                             world.take_and_ack(1);
                             world.take_in_turns(2);
                           }},
                      {.nested_stride = 6, .recovery_stride = 3, .rebuild_stride = 3});
}

TEST(CrashAck, PunchesOnlyWhatIsAcknowledged) {
  expect_no_violation(
      {.name = "mixed segment",
       .options = impatient(),
       .prepare =
           [](World& world) {
             world.send_all({"a", "b", std::string(9000, 'c'), "d"});
             world.send_all({"e"});
             world.close();
             world.queue().stats();
           },
       .act =
           [](World& world) {
             world.take_and_ack(3);
             world.queue().maintain();
             world.take_and_ack(1);
             world.clock().advance(kTwoSecondsMs);
             world.queue().maintain();
           }},
      {.stride = 2, .nested_stride = 12, .recovery_stride = 4, .rebuild_stride = 4});
}

TEST(CrashAck, RemembersVerdictsOfAnOpenSegment) {
  expect_no_violation(
      {.name = "open mixed segment",
       .options = impatient(),
       .prepare = [](World& world) { world.send_all(kFive); },
       .act =
           [](World& world) {
             world.take_and_ack(2);
             world.queue().maintain();
             world.send("f");
             world.take_and_ack(1);
             world.queue().maintain();
           }},
      {.stride = 2, .nested_stride = 12, .recovery_stride = 4, .rebuild_stride = 4});
}

TEST(CrashAck, RemovesALargeBodyWithItsMessage) {
  WorldOptions options = impatient();
  options.settings.body_inline = 100;
  expect_no_violation({.name = "ack large",
                       .options = options,
                       .prepare = [](World& world) { world.send(std::string(5000, 'L')); },
                       .act =
                           [](World& world) {
                             world.take_and_ack();
                             world.queue().maintain();
                           }},
                      {.nested_stride = 8, .recovery_stride = 4});
}

TEST(CrashAck, KeepsARejectedMessageDead) {
  expect_no_violation({.name = "reject",
                       .options = impatient(),
                       .prepare = two_own_files,
                       .act =
                           [](World& world) {
                             Delivery delivery = world.take();
                             world.reject(delivery);
                             world.queue().maintain();
                           }},
                      {.nested_stride = 6, .recovery_stride = 4, .rebuild_stride = 2});
}

TEST(CrashAck, KeepsARequeuedMessageLive) {
  expect_no_violation({.name = "requeue",
                       .options = impatient(),
                       .prepare =
                           [](World& world) {
                             world.send("alpha");
                             Delivery delivery = world.take();
                             world.reject(delivery);
                             world.queue().maintain();
                           },
                       .act =
                           [](World& world) {
                             world.requeue(only_id(world), "alpha");
                             world.queue().maintain();
                           }},
                      {.nested_stride = 6, .recovery_stride = 4, .rebuild_stride = 2});
}

TEST(CrashAck, KeepsAHeldMessageHeld) {
  expect_no_violation({.name = "hold",
                       .options = impatient(),
                       .prepare = [](World& world) { world.send("alpha"); },
                       .act =
                           [](World& world) {
                             world.hold(only_id(world), "alpha");
                             world.queue().maintain();
                           }},
                      {.nested_stride = 6, .recovery_stride = 4, .rebuild_stride = 2});
}

TEST(CrashAck, ReturnsWhatWasNackedOrOnlyTaken) {
  expect_no_violation({.name = "nack",
                       .options = impatient(),
                       .prepare = two_own_files,
                       .act =
                           [](World& world) {
                             world.take().nack("test");
                             world.take().release();
                             world.keep(world.take());
                             world.take().detach();
                           }},
                      {.stride = 2, .nested_stride = 8, .recovery_stride = 4});
}

}  // namespace
}  // namespace spoolmq::test
