// Backups of queues that are in use, and what comes of them.
#include "spoolmq/backup.h"

#include <gtest/gtest.h>

#include "spoolmq/topic.h"
#include "store/backup_manifest.h"
#include "tests/store/backup_world.h"

namespace spoolmq::test {
namespace {

TEST(Backup, RestoresWhatWaitsUnderItsIdsAndNothingElse) {
  BackupWorld world;
  const std::set<std::string> wanted = fill(world);
  const std::vector<BackedUp> done = world.open().back_up({}, world.place(), {});
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].messages, 5);
  EXPECT_GT(done[0].shared_files, 0U);
  EXPECT_EQ(world.open("second").restore(world.place(), {}).at(0).messages, 5);
  EXPECT_EQ(world.bodies("second"), wanted);
  Root first = world.open();
  Root second = world.open("second");
  Queue original = first.open_queue("q", world.no_thread());
  Queue restored = second.open_queue("q", world.no_thread());
  for (const MessageStatus& one : everything(original)) {
    EXPECT_TRUE(restored.status(one.id)) << one.id.text();
  }
}

TEST(Backup, TakesWhatAnOpenSegmentHoldsAndLeavesTheSegmentToItsWriter) {
  BackupWorld world;
  Root root = world.open();
  root.create_queue("q");
  Queue sender = root.open_queue("q", world.no_thread());
  sender.send(text("1"));
  sender.send(text("2"));
  sender.send(text("3"));  // 2 and 3 are in a segment that goes on
  root.back_up({}, world.place(), {});
  sender.send(text("4"));
  EXPECT_EQ(drain(sender), (std::vector<std::string>{"1", "2", "3", "4"}));
  world.open("second").restore(world.place(), {});
  EXPECT_EQ(world.bodies("second"), (std::set<std::string>{"1", "2", "3"}));
}

TEST(Backup, ReturnsBoundLeasesAndCountsNoFailure) {
  BackupWorld world;
  Settings once;
  once.max_failures = 1;
  Root root = world.open();
  root.create_queue("q", once);
  Queue queue = root.open_queue("q", world.no_thread());
  queue.send(text("bound"));
  const std::optional<Delivery> held = queue.receive();
  ASSERT_TRUE(held);
  root.back_up({}, world.place(), {});
  Root second = world.open("second");
  second.restore(world.place(), {});
  Queue restored = second.open_queue("q", world.no_thread());
  EXPECT_EQ(count(restored, State::kReady), 1);
  EXPECT_EQ(everything(restored).at(0).counters.failures, 0);
}

TEST(Backup, IsLookedAtAndNotChanged) {
  BackupWorld world;
  const std::set<std::string> wanted = fill(world);
  world.open().back_up({}, world.place(), {});
  Root backup = Root::open(world.place().parent->open_dir("b"), world.clock());
  {
    Queue queue = backup.open_queue("q", world.no_thread());
    EXPECT_EQ(everything(queue).size(), wanted.size());
    EXPECT_EQ(refusal([&] { queue.send(text("x")); }), ErrorCode::kPermission);
    EXPECT_EQ(refusal([&] { queue.receive(); }), ErrorCode::kPermission);
    const MessageId id = everything(queue).at(0).id;
    EXPECT_EQ(refusal([&] { queue.remove({&id, 1}); }), ErrorCode::kPermission);
    EXPECT_EQ(refusal([&] { queue.sweep(); }), ErrorCode::kPermission);
    EXPECT_EQ(refusal([&] { queue.pause({}); }), ErrorCode::kPermission);
    EXPECT_EQ(refusal([&] { queue.fsck(FsckMode::kRebuildIndex); }), ErrorCode::kPermission);
  }
  EXPECT_EQ(refusal([&] { backup.create_queue("new"); }), ErrorCode::kPermission);
  EXPECT_EQ(refusal([&] { backup.remove_queue("q", Force::kYes); }), ErrorCode::kPermission);
  // Having been looked at, in this boot and in another, it is a backup still.
  world.clock()->start_new_boot(Milliseconds{1000});
  Root::open(world.place().parent->open_dir("b"), world.clock()).open_queue("q", world.no_thread());
  world.open("second").restore(world.place(), {});
  EXPECT_EQ(world.bodies("second"), wanted);
}

TEST(Backup, GivesOneQueueAnotherNameAndNoBinding) {
  BackupWorld world;
  const std::set<std::string> wanted = fill(world);
  Root root = world.open();
  root.create_queue("other");
  root.bind("news.#", "q");
  const std::vector<std::string> only{"q"};
  root.back_up(only, world.place(), {});
  root.back_up({}, world.place("both"), {});
  RestoreOptions as;
  as.as = "copy";
  EXPECT_EQ(refusal([&] { root.restore(world.place("both"), as); }), ErrorCode::kUsage);
  root.restore(world.place(), as);
  EXPECT_EQ(world.bodies("root", "copy"), wanted);
  EXPECT_EQ(root.bindings(), (std::vector<Binding>{{"news.#", "q"}}));
  Root second = world.open("second");
  second.restore(world.place("both"), {});
  EXPECT_EQ(second.bindings(), (std::vector<Binding>{{"news.#", "q"}}));
}

TEST(Backup, TouchesNothingWhereItsPlaceOrAQueueIsTaken) {
  BackupWorld world;
  fill(world);
  Root root = world.open();
  root.back_up({}, world.place(), {});
  EXPECT_EQ(refusal([&] { root.back_up({}, world.place(), {}); }), ErrorCode::kCannotCreate);
  EXPECT_EQ(refusal([&] { root.restore(world.place(), {}); }), ErrorCode::kCannotCreate);
  const std::vector<std::string> missing{"nobody"};
  EXPECT_EQ(refusal([&] { root.back_up(missing, world.place("c"), {}); }), ErrorCode::kNotFound);
  EXPECT_EQ(world.disk().names("backups"), (std::vector<std::string>{"b"}));
  EXPECT_EQ(world.disk().names("root/queues"), (std::vector<std::string>{"q"}));
}

// Each of its files, gone or with one bit flipped: refused, and nothing is left of it.
TEST(Backup, RefusesEveryDamage) {
  BackupWorld world;
  fill(world);
  world.open().back_up({}, world.place(), {});
  std::vector<std::pair<std::string, std::string>> files{{"", "backup.json"}};
  for (const std::string& name : world.disk().names("backups/b/queues/q")) {
    if (name != "msgs" && name != "corrupt") files.emplace_back("queues/q", name);
  }
  for (const std::string& shard : world.disk().names("backups/b/queues/q/msgs")) {
    for (const std::string& name : world.disk().names("backups/b/queues/q/msgs/" + shard)) {
      files.emplace_back("queues/q/msgs/" + shard, name);
    }
  }
  ASSERT_GE(files.size(), 6U);
  const auto open_dir = [&](const std::string& path) {
    std::unique_ptr<Dir> dir = world.place().parent->open_dir("b");
    for (std::size_t at = 0; !path.empty() && at != std::string::npos;) {
      const std::size_t end = path.find('/', at);
      dir = dir->open_dir(path.substr(at, end == std::string::npos ? end : end - at));
      at = end == std::string::npos ? end : end + 1;
    }
    return dir;
  };
  const auto expect_refused = [&](const std::string& what) {
    EXPECT_EQ(refusal([&] { world.open("second").restore(world.place(), {}); }),
              ErrorCode::kBadData)
        << what;
    EXPECT_TRUE(world.disk().names("second/queues").empty()) << what;
  };
  world.open("second").create_queue("made-first");
  world.open("second").remove_queue("made-first");
  for (const auto& [where, name] : files) {
    const std::unique_ptr<Dir> dir = open_dir(where);
    const std::unique_ptr<File> file = dir->open(name, Access::kReadWrite);
    std::vector<std::byte> bytes(file->status().size);
    file->read_at(bytes, 0);
    // A segment's seal is of no message.
    const std::size_t seal = name.ends_with(".seg") ? 32 : 0;
    for (const std::size_t at : {bytes.size() / 2, bytes.size() - 1 - seal}) {
      // Padding at the end of a record counts for nothing.
      if (at == bytes.size() - 1 && bytes[at] == std::byte{0}) continue;
      const std::byte flipped = bytes[at] ^ std::byte{1};
      file->write_at({&flipped, 1}, at);
      expect_refused(name + " byte " + std::to_string(at));
      file->write_at({&bytes[at], 1}, at);
    }
    file->truncate(bytes.size() / 2);
    expect_refused(name + " shortened");
    file->write_at(bytes, 0);
    dir->unlink(name);
    expect_refused(name + " missing");
    dir->create(name, 0600, IfExists::kFail)->write_at(bytes, 0);
  }
  EXPECT_EQ(world.open("second").restore(world.place(), {}).size(), 1U);
}

TEST(Backup, AcceptsDamageWhenAskedToAndKeepsEveryOtherMessage) {
  BackupWorld world;
  const std::set<std::string> wanted = fill(world);
  world.open().back_up({}, world.place(), {BackupBytes::kOwn});
  const std::string messages = "backups/b/queues/q/msgs";
  const std::string shard = world.disk().names(messages).at(0);
  const std::string name = world.disk().names(messages + "/" + shard).at(0);
  const std::unique_ptr<Dir> queue =
      world.place().parent->open_dir("b")->open_dir("queues")->open_dir("q");
  const std::unique_ptr<File> file =
      queue->open_dir("msgs")->open_dir(shard)->open(name, Access::kReadWrite);
  const std::byte wrong{0xff};
  file->write_at({&wrong, 1}, file->status().size - 39);  // before a segment's seal
  RestoreOptions accept;
  accept.accept_damage = true;
  const std::vector<Restored> done = world.open("second").restore(world.place(), accept);
  EXPECT_EQ(done.at(0).messages, static_cast<std::int64_t>(wanted.size()));
  EXPECT_EQ(done.at(0).corrupt, 1);
  EXPECT_EQ(world.bodies().size(), wanted.size()) << "the copy was not the queue's own file";
}

TEST(BackupManifest, IsReadAsItWasWrittenAndRefusesEveryOtherByte) {
  BackupManifest manifest;
  manifest.made_at_ms = 1'800'000'000'000;
  manifest.queues.push_back({"a/b", 3, 12, 34, 5, 678, 9, {{"queue.toml", 10, 11}}});
  manifest.bindings.push_back({"x.#", "a/b"});
  const std::string text = format_manifest(manifest);
  const auto read = parse_manifest(text);
  ASSERT_TRUE(std::holds_alternative<BackupManifest>(read));
  EXPECT_EQ(std::get<BackupManifest>(read), manifest);
  for (std::size_t i = 0; i < text.size(); ++i) {
    EXPECT_TRUE(std::holds_alternative<NotAManifest>(parse_manifest(text.substr(0, i)))) << i;
    std::string other = text;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_TRUE(std::holds_alternative<NotAManifest>(parse_manifest(other))) << i;
  }
}

}  // namespace
}  // namespace spoolmq::test
