// The export as it is run: turn by turn, while the target comes and goes.

#include "adapters/export_adapter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "adapters/export_identity.h"
#include "spoolmq/error.h"
#include "tests/adapters/directory_world.h"

namespace spoolmq::adapters::test {
namespace {

using Files = std::map<std::string, std::string>;
using spoolmq::test::MemoryFileSystem;

// An adapter on the twin; it opens the queue itself.
class Running {
 public:
  using OpenOut = std::function<std::unique_ptr<Dir>()>;
  explicit Running(DirectoryWorld& world, ExportSettings settings = {}, OpenOut open_out = {})
      : root_(Root::open(world.dir("root"), world.shared_clock())) {
    settings.queue = "q";
    settings.directory = "out";
    AdapterPlace place;
    place.root = &root_;
    place.clock = &world.clock();
    place.counters = &counters;
    place.on_refused = [this](const std::string&, const std::string& why) {
      refused.push_back(why);
    };
    if (!open_out) open_out = [&world] { return world.dir("out"); };
    adapter.emplace(settings, place, [&world, open_out](const std::string& path) {
      auto dir = path == "out" ? open_out() : world.dir("root")->open_dir("queues")->open_dir("q");
      if (dir == nullptr) throw Error::from_errno(ENOENT, "open", path);
      return dir;
    });
  }
  void until_idle() {
    while (!adapter->turn().idle) {
    }
  }

  AdapterCounters counters;
  std::vector<std::string> refused;
  std::optional<ExportAdapter> adapter;

 private:
  Root root_;
};

void send(DirectoryWorld& world, const std::string& body, const std::string& name) {
  Message message;
  message.headers = {{"name", name}};
  message.body = body;
  world.queue().send(std::move(message));
}

TEST(ExportAdapter, MovesWhatIsThereAndCounts) {
  DirectoryWorld world;
  send(world, "one", "a");
  send(world, "two!", "b");
  Running running(world);
  EXPECT_FALSE(running.adapter->turn().idle);
  EXPECT_TRUE(running.adapter->turn().idle);
  EXPECT_EQ(world.files("out"), (Files{{"a", "one"}, {"b", "two!"}}));
  EXPECT_EQ(running.counters.moved, 2U);
  EXPECT_EQ(running.counters.bytes, 7U);
  EXPECT_EQ(running.counters.waiting, 0U);
  EXPECT_GT(running.counters.last_success_wall_ms, 0);
}

TEST(ExportAdapter, ForgetsItsRowsWhenIdle) {
  DirectoryWorld world;
  send(world, "one", "a");
  Running running(world);
  running.until_idle();
  IdentityDatabase database(*world.dir("root")->open_dir("queues")->open_dir("q"), 0600);
  EXPECT_TRUE(ExportIdentity(database, identify(*world.dir("out"))).ids().empty());
}

TEST(ExportAdapter, RemovesWhatAnotherLeftWhenThatMessageHasGone) {
  DirectoryWorld world;
  send(world, "one", "a");
  auto held = world.queue().receive();
  ASSERT_TRUE(held);
  const std::string left = export_temporary(held->receipt().id, 1);
  world.put("out", left, "half");
  Running running(world);
  running.until_idle();
  EXPECT_TRUE(world.files("out").contains(left)) << "the other may be at work on it";
  held->ack();
  running.until_idle();
  EXPECT_TRUE(world.files("out").empty());
}

TEST(ExportAdapter, WaitsInTheQueueUntilItIsInterrupted) {
  using Clock = std::chrono::steady_clock;
  DirectoryWorld world;
  Running running(world);
  running.until_idle();
  const auto start = Clock::now();
  running.adapter->interrupt();  // the turn that comes next does not wait
  running.adapter->turn();
  EXPECT_LT(Clock::now() - start, std::chrono::milliseconds{900});
  running.until_idle();
  const std::jthread interrupting([&] { running.adapter->interrupt(); });
  const auto again = Clock::now();
  running.adapter->turn();
  EXPECT_LT(Clock::now() - again, std::chrono::milliseconds{900});
}

TEST(ExportAdapter, HoldsAMessageWhoseNameIsTakenForAWhile) {
  DirectoryWorld world;
  world.put("out", "a", "old");
  send(world, "new", "a");
  Running running(world);
  running.until_idle();
  EXPECT_EQ(running.counters.waiting, 1U);
  EXPECT_EQ(running.refused, std::vector<std::string>{"a: the name is taken"});
  world.dir("out")->unlink("a");
  running.adapter->interrupt();
  running.adapter->turn();
  EXPECT_TRUE(world.files("out").empty());
  world.clock().ahead_ms += 29'000;
  running.adapter->interrupt();
  running.adapter->turn();
  EXPECT_TRUE(world.files("out").empty()) << "too early";
  world.clock().ahead_ms += 1'100;
  running.until_idle();
  EXPECT_EQ(world.files("out"), (Files{{"a", "new"}}));
  EXPECT_EQ(running.counters.waiting, 0U);
}

TEST(ExportAdapter, SaysOnceWhatItCannotExport) {
  DirectoryWorld world;
  world.put("out", "a", "old");
  send(world, "new", "a");
  Running running(world);
  for (int round = 0; round < 3; ++round) {
    running.adapter->interrupt();
    running.adapter->turn();
    running.adapter->turn();
    world.clock().ahead_ms += 31'000;
  }
  EXPECT_GE(running.adapter->report().left, 2U);
  EXPECT_EQ(running.refused.size(), 1U);
}

TEST(ExportAdapter, ThrowsWhileTheTargetIsGoneAndGoesOnInANewOne) {
  DirectoryWorld world;
  Running running(world);
  running.until_idle();
  world.disk().root()->remove_dir("out");
  send(world, "one", "a");
  try {
    running.adapter->turn();
    FAIL() << "no refusal";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  }
  EXPECT_EQ(world.queue().next_ready(1).at(0).counters.failures, 0);
  world.disk().root()->make_dir("out", 0700);
  running.until_idle();
  EXPECT_EQ(world.files("out"), (Files{{"a", "one"}}));
}

// The target is a file system of its own: its refusals are not the queue's.
class Target {
 public:
  MemoryFileSystem& disk() { return disk_; }
  Files files() {
    Files found;
    const auto root = disk_.root();
    for (const std::string& name : disk_.names()) found[name] = *read_file(*root, name, 1 << 20);
    return found;
  }

 private:
  MemoryFileSystem disk_;
};

// From the n-th operation on the target refuses everything: the messages are in the queue again
// without a failure counted, and nothing half written has a name. Then it takes files again, and
// each message is there once, with nothing left over.
void expect_released_whatever_is_refused(const ExportSettings& settings, int error_number,
                                         const Files& expected) {
  for (std::uint64_t n = 1;; ++n) {
    DirectoryWorld world;
    send(world, "one", "a");
    send(world, "two", "b");
    Target target;
    Running running(world, settings, [&] { return target.disk().root(); });
    target.disk().fail_at(n, error_number, spoolmq::test::Repeat::kForever);
    bool refused = false;
    try {
      running.until_idle();
    } catch (const Error& error) {
      refused = true;
      EXPECT_EQ(error.error_number(), error_number) << error.what();
      EXPECT_EQ(running.counters.waiting, 0U);
    }
    target.disk().stop_failing();
    for (const auto& [name, content] : target.files()) {
      if (name.starts_with('.') || settings.append) continue;
      EXPECT_EQ(content, expected.at(name)) << n;
    }
    const auto ready = world.queue().next_ready(10);
    EXPECT_EQ(ready.size(), refused ? 2U : 0U) << n;
    for (const MessageStatus& status : ready) EXPECT_EQ(status.counters.failures, 0) << n;
    if (!refused) return;
    running.until_idle();
    Running(world, settings, [&] { return target.disk().root(); }).until_idle();  // sweeps
    EXPECT_EQ(target.files(), expected) << n;
    EXPECT_TRUE(world.drain().empty()) << n;
  }
}

ExportSettings with_companions() {
  ExportSettings settings;
  settings.checksum = kSha256;
  settings.done_file = "{name}.done";
  return settings;
}

ExportSettings append_to_log() {
  ExportSettings settings;
  settings.append = true;
  settings.name = NameTemplate::parse("log");
  return settings;
}

TEST(ExportAdapter, ReleasesItsMessagesWhateverTheTargetRefuses) {
  const std::string sum_of_one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
  const std::string sum_of_two = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";
  for (const int error_number : {ENOSPC, EDQUOT, EROFS, EACCES, EIO}) {
    expect_released_whatever_is_refused({}, error_number, {{"a", "one"}, {"b", "two"}});
    expect_released_whatever_is_refused(with_companions(), error_number,
                                        {{"a", "one"},
                                         {"a.sha256", sum_of_one + "  a\n"},
                                         {"a.done", ""},
                                         {"b", "two"},
                                         {"b.sha256", sum_of_two + "  b\n"},
                                         {"b.done", ""}});
    expect_released_whatever_is_refused(append_to_log(), error_number, {{"log", "one\ntwo\n"}});
  }
}

// So far nothing is remembered of them: a full disk would stay full.
TEST(ExportAdapter, RemovesItsTemporariesWhenTheTargetRefusesThem) {
  // The first of two files is made, written, synced; behind the second, their names are synced.
  for (const std::uint64_t n : {1U, 2U, 3U, 7U}) {
    DirectoryWorld world;
    send(world, "one", "a");
    send(world, "two", "b");
    Target target;
    Running running(world, {}, [&] { return target.disk().root(); });
    target.disk().fail_at(n, ENOSPC);
    EXPECT_THROW(running.until_idle(), Error) << n;
    EXPECT_TRUE(target.files().empty()) << n;
  }
}

// While it makes, writes or syncs the second of two.
TEST(ExportAdapter, DoesNotUndoOneFileForTheNext) {
  for (std::uint64_t n = 4; n <= 6; ++n) {
    DirectoryWorld world;
    send(world, "one", "a");
    send(world, "two", "b");
    Target target;
    Running running(world, {}, [&] { return target.disk().root(); });
    target.disk().fail_at(n, ENOSPC);
    target.disk().clear_trace();
    running.until_idle();
    EXPECT_EQ(target.files(), (Files{{"a", "one"}, {"b", "two"}})) << n;
    const auto has_failed = [](const std::string& operation) {
      return operation.find("failed") != std::string::npos;
    };
    EXPECT_EQ(std::ranges::count_if(target.disk().trace(), has_failed), 1) << n;
    EXPECT_TRUE(world.drain().empty()) << n;
  }
}

TEST(ExportAdapter, RefusesAnUnknownGroup) {
  DirectoryWorld world;
  ExportSettings settings;
  settings.group = "no such group";
  EXPECT_THROW(Running(world, settings), Error);
}

}  // namespace
}  // namespace spoolmq::adapters::test
