// One file, many messages: each record once, the bad ones beside their reason.

#include "adapters/import_split.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "tests/adapters/import_rig.h"

namespace spoolmq::adapters::test {
namespace {

using Bodies = std::multiset<std::string>;

ImportSettings split_as(const std::string& rule) {
  ImportSettings settings = DirectoryWorld::at_first_look();
  std::string why;
  settings.split = *SplitRule::parse(rule, &why);
  return settings;
}

TEST(ImportSplit, MakesAMessageOfEachLine) {
  DirectoryWorld world;
  world.put("in", "a.txt", "one\ntwo\n\nthree");
  EXPECT_EQ(ImportRig(world, split_as("lines")).run().imported, 1U);
  EXPECT_TRUE(world.files("in").empty());
  auto first = world.queue().receive();
  ASSERT_TRUE(first);
  EXPECT_EQ(*first->message().header("record"), "1");
  EXPECT_EQ(*first->message().header("name"), "a.txt");
  first->ack();
  EXPECT_EQ(world.drain(), (Bodies{"two", "three"}));
}

TEST(ImportSplit, PutsABadRecordAsideAndGoesOn) {
  DirectoryWorld world;
  world.put("in", "a.csv", "k,v\n1,2\n3\n4,5\n");
  ImportRig rig(world, split_as("csv"));
  EXPECT_EQ(rig.run().refused, 1U);
  EXPECT_EQ(rig.refused, std::vector<std::string>{"a.csv, record 2, line 3"});
  EXPECT_EQ(world.drain(), (Bodies{"k,v\n1,2\n", "k,v\n4,5\n"}));
  EXPECT_EQ(world.files("errors").at("a.record-2.csv"), "3\n");
  EXPECT_TRUE(world.files("in").empty());
}

TEST(ImportSplit, PutsARecordAsideThatTheQueueRefuses) {
  Settings checked;
  checked.check = BodyCheck::kJson;
  DirectoryWorld world(checked);
  world.put("in", "a", "{}\n{\n[]\n");
  EXPECT_EQ(ImportRig(world, split_as("lines")).run().refused, 1U);
  EXPECT_EQ(world.drain(), (Bodies{"{}", "[]"}));
  EXPECT_EQ(world.files("errors").at("a.record-2"), "{");
}

TEST(ImportSplit, PutsAFileAsideInWhichItsPathMeetsNothing) {
  DirectoryWorld world;
  world.put("in", "a.xml", "<orders><order>1</order></orders>");
  world.put("in", "b.xml", "<other/>");
  EXPECT_EQ(ImportRig(world, split_as("xml:/orders/order")).run().refused, 1U);
  EXPECT_EQ(world.drain(), Bodies{"<order>1</order>"});
  EXPECT_EQ(world.files("errors").at("b.xml"), "<other/>");
  EXPECT_TRUE(world.files("in").empty());
}

TEST(ImportSplit, TakesEmptyFiles) {
  DirectoryWorld world;
  world.put("in", "a", "");
  world.put("in", "b", "\n");
  world.put("in", "c", "x");
  EXPECT_EQ(ImportRig(world, split_as("lines")).run().imported, 3U);
  EXPECT_EQ(world.drain(), Bodies{"x"});
}

// The queue forgets the ids of messages that have gone in time: the import knows how far it was.
TEST(ImportSplit, GoesOnWhereAFullQueueStoppedIt) {
  constexpr std::int64_t kWeekMs =
      std::int64_t{8} * 24 * 3'600'000;  // ids are remembered for 7 days
  for (const bool is_restarted : {false, true}) {
    Settings small;
    small.capacity = 2;
    small.check = BodyCheck::kUtf8;
    DirectoryWorld world(small);
    world.put("in", "a", "1\n2\n\xff\n3\n4\n5\n");
    std::optional<ImportRig> rig;
    Bodies got;
    for (int round = 0; round < 8; ++round) {
      if (is_restarted || !rig) rig.emplace(world, split_as("lines"));
      rig->run();
      const auto now = world.drain();
      EXPECT_LE(now.size(), 2U);
      got.insert(now.begin(), now.end());
      for (int i = 0; i < 3; ++i) {  // what is acknowledged goes step by step
        world.clock().ahead_ms += 10'000;
        world.queue().sweep();
      }
      if (is_restarted) {
        rig.reset();
        world.restart(Cut::kPowerNamesLost);
        world.clock().ahead_ms += kWeekMs;
      } else {
        world.clock().ahead_ms += kWeekMs;
      }
    }
    EXPECT_EQ(got, (Bodies{"1", "2", "3", "4", "5"}));
    EXPECT_TRUE(world.files("in").empty());
    EXPECT_EQ(world.files("errors").size(), 2U);
  }
}

TEST(ImportSplit, LeavesAFileWhoseBadRecordsHaveNoPlace) {
  DirectoryWorld world;
  world.put("in", "a.csv", "k,v\n1,2\n3\n");
  Sides sides;
  sides.errors = "none";
  ImportRig rig(world, split_as("csv"), sides);
  rig.run();
  EXPECT_EQ(rig.look().refused, 1U);
  EXPECT_EQ(world.files("in").size(), 1U);
  EXPECT_EQ(world.drain(), Bodies{"k,v\n1,2\n"});
}

TEST(ImportSplit, AFileThatCannotBeReadToItsEndHoldsUpNoOther) {
  DirectoryWorld world;
  world.put("in", "a", "1\n2\n");
  world.put("in", "b", "3\n");
  ImportRig rig(world, split_as("lines"));
  rig.hooks.before_read = [](const std::string& name) {
    if (name == "a") throw Error::from_errno(EIO, "read", name);
  };
  EXPECT_EQ(rig.run().imported, 1U);
  EXPECT_EQ(rig.report().left_unreadable, 1U);
  rig.hooks.before_read = nullptr;
  EXPECT_EQ(rig.look().imported, 2U);
  EXPECT_EQ(world.drain(), (Bodies{"1", "2", "3"}));
}

TEST(ImportSplit, RecordsHaveIdsOfTheirOwn) {
  const MessageId file({1, 2, 3, 4, 5, 6, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 9});
  std::set<std::string> ids;
  for (std::uint64_t number = 1; number <= 10'000; ++number) {
    ids.insert(record_id(file, number).text());
  }
  EXPECT_EQ(ids.size(), 10'000U);
  EXPECT_EQ(record_id(file, 5), record_id(file, 5));
  EXPECT_EQ(record_id(file, 5).bytes()[15], file.bytes()[15]);
  EXPECT_TRUE(MessageId::parse(record_id(file, 5).text()));
}

}  // namespace
}  // namespace spoolmq::adapters::test
