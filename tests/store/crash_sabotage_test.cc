// Proves the checks: each deliberate fault (a sync left out, a byte turned) must be found by them.
// A sabotage that nobody notices fails here.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <ostream>

#include "tests/store/crash_cuts.h"

namespace spoolmq::test {
namespace {

constexpr std::int64_t kTwoSecondsMs = 2000;

WorldOptions plain() {
  WorldOptions options;
  options.settings.backoff = Milliseconds{0};
  return options;
}

bool is_shard(std::string_view path) {
  const std::size_t at = path.rfind("/msgs/");
  return at != std::string_view::npos && path.size() == at + 8;
}

bool is_spool_file(const Operation& operation) {
  return operation.path.find("/msgs/") != std::string::npos && !is_shard(operation.path);
}

Filter skipping(OperationKind kind, const std::function<bool(const Operation&)>& which) {
  return [=](const Operation& operation) {
    return operation.kind == kind && which(operation) ? Verdict::kSkip : Verdict::kDo;
  };
}

Filter skipping_syncs_of(std::string_view end) {
  return skipping(OperationKind::kSync,
                  [end](const Operation& operation) { return operation.path.ends_with(end); });
}

Filter skipping_dir_syncs_of(std::string_view end) {
  return skipping(OperationKind::kSyncDir,
                  [end](const Operation& operation) { return operation.path.ends_with(end); });
}

// ---- What is sabotaged
// ----------------------------------------------------------------------------

void open_queue(World& world) { world.queue().stats(); }
void send_one(World& world) { world.send("alpha"); }
void send_two(World& world) {
  world.send("alpha");
  world.send("beta");
}
void send_three(World& world) { world.send_all({"a", "b", "c"}); }
void reboot_cleanly(World& world) {
  world.send("before");
  world.close();
  world.clock().reboot();
}
void sent_batch(World& world) {
  world.send_all({"a", "b", std::string(9000, 'c'), "d"});
  world.close();
  world.queue().stats();
}
void ack_one(World& world) { world.take_and_ack(); }
void ack_early(World& world) { world.take_together(3); }
void clean_up(World& world) {
  world.clock().advance(kTwoSecondsMs);
  world.queue().maintain();
  world.clock().advance(kTwoSecondsMs);
  world.queue().maintain();
}
void ack_three_and_clean_up(World& world) {
  world.take_and_ack(3);
  clean_up(world);
}
void ack_and_clean_up(World& world) {
  world.take_and_ack();
  clean_up(world);
}
void reject_and_clean_up(World& world) {
  Delivery delivery = world.take();
  world.reject(delivery);
  world.queue().maintain();
}
void move_all(World& world) {
  std::vector<std::pair<MessageId, std::string>> messages;
  for (const MessageStatus& one : world.queue().scan({})) {
    messages.emplace_back(one.id, world.queue().load(one.id)->body);
  }
  world.move(messages);
}

WorldOptions options_of(const std::function<void(WorldOptions&)>& change) {
  WorldOptions options = plain();
  change(options);
  return options;
}

struct Sabotage {
  const char* name;
  Scenario scenario;
  std::function<Filter()> filter;
  Effort effort = {};
};

std::vector<Sabotage> sabotages() {
  const WorldOptions clean = options_of([](WorldOptions& options) { options.one_shot = false; });
  const WorldOptions large =
      options_of([](WorldOptions& options) { options.settings.body_inline = 100; });
  const WorldOptions two = options_of([](WorldOptions& options) { options.two_queues = true; });
  const WorldOptions xml =
      options_of([](WorldOptions& options) { options.settings.format = Format::kXml; });
  const Scenario mixed{.name = "",
                       .options = plain(),
                       .prepare =
                           [](World& world) {
                             world.send_all({"a", "b", "c", "d"});
                           },
                       .act =
                           [](World& world) {
                             world.take_and_ack(2);
                             world.queue().maintain();
                             world.take_and_ack(1);
                           }};
  return {
      {"NoSyncOfAnOwnFile",
       {.name = "", .options = plain(), .prepare = open_queue, .act = send_one},
       [] { return skipping(OperationKind::kSync, is_spool_file); }},
      {"NoSyncOfAnXmlFile",
       {.name = "", .options = xml, .prepare = open_queue, .act = send_one},
       [] { return skipping(OperationKind::kSync, is_spool_file); }},
      {"NoSyncOfAppendedBytes",
       {.name = "", .options = plain(), .prepare = send_two, .act = [](World& w) { w.send("c"); }},
       [] { return skipping(OperationKind::kSync, is_spool_file); }},
      {"NoSyncOfALargeBody",
       {.name = "",
        .options = large,
        .prepare = open_queue,
        .act = [](World& world) { world.send(std::string(3000, 'L')); }},
       [] {
         auto seen = std::make_shared<int>(0);
         // The first file that is synced is the body.
         return skipping(OperationKind::kSync, [seen](const Operation& operation) {
           return is_spool_file(operation) && ++*seen % 2 == 1;
         });
       }},
      {"NoSyncOfTheShardAfterAnOwnFile",
       {.name = "", .options = plain(), .prepare = open_queue, .act = send_one},
       [] {
         return skipping(OperationKind::kSyncDir,
                         [](const Operation& operation) { return is_shard(operation.path); });
       }},
      {"NoSyncOfTheShardAfterASegment",
       {.name = "", .options = plain(), .prepare = send_one, .act = [](World& w) { w.send("b"); }},
       [] {
         return skipping(OperationKind::kSyncDir,
                         [](const Operation& operation) { return is_shard(operation.path); });
       }},
      {"NoSyncOfTheParentOfANewShard",
       {.name = "", .options = plain(), .prepare = open_queue, .act = send_one},
       [] { return skipping_dir_syncs_of("/msgs"); }},
      {"NoSyncOfTheLogAfterAnAck",
       {.name = "", .options = plain(), .prepare = send_one, .act = ack_one},
       [] { return skipping_syncs_of("-wal"); }},
      {"NoSyncOfAnEarlyAck",
       {.name = "", .options = clean, .prepare = send_three, .act = ack_early},
       [] { return skipping_syncs_of("/acks-0000"); }},
      {"NoSyncOfTheNameOfEarlyAcks",
       {.name = "", .options = clean, .prepare = send_three, .act = ack_early},
       [] { return skipping_dir_syncs_of("queues/q"); }},
      {"NoSyncOfTheLogBeforeAnUnlink",
       {.name = "", .options = plain(), .prepare = sent_batch, .act = ack_three_and_clean_up},
       [] { return skipping_syncs_of("-wal"); }},
      {"NoSyncOfTheLogAfterAReject",
       {.name = "", .options = plain(), .prepare = send_one, .act = reject_and_clean_up},
       [] { return skipping_syncs_of("-wal"); }},
      {"NoSyncOfTheNameOfTheDirtyMark",
       {.name = "", .options = clean, .prepare = reboot_cleanly, .act = send_one},
       [] { return skipping_dir_syncs_of("queues/q"); }},
      {"NoDirtyMark",
       {.name = "", .options = clean, .prepare = reboot_cleanly, .act = send_one},
       [] {
         return skipping(OperationKind::kRename, [](const Operation& operation) {
           return operation.new_path.ends_with("/boot");
         });
       }},
      {"NoSyncOfVerdictsOfAMixedFile",
       mixed,
       [] { return skipping_syncs_of("verdicts.log"); },
       {.stride = 3, .rebuild_stride = 1}},
      {"NoSyncOfTheDirectoryBeforeTheRowIsDeleted",
       {.name = "",
        .options = plain(),
        .prepare = send_one,
        .act =
            [](World& world) {
              ack_and_clean_up(world);
              world.send("later");
              ack_and_clean_up(world);
              world.queue().close();
            }},
       [] {
         return skipping(OperationKind::kSyncDir,
                         [](const Operation& operation) { return is_shard(operation.path); });
       }},
      {"NoSyncOfAnIntent",
       {.name = "", .options = two, .prepare = send_one, .act = move_all},
       [] {
         return skipping(OperationKind::kSync, [](const Operation& operation) {
           return operation.path.find("topics/") != std::string::npos;
         });
       },
       {.stride = 2}},
      {"NoIntent",
       {.name = "", .options = two, .prepare = send_one, .act = move_all},
       [] { return skipping_dir_syncs_of("topics"); },
       {.stride = 2}},
      {"NoSyncOfTheOtherQueueAfterAMove",
       {.name = "", .options = two, .prepare = send_one, .act = move_all},
       [] {
         return skipping(OperationKind::kSyncDir, [](const Operation& operation) {
           return operation.path.find("queues/other/msgs") != std::string::npos;
         });
       }},
      {"NoUnlinkOfAckedFiles",
       {.name = "", .options = plain(), .prepare = send_one, .act = ack_and_clean_up},
       [] { return skipping(OperationKind::kUnlink, is_spool_file); }},
      {"NoVerdictsOfAMixedFile",
       mixed,
       [] {
         return skipping(OperationKind::kWrite, [](const Operation& operation) {
           return operation.path.ends_with("verdicts.log");
         });
       },
       {.stride = 3, .rebuild_stride = 1}},
      {"NoVerdictOfARejection",
       {.name = "", .options = plain(), .prepare = send_one, .act = reject_and_clean_up},
       [] {
         return skipping(OperationKind::kWrite, [](const Operation& operation) {
           return operation.path.ends_with("verdicts.log");
         });
       },
       {.rebuild_stride = 1}},
      {"NoUnlinkOfTemporaries",
       {.name = "",
        .options = options_of([](WorldOptions& options) { options.support.unnamed = false; }),
        .prepare = open_queue,
        .act = send_one},
       [] {
         return skipping(OperationKind::kUnlink, [](const Operation& operation) {
           return operation.path.find("/.tmp-") != std::string::npos;
         });
       }},
  };
}

void PrintTo(const Sabotage& sabotage, std::ostream* out) { *out << sabotage.name; }

class CrashSabotage : public ::testing::TestWithParam<Sabotage> {};

TEST_P(CrashSabotage, IsFound) {
  const Sabotage& sabotage = GetParam();
  Effort little = sabotage.effort;
  little.stride = 8;
  ASSERT_TRUE(run_cuts(sabotage.scenario, little).violations.empty())
      << "found without the sabotage";
  const CutReport report = run_cuts(sabotage.scenario, sabotage.effort, sabotage.filter());
  EXPECT_FALSE(report.violations.empty()) << "not found in " << report.cuts << " cuts";
}

INSTANTIATE_TEST_SUITE_P(All, CrashSabotage, ::testing::ValuesIn(sabotages()),
                         [](const auto& one) { return std::string(one.param.name); });

// ---- Damage at rest
// -------------------------------------------------------------------------------

// Turns one bit in the middle of the only spool file.
void damage(World& world) {
  const std::string path = world.spool_files().at(0);
  const auto shard = world.queue_dir()->open_dir("msgs")->open_dir(path.substr(0, 2));
  const auto file = shard->open(path.substr(3), Access::kReadWrite);
  std::vector<std::byte> bytes(file->status().size);
  file->read_at(bytes, 0);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t at = text.find("precious");
  ASSERT_NE(at, std::string_view::npos);
  const std::byte turned = bytes[at] ^ std::byte{1};
  file->write_at({&turned, 1}, at);
  file->sync();
}

void expect_corrupt(Format format) {
  WorldOptions options = plain();
  options.settings.format = format;
  World world(options);
  world.send("precious");
  world.close();
  damage(world);
  EXPECT_FALSE(world.queue().receive()) << "delivered in spite of its checksum";
  EXPECT_EQ(world.queue().stats().of(State::kCorrupt).messages, 1);
  EXPECT_FALSE(check(world).empty()) << "the check does not see it";
}

TEST(CrashDamage, OfABinaryRecordMakesItCorrupt) { expect_corrupt(Format::kBinary); }
TEST(CrashDamage, OfAnXmlFileMakesItCorrupt) { expect_corrupt(Format::kXml); }

}  // namespace
}  // namespace spoolmq::test
