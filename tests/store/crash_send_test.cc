// Sends of every kind, cut at every operation.

#include <gtest/gtest.h>

#include "tests/store/crash_cuts.h"

namespace spoolmq::test {
namespace {

// A queue that was opened and used before: its index, its slot and its shard are there.
void open_queue(World& world) { world.queue().stats(); }

void open_segment(World& world) {
  world.send("first");
  world.send("second");
}

SendOptions as_xml() {
  SendOptions options;
  options.format = Format::kXml;
  return options;
}

SendOptions not_synced() {
  SendOptions options;
  options.durability = Durability::kOs;
  return options;
}

WorldOptions with(const std::function<void(Settings&)>& change) {
  WorldOptions options;
  options.settings.backoff = Milliseconds{0};
  change(options.settings);
  return options;
}

Message keyed(const std::string& key) {
  Message message;
  message.dedupe_key = key;
  return message;
}

Message identified() {
  Message message;
  message.id = *MessageId::parse("0190a000-0000-7000-8000-0000000000ab");
  return message;
}

WorldOptions without_unnamed_files() {
  WorldOptions options;
  options.support.unnamed = false;
  return options;
}

TEST(CrashSend, KeepsAMessageInAFileOfItsOwn) {
  expect_no_violation(
      {.name = "one", .prepare = open_queue, .act = [](World& world) { world.send("alpha"); }},
      {.nested_stride = 3, .recovery_stride = 2, .rebuild_stride = 3});
}

// The process that makes the shard dies before its name is durable; the next one sends into it.
TEST(CrashSend, KeepsAMessageInADirectoryThatADeadProcessMade) {
  for (std::uint64_t n = 1; n < 30; ++n) {
    World first({});
    first.queue().stats();
    first.disk().cut_at(n);
    try {
      first.send("alpha");
      break;
    } catch (const PowerCut&) {
    } catch (const Error&) {
      ASSERT_TRUE(first.disk().is_cut());
    }
    World second(first.disk().after_kill(), first.clock(), first.ledger(), {});
    second.send("beta");
    TurnableClock clock = second.clock();
    clock.reboot();
    World third(second.disk().after_power_cut(Names::kLost, Bytes::kLost), clock, second.ledger(),
                {});
    for (const std::string& one : check(third)) ADD_FAILURE() << n << ": " << one;
  }
}

TEST(CrashSend, KeepsAMessageOfAHandleThatClosesCleanly) {
  WorldOptions options;
  options.one_shot = false;
  expect_no_violation({.name = "one, clean marks",
                       .options = options,
                       .prepare = open_queue,
                       .act = [](World& world) { world.send("alpha"); }},
                      {.nested_stride = 7, .recovery_stride = 4});
}

TEST(CrashSend, KeepsTheVeryFirstMessageOfAQueue) {
  expect_no_violation({.name = "first", .act = [](World& world) { world.send("alpha"); }},
                      {.nested_stride = 10, .recovery_stride = 3});
}

TEST(CrashSend, KeepsAMessageWithoutUnnamedFiles) {
  expect_no_violation({.name = "temporary",
                       .options = without_unnamed_files(),
                       .prepare = open_queue,
                       .act = [](World& world) { world.send("alpha"); }},
                      {.nested_stride = 3, .recovery_stride = 3});
}

TEST(CrashSend, KeepsAMessageThatStartsASegment) {
  expect_no_violation({.name = "segment start",
                       .prepare = [](World& world) { world.send("first"); },
                       .act = [](World& world) { world.send("alpha"); }},
                      {.nested_stride = 4, .rebuild_stride = 3});
}

TEST(CrashSend, KeepsAppendedMessages) {
  expect_no_violation({.name = "append",
                       .prepare = open_segment,
                       .act =
                           [](World& world) {
                             world.send("alpha");
                             world.send("beta");
                           }},
                      {.nested_stride = 4, .rebuild_stride = 3});
}

TEST(CrashSend, KeepsABatch) {
  expect_no_violation({.name = "batch",
                       .prepare = open_queue,
                       .act =
                           [](World& world) {
                             world.send_all({"a", "b", "c", "d", std::string(5000, 'e')});
                           }},
                      {.nested_stride = 5, .rebuild_stride = 4});
}

TEST(CrashSend, KeepsAnXmlMessage) {
  expect_no_violation({.name = "xml",
                       .prepare = open_queue,
                       .act = [](World& world) { world.send("alpha", {}, as_xml()); }},
                      {.nested_stride = 4, .rebuild_stride = 4});
}

TEST(CrashSend, KeepsALargeBody) {
  expect_no_violation({.name = "large",
                       .options = with([](Settings& settings) { settings.body_inline = 100; }),
                       .prepare = open_queue,
                       .act = [](World& world) { world.send(std::string(9000, 'L')); }},
                      {.nested_stride = 4, .rebuild_stride = 4});
}

TEST(CrashSend, KeepsOneMessagePerDedupeKey) {
  expect_no_violation({.name = "dedupe",
                       .prepare = open_queue,
                       .act = [](World& world) { world.send("alpha", keyed("k")); },
                       .again = [](World& world) { world.send("alpha", keyed("k")); }},
                      {.nested_stride = 6, .recovery_stride = 3});
}

TEST(CrashSend, KeepsOneMessagePerExplicitId) {
  expect_no_violation({.name = "explicit id",
                       .prepare = open_queue,
                       .act = [](World& world) { world.send("alpha", identified()); },
                       .again = [](World& world) { world.send("alpha", identified()); }},
                      {.nested_stride = 6, .recovery_stride = 3});
}

TEST(CrashSend, ReturnsThePlaceInABoundedQueue) {
  expect_no_violation({.name = "bounded",
                       .options = with([](Settings& settings) { settings.capacity = 2; }),
                       .prepare = [](World& world) { world.send("first"); },
                       .act = [](World& world) { world.send("alpha"); }},
                      {.nested_stride = 6, .recovery_stride = 3});
}

TEST(CrashSend, NeverTearsAnUnsyncedMessage) {
  expect_no_violation(
      {.name = "os",
       .prepare = open_queue,
       .act =
           [](World& world) {
             world.send("alpha", {}, not_synced());
             world.send("beta", {}, not_synced());
             world.send("gamma", {}, not_synced());
             world.send("xml", {},
                        {.format = Format::kXml, .durability = Durability::kOs, .timeout = {}});
             world.send("synced");
           }},
      {.stride = 2, .nested_stride = 10, .recovery_stride = 3});
}

}  // namespace
}  // namespace spoolmq::test
