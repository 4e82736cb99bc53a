// What died in the queue comes back to the errors directory, once, wherever it is cut.
#include "adapters/dead_letters.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "adapters/dead_letter_name.h"
#include "adapters/export_name.h"
#include "tests/support/memory_file_system.h"

namespace spoolmq::adapters::test {
namespace {

using namespace std::chrono_literals;
using spoolmq::test::Bytes;
using spoolmq::test::MemoryFileSystem;
using spoolmq::test::Names;
using spoolmq::test::PowerCut;

constexpr std::size_t kLargeBytes = 3000;

class TestClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ms() const override { return 1'800'000'000'000 + passed_ms; }
  [[nodiscard]] std::int64_t boot_ms() const override { return 1'000'000 + passed_ms; }
  [[nodiscard]] std::string boot_id() const override {
    return "00000000-0000-4000-8000-" + std::to_string(100'000'000'000 + boot);
  }
  std::int64_t passed_ms = 0;
  int boot = 1;
};

// A queue whose messages are dead, and errors/, on the twin.
class World {
 public:
  World() : disk_(std::make_unique<MemoryFileSystem>()) {
    disk_->root()->make_dir("root", 0700);
    disk_->root()->make_dir("errors", 0700);
    disk_->root()->sync();
    Settings settings;
    settings.body_inline = 1024;
    open_root();
    root_->create_queue("q", settings);
  }

  MemoryFileSystem& disk() { return *disk_; }
  TestClock& clock() { return *clock_; }
  std::unique_ptr<Dir> errors() { return disk_->root()->open_dir("errors"); }

  Queue& queue() {
    if (!root_) open_root();
    if (!queue_) {
      OpenOptions options;
      options.clock = clock_;
      options.background = false;
      queue_.emplace(root_->open_queue("q", options));
    }
    return *queue_;
  }
  MessageId send(const std::string& name, std::string body, const std::string& source = "in",
                 std::vector<std::pair<std::string, std::string>> more = {}) {
    Message message;
    if (!name.empty()) message.headers.emplace_back("name", name);
    message.headers.emplace_back("source", source);
    for (auto& one : more) message.headers.push_back(std::move(one));
    message.body = std::move(body);
    return queue().send(std::move(message));
  }
  void kill_all(std::string_view why = "no such article") {
    while (auto delivery = queue().receive()) delivery->reject(why);
  }
  MessageId die(const std::string& name, const std::string& body, const std::string& source = "in",
                std::vector<std::pair<std::string, std::string>> more = {}) {
    const MessageId id = send(name, body, source, std::move(more));
    kill_all();
    return id;
  }

  // One importer's life: as many turns as there is work for.
  std::size_t bring_back(const std::string& source = "in") {
    const Session session(*this, source);
    return session.all();
  }
  struct Session {
    Session(World& world, const std::string& source)
        : errors(world.errors()),
          database(*world.disk().root()->open_dir("root")->open_dir("queues")->open_dir("q"), 0600),
          identity(database, identify(*errors)),
          letters(world.queue(), source, *errors, identity, world.clock()) {}
    [[nodiscard]] std::size_t all() const {
      std::size_t returned = 0;
      DeadLetters::Turn turn;
      do {
        turn = letters.turn();
        returned += turn.returned;
      } while (turn.more);
      return returned;
    }
    std::unique_ptr<Dir> errors;
    IdentityDatabase database;
    mutable ExportIdentity identity;
    mutable DeadLetters letters;
  };

  std::map<std::string, std::string> files() {
    std::map<std::string, std::string> found;
    const auto where = errors();
    for (const std::string& name : disk_->names("errors")) {
      found[name] = read_file(*where, name, 1 << 20).value_or("(none)");
    }
    return found;
  }
  void put(const std::string& name, const std::string& content) {
    const auto where = errors();
    const auto file = where->create(name, 0644, IfExists::kFail);
    file->write_at(as_bytes(content), 0);
    file->sync();
    where->sync();
  }
  void close() {
    queue_.reset();
    root_.reset();
  }
  enum class Cut : std::uint8_t { kPowerNamesLost, kPowerNamesKept, kKill };
  void restart(Cut cut) {
    auto next = cut == Cut::kKill
                    ? disk_->after_kill()
                    : disk_->after_power_cut(
                          cut == Cut::kPowerNamesLost ? Names::kLost : Names::kKept, Bytes::kTorn);
    close();
    disk_ = std::move(next);
    clock_->passed_ms += 3'600'000;
    if (cut != Cut::kKill) ++clock_->boot;
  }

 private:
  void open_root() { root_.emplace(Root::open(disk_->root()->open_dir("root"), clock_)); }

  std::shared_ptr<TestClock> clock_ = std::make_shared<TestClock>();
  std::unique_ptr<MemoryFileSystem> disk_;
  std::optional<Root> root_;
  std::optional<Queue> queue_;
};

// ---- What comes back

TEST(DeadLetters, BringsBackAFileWithItsReason) {
  World world;
  const MessageId id = world.die("order.xml", "<order/>", "in", {{"path", "a/order.xml"}});
  EXPECT_EQ(world.bring_back(), 1U);
  const auto files = world.files();
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files.at("order.xml"), "<order/>");
  const std::string& reason = files.at("order.xml.reason");
  for (const std::string& line :
       {std::string("queue: q\n"), "id: " + id.text() + "\n",
        std::string("reason: rejected: no such article\n"), std::string("deliveries: 1\n"),
        std::string("failures: 1\n"), std::string("redrives: 0\n"), std::string("source: in\n"),
        std::string("path: a/order.xml\n"), std::string("sent: 2027-01-15T08:00:00.000Z\n")}) {
    EXPECT_NE(reason.find(line), std::string::npos) << line << "in\n" << reason;
  }
  EXPECT_EQ(world.queue().status(id)->state, State::kDead);
}

TEST(DeadLetters, BringsBackOnlyItsOwnImports) {
  World world;
  world.die("a", "other", "elsewhere");
  Message other;
  other.body = "nobody's";
  world.queue().send(std::move(other));
  world.kill_all();
  EXPECT_EQ(world.bring_back(), 0U);
  EXPECT_TRUE(world.files().empty());
  EXPECT_EQ(world.bring_back("elsewhere"), 1U);
}

TEST(DeadLetters, LeavesWhatIsAlive) {
  World world;
  world.send("a", "alive");
  EXPECT_EQ(world.bring_back(), 0U);
  EXPECT_TRUE(world.files().empty());
}

TEST(DeadLetters, BringsBackLargeBodies) {
  World world;
  const std::string large(kLargeBytes, 'L');
  world.die("large", large);
  EXPECT_EQ(world.bring_back(), 1U);
  EXPECT_EQ(world.files().at("large"), large);
}

TEST(DeadLetters, NumbersATakenNameAndATakenReason) {
  World world;
  world.put("a.txt", "foreign");
  world.put("b.txt.reason", "foreign");
  world.die("a.txt", "alpha");
  world.die("a.txt", "alpha too");
  world.die("b.txt", "beta");
  EXPECT_EQ(world.bring_back(), 3U);
  auto files = world.files();
  EXPECT_EQ(files.size(), 8U);
  EXPECT_EQ(files.at("a.txt"), "foreign");
  EXPECT_EQ(files.at("a.1.txt"), "alpha");
  EXPECT_EQ(files.at("a.2.txt"), "alpha too");
  EXPECT_EQ(files.at("b.1.txt"), "beta");
  EXPECT_EQ(files.at("b.txt.reason"), "foreign");
}

TEST(DeadLetters, BringsBackWhatWasRequeuedAndDiedAgain) {
  World world;
  const MessageId id = world.die("a", "alpha");
  EXPECT_EQ(world.bring_back(), 1U);
  EXPECT_EQ(world.bring_back(), 0U);
  world.queue().requeue({&id, 1});
  EXPECT_EQ(world.bring_back(), 0U);
  world.kill_all();
  EXPECT_EQ(world.bring_back(), 1U);
  EXPECT_EQ(world.files().size(), 4U);
  EXPECT_NE(world.files().at("a.1.reason").find("redrives: 1\n"), std::string::npos);
}

TEST(DeadLetters, DoesNotMissTheTakingAwayOfAFile) {
  World world;
  world.die("a", "alpha");
  world.bring_back();
  world.errors()->unlink("a");
  world.errors()->unlink("a.reason");
  EXPECT_EQ(world.bring_back(), 0U);
  EXPECT_TRUE(world.files().empty());
}

TEST(DeadLetters, ForgetsWhatIsNotDeadAnyMore) {
  World world;
  const MessageId id = world.die("a", "alpha");
  const MessageId stays = world.die("b", "beta");
  World::Session session(world, "in");
  EXPECT_EQ(session.all(), 2U);
  EXPECT_EQ(session.identity.ids().size(), 2U);
  world.queue().remove({&id, 1});
  EXPECT_EQ(session.all(), 0U);
  EXPECT_EQ(session.identity.ids(), std::vector<MessageId>{stays});
}

// ---- What it costs

TEST(DeadLetters, LooksOnlyAtTheCountersWhileNothingDies) {
  World world;
  for (int i = 0; i < 2500; ++i) world.send("a", "x");
  world.kill_all();
  World::Session session(world, "in");
  EXPECT_EQ(session.all(), 2500U);
  const auto operations_of = [&](const auto& act) {
    const std::uint64_t before = world.disk().operations();
    act();
    return world.disk().operations() - before;
  };
  const auto one_look = operations_of([&] { static_cast<void>(world.queue().stats()); });
  DeadLetters::Turn idle;
  EXPECT_EQ(operations_of([&] { idle = session.letters.turn(); }), one_look);
  EXPECT_EQ(idle.returned, 0U);
  EXPECT_FALSE(idle.more);
  world.die("b", "y");
  EXPECT_EQ(session.all(), 1U);
}

TEST(DeadLetters, WorksInPieces) {
  World world;
  for (int i = 0; i < 1200; ++i) world.send("a", "x");
  world.kill_all();
  World::Session session(world, "in");
  const DeadLetters::Turn first = session.letters.turn();
  EXPECT_LE(first.returned, 500U);
  EXPECT_TRUE(first.more);
  EXPECT_EQ(first.returned + session.all(), 1200U);
}

TEST(DeadLetters, FindsOneThatDiedWhileAnotherWasDeleted) {
  World world;
  const MessageId first = world.die("a", "x");
  World::Session session(world, "in");
  EXPECT_EQ(session.all(), 1U);
  world.queue().remove({&first, 1});
  world.die("b", "y");
  world.clock().passed_ms += 60'000;
  EXPECT_EQ(session.all(), 1U);
}

TEST(DeadLetters, EndsInTheMiddleOfABodyWhenTold) {
  World world;
  const std::string large(kLargeBytes, 'L');
  world.die("large", large);
  World::Session session(world, "in");
  EXPECT_TRUE(session.letters.turn([] { return false; }).more);
  EXPECT_TRUE(world.files().empty());
  EXPECT_EQ(session.all(), 1U);
  EXPECT_EQ(world.files().at("large"), large);
}

TEST(DeadLetters, GoesOnAfterADamagedOne) {
  World world;
  const MessageId damaged = world.die("large", std::string(kLargeBytes, 'L'));
  world.die("b", "beta");
  const auto messages = world.disk().root()->open_dir("root")->open_dir("queues")->open_dir("q");
  const std::string file = world.queue().status(damaged)->file;  // msgs/xx/UUID.seg
  const auto shard = messages->open_dir("msgs")->open_dir(file.substr(5, 2));
  shard->open(damaged.text() + ".body", Access::kReadWrite)->write_at(as_bytes("!"), 7);
  EXPECT_EQ(world.bring_back(), 1U);
  EXPECT_EQ(world.files().size(), 2U);
  EXPECT_EQ(world.files().at("b"), "beta");
}

// ---- Names

TEST(DeadLetterName, IsThatOfTheFile) {
  const MessageId id = MessageId::parse("01a1fbaf-6189-7017-a7a5-2430f6e7ce00").value();
  const std::string long_name = std::string(300, 'n') + ".txt";
  const struct {
    const char* name;
    const char* record;
    std::string made;
  } cases[] = {
      {"a.csv", nullptr, "a.csv"},
      {nullptr, nullptr, id.text()},
      {"a.csv", "7", "a.record-7.csv"},
      {"a", "7", "a.record-7"},
      {"a.csv", "../x", "a.csv"},
      {"a.csv", "", "a.csv"},
      {"../../etc/passwd", nullptr, safe_file_name("../../etc/passwd", "")},
      {".hidden", nullptr, safe_file_name(".hidden", "")},
      {long_name.c_str(), nullptr, std::string(244, 'n') + ".txt"},
      {long_name.c_str(), "12", std::string(234, 'n') + ".record-12.txt"},
  };
  for (const auto& one : cases) {
    Message message;
    message.id = id;
    if (one.name != nullptr) message.headers.emplace_back("name", one.name);
    if (one.record != nullptr) message.headers.emplace_back("record", one.record);
    EXPECT_EQ(dead_letter_name(message), one.made);
    EXPECT_LE(dead_letter_name(message).size() + kReasonSuffix.size(), kMaxFileNameBytes);
  }
}

TEST(DeadLetterName, IsCutBetweenCharacters) {
  std::string umlauts;
  for (int i = 0; i < 124; ++i) umlauts += "ä";  // 248 bytes
  const std::string made = numbered_letter_name(umlauts, 5);
  EXPECT_TRUE(made.ends_with("ä.5"));
  EXPECT_LE(made.size() + kReasonSuffix.size(), kMaxFileNameBytes);
}

// ---- Cuts

std::unique_ptr<World> world_with_dead() {
  auto world = std::make_unique<World>();
  world->send("a", "alpha");
  world->send("a", "alpha too");
  world->send("large", std::string(kLargeBytes, 'L'));
  world->send("x", "not mine", "elsewhere");
  world->kill_all();
  world->close();
  return world;
}

void expect_each_once(World& world, const std::string& place) {
  std::multiset<std::string> bodies;
  for (const auto& [name, content] : world.files()) {
    ASSERT_FALSE(name.starts_with('.')) << name << " left behind, " << place;
    if (name.ends_with(".reason")) continue;
    bodies.insert(content);
    ASSERT_TRUE(world.files().contains(name + ".reason")) << name << ", " << place;
  }
  ASSERT_EQ(bodies,
            (std::multiset<std::string>{"alpha", "alpha too", std::string(kLargeBytes, 'L')}))
      << place;
  ASSERT_EQ(world.files().size(), 6U) << place;
}

// `then` is called on what each cut left.
void at_every_cut(const std::function<void(World&, const std::string&)>& then) {
  for (const World::Cut cut :
       {World::Cut::kPowerNamesLost, World::Cut::kPowerNamesKept, World::Cut::kKill}) {
    for (std::uint64_t n = 1;; ++n) {
      const auto world = world_with_dead();
      world->disk().cut_at(n);
      try {
        world->bring_back();
        world->disk().throw_if_cut();
      } catch (const PowerCut&) {
      } catch (const Error&) {
        if (!world->disk().is_cut()) throw;
      }
      const bool was_cut = world->disk().is_cut();
      world->restart(cut);
      then(*world,
           "cut " + std::to_string(static_cast<int>(cut)) + " at operation " + std::to_string(n));
      if (!was_cut || ::testing::Test::HasFatalFailure()) break;
    }
  }
}

TEST(DeadLettersCut, EveryFileAppearsOnceWithItsReason) {
  at_every_cut([](World& world, const std::string& place) {
    for (const auto& [name, content] : world.files()) {
      if (name.starts_with('.') || name.ends_with(".reason")) continue;
      ASSERT_TRUE(world.files().contains(name + ".reason")) << name << ", " << place;
    }
    world.bring_back();
    expect_each_once(world, place);
  });
}

TEST(DeadLettersCut, NoFileAppearsAgainThatWasTakenAway) {
  at_every_cut([](World& world, const std::string& place) {
    std::multiset<std::string> taken;
    const auto take = [&] {
      for (const auto& [name, content] : world.files()) {
        if (name.starts_with('.') || !world.files().contains(name + ".reason")) continue;
        taken.insert(content);
        world.errors()->unlink(name);
        world.errors()->unlink(name + ".reason");
      }
      world.errors()->sync();
    };
    take();
    world.bring_back();
    take();
    ASSERT_EQ(taken,
              (std::multiset<std::string>{"alpha", "alpha too", std::string(kLargeBytes, 'L')}))
        << place;
    ASSERT_TRUE(world.files().empty()) << place;
  });
}

TEST(DeadLettersCut, NothingIsLeftOfWhatWasRequeuedMeanwhile) {
  at_every_cut([](World& world, const std::string& place) {
    const auto dead = world.queue().scan({{State::kDead}});
    std::vector<MessageId> ids;
    for (const MessageStatus& one : dead) ids.push_back(one.id);
    world.queue().requeue(ids);
    world.bring_back();
    for (const auto& [name, content] : world.files()) {
      ASSERT_FALSE(name.starts_with('.')) << name << ", " << place;
      if (name.ends_with(".reason")) {
        ASSERT_TRUE(world.files().contains(name.substr(0, name.size() - 7))) << name << place;
      }
    }
  });
}

}  // namespace
}  // namespace spoolmq::adapters::test
