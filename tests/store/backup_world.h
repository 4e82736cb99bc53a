#pragma once
// A file system with a root that has a queue "q", a directory for backups beside it, and what a
// backup of it must hold. Everything on the twin.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/file_system.h"
#include "spoolmq/backup.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {

class BackupWorld {
 public:
  explicit BackupWorld(std::unique_ptr<MemoryFileSystem> disk = nullptr)
      : disk_(disk ? std::move(disk) : std::make_unique<MemoryFileSystem>()) {
    for (const char* const name : {"root", "backups", "second"})
      disk_->root()->make_dir(name, 0700);
    disk_->root()->sync();
  }
  MemoryFileSystem& disk() { return *disk_; }
  Root open(const char* root = "root") { return Root::open(disk_->root()->open_dir(root), clock_); }
  std::shared_ptr<FakeClock> clock() { return clock_; }
  BackupPlace place(std::string name = "b") {
    return {std::shared_ptr<Dir>(disk_->root()->open_dir("backups")), std::move(name)};
  }
  OpenOptions no_thread() {
    OpenOptions options;
    options.background = false;
    options.one_shot = true;
    options.clock = clock_;
    return options;
  }
  // The bodies on offer in a queue, delayed and leased ones too.
  std::set<std::string> bodies(const char* root = "root", std::string_view name = "q") {
    Root opened = open(root);
    Queue queue = opened.open_queue(name, no_thread());
    std::set<std::string> found;
    for (const MessageStatus& one : everything(queue)) {
      const std::optional<Message> message = queue.load(one.id);
      found.insert(message ? message->body : "?");
    }
    EXPECT_TRUE(queue.fsck(FsckMode::kLook).empty());
    return found;
  }

 private:
  std::unique_ptr<MemoryFileSystem> disk_;
  std::shared_ptr<FakeClock> clock_ = std::make_shared<FakeClock>();
};

// Own files, a segment that is open, one that is sealed with acknowledged records beside others,
// and XML; what is left of them.
inline std::set<std::string> fill(BackupWorld& world) {
  Root root = world.open();
  if (!root.has_queue("q")) root.create_queue("q");
  Queue queue = root.open_queue("q", world.no_thread());
  queue.send_batch({text("a1"), text("a2"), text("a3")});
  std::vector<Message> more{text("b1"), text("b2"), text("b3")};
  queue.send_batch(std::move(more));
  queue.close();
  Queue again = root.open_queue("q", world.no_thread());
  SendOptions xml;
  xml.format = Format::kXml;
  again.send(text("c1"), xml);
  for (const char* const gone : {"a1", "a2"}) EXPECT_EQ(take(again), gone);
  world.clock()->advance(Milliseconds{5000});
  again.maintain();
  return {"a3", "b1", "b2", "b3", "c1"};
}

}  // namespace spoolmq::test
