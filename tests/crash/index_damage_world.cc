#include "tests/crash/index_damage_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace spoolmq::test {
namespace {

void move_first(Ids& from, std::size_t count, Ids& to) {
  for (; count > 0; --count) to.insert(from.extract(from.begin()));
}

// What an agent's "receive" brought leaves `live` for `to`.
void taken(Ids& live, const std::string& answer, std::size_t count, Ids& to) {
  const Ids ids = ids_of(answer);
  ASSERT_EQ(ids.size(), count) << answer;
  for (const std::string& id : ids) {
    ASSERT_EQ(live.erase(id), 1U);
    to.insert(id);
  }
}

std::string joined(const Ids& ids) {
  std::string text;
  for (const std::string& id : ids) text += " " + id;
  return text;
}

}  // namespace

Ids ids_of(const std::string& answer) {
  const std::vector<std::string> all = words(answer);
  Ids ids;
  for (std::size_t i = all.at(0) == "got" ? 3 : 2; i < all.size(); ++i) {
    ids.insert(all[i].substr(0, 36));
  }
  return ids;
}

void DamagedWorld::past(Process& agent, const std::string& name) {
  for (const char* kind : {"batch 30 ", "send ", "xml ", "xml ", "batch 5 "}) {
    live.merge(ids_of(agent.ask(kind + name)));
  }
  taken(live, agent.ask("receive 12 0 600000"), 12, acked);
  ASSERT_EQ(agent.ask("ack"), "done 12");
  taken(live, agent.ask("receive 3 0 600000"), 3, dead);
  ASSERT_EQ(agent.ask("reject"), "done 3");
  Ids parked;
  move_first(live, 4, parked);
  ASSERT_EQ(agent.ask("hold" + joined(parked)), "done 4");
  held.merge(parked);
  ASSERT_EQ(agent.ask("maintain"), "done 0");
}

DamagedWorld::DamagedWorld() : older_copy_(root_.path() + "/older") {
  Settings settings;
  settings.max_failures = 1000;
  Root::open(root_.path()).create_queue("q", settings);
  Process first = agent(root_, "q");
  past(first, "first");
  EXPECT_EQ(first.ask("close"), "done 0");  // the log goes into the database
  std::filesystem::copy_file(index(), older_copy_);
  Process second = agent(root_, "q");
  past(second, "second");
  EXPECT_EQ(second.ask("close"), "done 0");
  Process third = agent(root_, "q");
  past(third, "third");
  // Killed with leases, the last of its doings in the log alone.
  EXPECT_EQ(ids_of(third.ask("receive 5 0 600000")).size(), 5U);
  third.kill();
}

std::string DamagedWorld::index(const std::string& suffix) const {
  // As the lock file states it: a newer one may be in the making.
  std::ifstream lock(root_.queue_path("q") + "/lock", std::ios::binary);
  std::uint64_t generation = 0;
  lock.seekg(8).read(reinterpret_cast<char*>(&generation), sizeof generation);
  return root_.queue_path("q") + "/index." + std::to_string(generation) + ".db" + suffix;
}

void DamagedWorld::check(Expect expect) {
  Root root = Root::open(root_.path());
  Queue queue = root.open_queue("q");
  Ids received;
  ReceiveOptions all;
  all.max = 1000;
  std::vector<Delivery> kept;
  while (true) {
    std::vector<Delivery> some = queue.receive_batch(all);
    if (some.empty()) break;
    for (Delivery& one : some) {
      EXPECT_TRUE(received.insert(one.message().id.text()).second) << "twice";
      kept.push_back(std::move(one));
    }
  }
  Ids now_dead;
  Ids now_held;
  ScanOptions scan;
  scan.states = {State::kDead, State::kHeld, State::kCorrupt};
  for (const MessageStatus& one : queue.scan(scan)) {
    EXPECT_NE(one.state, State::kCorrupt) << one.id.text();
    (one.state == State::kDead ? now_dead : now_held).insert(one.id.text());
  }
  if (expect == Expect::kEverything) {
    EXPECT_EQ(received, live);
    EXPECT_EQ(now_dead, dead);
    EXPECT_EQ(now_held, held);
    for (const FsckFinding& one : queue.fsck(FsckMode::kLook)) {
      ADD_FAILURE() << "fsck: " << one.what << " " << one.where << ": " << one.why;
    }
    return;
  }
  // Without verdicts the dead, the held and even the acknowledged may be ready again.
  received.merge(now_dead);
  received.merge(now_held);
  for (const Ids* kind : {&live, &dead, &held}) {
    EXPECT_TRUE(std::includes(received.begin(), received.end(), kind->begin(), kind->end()));
  }
}

void truncate_file(const std::string& path, std::uint64_t size) {
  std::filesystem::resize_file(path, size);
}

void flip_bit(const std::string& path, std::uint64_t offset, int bit) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  const int byte = file.get() ^ (1 << bit);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(byte));
  ASSERT_TRUE(file.good()) << path;
}

std::uint64_t size_of(const std::string& path) { return std::filesystem::file_size(path); }

}  // namespace spoolmq::test
