// Damaged bytes: what is hit goes corrupt with its bytes kept, everything else is delivered.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Bodies = std::vector<std::string>;

// Without the look for it at each act, its handle would acknowledge into a file without a name.
TEST(RemovedIndex, IsMissedByTheNextActOfAHandleThatHasItOpen) {
  StoreWorld world({}, On::kDisk);
  world.queue().send_batch({text("a"), text("b"), text("c")});
  std::filesystem::remove(world.path() + "/queues/q/index.1.db");
  EXPECT_EQ(drain(world.queue()), (Bodies{"a", "b", "c"}));
  Queue next = world.open();
  EXPECT_EQ(drain(next), Bodies{});
  EXPECT_EQ(next.stats().generation, 2U);
}

class Damage : public ::testing::Test {
 protected:
  Queue& queue() { return world_.queue(); }

  // Flips one byte of every spool file in which `needle` is found, at its place.
  int flip(const std::string& needle) {
    int flipped = 0;
    for (const std::string& name : world_.spool_files()) {
      const auto shard = world_.queue_dir()->open_dir("msgs")->open_dir(name.substr(0, 2));
      const std::string bytes = *read_file(*shard, name.substr(3), 100 << 20);
      const std::size_t at = bytes.find(needle);
      if (at == std::string::npos) continue;
      const char other = static_cast<char>(bytes[at] ^ 1);
      shard->open(name.substr(3), Access::kReadWrite)->write_at(as_bytes({&other, 1}), at);
      ++flipped;
    }
    return flipped;
  }
  // Where it stands for the last time in the only segment.
  int flip_last(const std::string& needle) {
    std::string segment;
    for (const std::string& name : world_.spool_files()) {
      const std::string bytes = world_.disk().bytes_of("queues/q/msgs/" + name);
      if (bytes.size() > 12 && bytes[12] == '\1') segment = "queues/q/msgs/" + name;
    }
    const std::string bytes = world_.disk().bytes_of(segment);
    const std::size_t seal = bytes.rfind(needle);
    const std::size_t at = bytes.rfind(needle, seal - 1);
    if (seal == std::string::npos || at == std::string::npos) return 0;
    return world_.disk().decay(segment, at, "x") ? 1 : 0;
  }
  std::vector<std::string> kept() { return world_.disk().names("queues/q/corrupt"); }
  static bool mentions(const std::vector<FsckFinding>& findings, std::string_view what) {
    return std::any_of(findings.begin(), findings.end(),
                       [&](const FsckFinding& one) { return one.what == what; });
  }
  StoreWorld world_;
};

TEST_F(Damage, InOneRecordLeavesTheOthers) {
  const auto sent = queue().send_batch({text("before"), text("UNLUCKY"), text("after")});
  ASSERT_EQ(flip("UNLUCKY"), 1);
  EXPECT_EQ(take(queue()), "before");
  EXPECT_EQ(take(queue()), "after");
  EXPECT_EQ(take(queue()), "(none)");
  const auto status = queue().status(sent[1].id);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->state, State::kCorrupt);
  EXPECT_EQ(status->reason, "checksum");
  EXPECT_EQ(refusal([&] { queue().load(sent[1].id); }), ErrorCode::kBadData);
}

TEST_F(Damage, KeepsTheBytesAside) {
  const MessageId id = queue().send(text("UNLUCKY"));
  ASSERT_EQ(flip("UNLUCKY"), 1);
  EXPECT_FALSE(queue().receive());
  EXPECT_EQ(kept(), (std::vector<std::string>{id.text(), id.text() + ".reason"}));
  const auto corrupt = world_.queue_dir()->open_dir("corrupt");
  EXPECT_NE(read_file(*corrupt, id.text(), 10'000)->find("NLUCKY"), std::string::npos);
  EXPECT_TRUE(read_file(*corrupt, id.text() + ".reason", 10'000)->starts_with("checksum in "));
}

TEST_F(Damage, DoesNotMakeAReceiverGoAwayEmpty) {
  queue().send_batch({text("UNLUCKY"), text("fine")});
  ASSERT_EQ(flip("UNLUCKY"), 1);
  const auto delivery = queue().receive();
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->message().body, "fine");
}

TEST_F(Damage, OfAnXmlFileIsSeenToo) {
  SendOptions xml;
  xml.format = Format::kXml;
  const MessageId id = queue().send(text("UNLUCKY"), xml);
  queue().send(text("fine"), xml);
  ASSERT_EQ(flip("UNLUCKY"), 1);
  EXPECT_EQ(drain(queue()), Bodies{"fine"});
  EXPECT_EQ(queue().status(id)->state, State::kCorrupt);
}

TEST_F(Damage, OfAMissingFileIsToldAsSuch) {
  const MessageId id = queue().send(text("x"));
  const std::string name = world_.spool_files().front();
  world_.queue_dir()->open_dir("msgs")->open_dir(name.substr(0, 2))->unlink(name.substr(3));
  EXPECT_FALSE(queue().receive());
  const auto status = queue().status(id);
  EXPECT_TRUE(!status || status->state == State::kCorrupt);
}

TEST_F(Damage, LetsTheNextOfItsKeyFollow) {
  queue().send_batch({keyed("UNLUCKY", "k"), keyed("next", "k")});
  ASSERT_EQ(flip("UNLUCKY"), 1);
  EXPECT_EQ(take(queue()), "next");
}

TEST_F(Damage, IsStillKnownAfterARebuild) {
  const auto sent = queue().send_batch({text("before"), text("UNLUCKY"), text("after")});
  ASSERT_EQ(flip("UNLUCKY"), 1);
  queue().fsck(FsckMode::kRebuildIndex);
  EXPECT_EQ(drain(queue()), (Bodies{"before", "after"}));
  EXPECT_EQ(count(queue(), State::kCorrupt), 1);
}

// Alone in its file, nothing behind it says that it was ever finished: but its file has a name.
TEST_F(Damage, OfALoneMessageIsStillKnownAfterARebuild) {
  const MessageId id = queue().send(text("UNLUCKY"));
  ASSERT_EQ(flip("UNLUCKY"), 1);
  queue().fsck(FsckMode::kRebuildIndex);
  const auto status = queue().status(id);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->state, State::kCorrupt);
  EXPECT_EQ(queue().stats().of(State::kCorrupt).messages, 1);
}

TEST_F(Damage, OfALoneMessagesHeaderIsStillKnownAfterABoot) {
  const MessageId id = queue().send(text("x"));
  ASSERT_EQ(flip("SPGR"), 1);
  queue().fsck(FsckMode::kRebuildIndex);
  EXPECT_EQ(take(queue()), "x");  // its record verifies on its own
  EXPECT_FALSE(queue().status(id));
}

// The last group's header: the seal behind it says that it was finished.
TEST_F(Damage, OfTheLastGroupsHeaderCostsNothingWithoutAnIndex) {
  queue().send(text("alone"));
  queue().send_batch({text("1"), text("2")});
  queue().send_batch({text("3"), text("4")});
  world_.reopen();
  ASSERT_EQ(flip_last("SPGR"), 1);
  queue().fsck(FsckMode::kRebuildIndex);
  EXPECT_EQ(drain(queue()), (Bodies{"alone", "1", "2", "3", "4"}));
}

TEST_F(Damage, OfALastRecordCostsNoOtherWithoutAnIndex) {
  queue().send_batch({text("1"), text("2"), text("UNLUCKY")});
  world_.reopen();
  ASSERT_EQ(flip("UNLUCKY"), 1);
  queue().fsck(FsckMode::kRebuildIndex);
  EXPECT_EQ(drain(queue()), (Bodies{"1", "2"}));
  EXPECT_EQ(count(queue(), State::kCorrupt), 1);
}

// Nobody knows its id any more.
TEST_F(Damage, OfARecordsHeaderKeepsItsBytesAsideWithoutAnIndex) {
  const auto sent = queue().send_batch({text("1"), text("UNLUCKY"), text("3")});
  world_.reopen();
  const auto shard =
      world_.queue_dir()->open_dir("msgs")->open_dir(world_.spool_files().front().substr(0, 2));
  const MessageStatus unlucky = *queue().status(sent[1].id);
  const char x = 'x';
  shard->open(unlucky.file.substr(8), Access::kReadWrite)
      ->write_at(as_bytes({&x, 1}), unlucky.offset);
  queue().fsck(FsckMode::kRebuildIndex);
  EXPECT_EQ(drain(queue()), (Bodies{"1", "3"}));
  const std::string name =
      unlucky.file.substr(8, 36) + ".damaged-" + std::to_string(unlucky.offset);
  const auto corrupt = world_.queue_dir()->open_dir("corrupt");
  const auto bytes = read_file(*corrupt, name, 10'000);
  ASSERT_TRUE(bytes);
  EXPECT_NE(bytes->find("UNLUCKY"), std::string::npos);
  EXPECT_TRUE(corrupt->status(name + ".reason"));
}

TEST_F(Damage, MayBeDeletedByAnOperator) {
  const MessageId id = queue().send(text("UNLUCKY"));
  ASSERT_EQ(flip("UNLUCKY"), 1);
  EXPECT_FALSE(queue().receive());
  EXPECT_EQ(queue().remove(std::span(&id, 1)).changed.size(), 1U);
  EXPECT_EQ(total(queue()), 0);
}

TEST_F(Damage, IsFoundByFsckWhichOnlyLooksUnlessTold) {
  const MessageId id = queue().send_batch({text("UNLUCKY"), text("fine")}).front().id;
  EXPECT_TRUE(queue().fsck(FsckMode::kLook).empty());
  ASSERT_EQ(flip("UNLUCKY"), 1);
  auto findings = queue().fsck(FsckMode::kLook);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].what, "message");
  EXPECT_EQ(findings[0].where, id.text());
  EXPECT_FALSE(findings[0].repaired);
  EXPECT_EQ(queue().status(id)->state, State::kReady);
  findings = queue().fsck(FsckMode::kRepair);
  ASSERT_FALSE(findings.empty());
  EXPECT_TRUE(findings[0].repaired);
  EXPECT_EQ(queue().status(id)->state, State::kCorrupt);
  EXPECT_FALSE(kept().empty());
  EXPECT_EQ(drain(queue()), Bodies{"fine"});
}

TEST_F(Damage, OfAnUnknownSpoolFileIsRepairedByIndexingIt) {
  StoreWorld other;
  const MessageId id = other.queue().send(text("stray"));
  const std::string name = other.spool_files().front();
  const auto bytes = *read_file(*other.queue_dir()->open_dir("msgs")->open_dir(name.substr(0, 2)),
                                name.substr(3), 10'000);
  queue().send(text("known"));
  const auto messages = world_.queue_dir()->open_dir("msgs");
  messages->make_dir(name.substr(0, 2), 0700);
  messages->open_dir(name.substr(0, 2))
      ->create(name.substr(3), 0600, IfExists::kFail)
      ->write_at(as_bytes(bytes), 0);
  EXPECT_TRUE(mentions(queue().fsck(FsckMode::kLook), "file"));
  EXPECT_FALSE(queue().status(id));
  queue().fsck(FsckMode::kRepair);
  EXPECT_TRUE(queue().status(id));
  EXPECT_TRUE(queue().fsck(FsckMode::kLook).empty());
  EXPECT_EQ(total(queue()), 2);
}

TEST_F(Damage, OfLeftTemporariesIsCleanedUp) {
  queue().send(text("x"));
  const std::string shard_name = world_.spool_files().front().substr(0, 2);
  const auto shard = world_.queue_dir()->open_dir("msgs")->open_dir(shard_name);
  const std::string name = ".tmp-00000000deadbeef-0000000000000001";
  shard->create(name, 0600, IfExists::kFail);
  shard->create("notes.txt", 0600, IfExists::kFail);
  EXPECT_TRUE(mentions(queue().fsck(FsckMode::kLook), "temporary"));
  EXPECT_TRUE(shard->status(name));
  queue().fsck(FsckMode::kRepair);
  EXPECT_FALSE(shard->status(name));
  EXPECT_TRUE(shard->status("notes.txt"));
}

class IndexDamage : public Damage, public ::testing::WithParamInterface<const char*> {};

TEST_P(IndexDamage, IsMetByARebuildAndLosesNothing) {
  queue().send_batch({text("1"), text("2")});
  queue().send(text("3"));
  const MessageId held = queue().send(text("held"));
  queue().hold(std::span(&held, 1), "wait");
  EXPECT_EQ(take(queue()), "1");
  queue().maintain();
  world_.reopen();
  const auto dir = world_.queue_dir();
  std::string index;
  dir->list([&](std::string_view name) {
    if (name.starts_with("index.") && name.ends_with(".db")) index = name;
    return true;
  });
  ASSERT_FALSE(index.empty());
  const std::string how = GetParam();
  if (how == "deleted") {
    dir->unlink(index);
  } else {
    const auto file = dir->open(index, Access::kReadWrite);
    if (how == "truncated") file->truncate(5000);
    if (how == "emptied") file->truncate(0);
    if (how == "flipped") file->write_at(as_bytes("\x55"), 4096 + 2000);
    if (how == "header") file->write_at(as_bytes("garbage"), 0);
  }
  Bodies bodies = drain(queue());
  std::sort(bodies.begin(), bodies.end());
  EXPECT_EQ(bodies, (Bodies{"2", "3"}));
  EXPECT_EQ(queue().status(held)->state, State::kHeld);
  EXPECT_TRUE(queue().fsck(FsckMode::kLook).empty());
}

INSTANTIATE_TEST_SUITE_P(Ways, IndexDamage,
                         ::testing::Values("deleted", "truncated", "emptied", "flipped", "header"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace spoolmq::test
