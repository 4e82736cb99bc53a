// The import as it is run, on a real file system: watched, while its directory comes and goes.

#include "adapters/import_adapter.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>

#include "spoolmq/error.h"
#include "watcher/directory_watcher.h"

namespace spoolmq::adapters {
namespace {

namespace fs = std::filesystem;
using Bodies = std::multiset<std::string>;

class ImportAdapterTest : public testing::Test {
 protected:
  ImportAdapterTest() {
    std::string pattern = testing::TempDir() + "import_adapter_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    place_ = fs::canonical(pattern);
    fs::create_directory(place_ / "in");
    root_.emplace(Root::open((place_ / "root").string(), Force::kYes));
    static_cast<void>(root_->create_queue("q"));
  }
  ~ImportAdapterTest() override {
    adapter_.reset();
    root_.reset();
    fs::remove_all(place_);
  }

  void put(const std::string& path, const std::string& content) {
    std::ofstream(place_ / path, std::ios::binary) << content;
  }
  ImportSettings settings() {
    ImportSettings made;
    made.queue = "q";
    made.directory = (place_ / "in").string();
    made.ready.rules = {watcher::Rule::kClosed};
    return made;
  }
  void start(const ImportSettings& settings) {
    AdapterPlace place;
    place.root = &*root_;
    place.clock = &clock_;
    place.counters = &counters_;
    adapter_.emplace(settings, place);
  }
  void until_idle() {
    for (int turns = 0; !adapter_->turn().idle; ++turns) ASSERT_LT(turns, 10'000);
  }
  // Gives turns while hints come in, until as many were moved.
  void run_watched(std::size_t moved) {
    if (!watcher_) {
      watcher_.emplace(clock_);
      watcher_->watch(adapter_->watches().at(0),
                      [this](const watcher::Hint& hint) { adapter_->hint(0, hint); });
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (counters_.moved < moved && std::chrono::steady_clock::now() < deadline) {
      struct pollfd ready {
        watcher_->descriptor(), POLLIN, 0
      };
      ::poll(&ready, 1, 20);
      watcher_->process();
      try {
        adapter_->turn();
      } catch (const Error& error) {
        ASSERT_EQ(error.code(), ErrorCode::kNotFound) << error.what();
      }
    }
    EXPECT_EQ(counters_.moved, moved);
  }
  Bodies drain() {
    Bodies bodies;
    Queue queue = root_->open_queue("q");
    while (auto delivery = queue.receive()) {
      bodies.insert(delivery->message().body);
      delivery->ack();
    }
    return bodies;
  }

  fs::path place_;
  SystemClock clock_;
  AdapterCounters counters_;
  std::optional<Root> root_;
  std::optional<ImportAdapter> adapter_;
  std::optional<watcher::DirectoryWatcher> watcher_;
};

TEST_F(ImportAdapterTest, MovesWhatIsThereAndCounts) {
  put("in/a", "alpha");
  put("in/b", "");
  put("in/c.tmp", "half");
  ImportSettings made = settings();
  made.done = "done/{date:%Y}";
  made.after = AfterImport::kMoveToDone;
  made.depth = 5;
  start(made);
  until_idle();
  EXPECT_EQ(counters_.moved, 2U);
  EXPECT_EQ(counters_.bytes, 5U);
  EXPECT_EQ(counters_.waiting, 1U);
  EXPECT_EQ(drain(), (Bodies{"alpha", ""}));
  adapter_->hint(0, {});
  until_idle();
  EXPECT_EQ(counters_.moved, 2U) << "what lies in done is not imported";
}

TEST_F(ImportAdapterTest, TakesFilesAsTheyAreHinted) {
  start(settings());
  run_watched(0);
  put("in/a", "alpha");
  run_watched(1);
  put("in/.b", "beta");
  fs::rename(place_ / "in/.b", place_ / "in/b");
  run_watched(2);
  EXPECT_EQ(drain(), (Bodies{"alpha", "beta"}));
  EXPECT_TRUE(fs::is_empty(place_ / "in"));
}

TEST_F(ImportAdapterTest, FollowsItsPathToAnotherDirectory) {
  start(settings());
  put("in/a", "alpha");
  run_watched(1);
  fs::rename(place_ / "in", place_ / "old");
  fs::create_directory(place_ / "in");
  put("in/b", "beta");
  put("old/c", "not ours any more");
  run_watched(2);
  EXPECT_EQ(drain(), (Bodies{"alpha", "beta"}));
  EXPECT_TRUE(fs::exists(place_ / "old/c"));
}

TEST_F(ImportAdapterTest, SaysWhatIsMissingUntilItIsThere) {
  fs::remove(place_ / "in");
  start(settings());
  EXPECT_THROW(adapter_->turn(), Error);
  fs::create_directory(place_ / "in");
  put("in/a", "alpha");
  until_idle();
  EXPECT_EQ(counters_.moved, 1U);
}

// Where a link leads to the imported directory, done may be spelt in another way.
TEST_F(ImportAdapterTest, KnowsItsDoneDirectoryByAnotherPath) {
  fs::create_directory_symlink(place_ / "in", place_ / "link");
  put("in/a", "alpha");
  ImportSettings made = settings();
  made.directory = (place_ / "link").string();
  made.done = (place_ / "in/done").string();
  made.after = AfterImport::kMoveToDone;
  made.depth = 5;
  start(made);
  for (int round = 0; round < 3; ++round) {
    until_idle();
    adapter_->hint(0, {});
  }
  EXPECT_EQ(counters_.moved, 1U);
  EXPECT_TRUE(fs::exists(place_ / "in/done/a"));
}

// The queue takes such a body by a link, which changes the file's ctime.
TEST_F(ImportAdapterTest, RemovesALargeFileThatAnEarlierRunHasSent) {
  const std::string body(11 << 20, 'L');
  put("in/large", body);
  ImportSettings made = settings();
  made.trusted = true;
  made.after = AfterImport::kKeep;
  start(made);
  until_idle();
  EXPECT_EQ(counters_.moved, 1U);
  adapter_.reset();
  fs::permissions(place_ / "in/large", fs::perms::owner_read);  // another ctime
  made.after = AfterImport::kRemove;
  start(made);
  until_idle();
  EXPECT_TRUE(fs::is_empty(place_ / "in"));
  Queue queue = root_->open_queue("q");
  const auto first = queue.receive();
  EXPECT_TRUE(first);
  EXPECT_FALSE(queue.receive());
}

TEST_F(ImportAdapterTest, TakesALargeFileWholeAndOnce) {
  put("in/large", std::string(11 << 20, 'L'));
  start(settings());
  until_idle();
  adapter_->hint(0, {});
  until_idle();
  EXPECT_EQ(counters_.moved, 1U);
  EXPECT_TRUE(fs::is_empty(place_ / "in"));
}

TEST_F(ImportAdapterTest, IgnoresLinksPipesAndSecondNames) {
  put("outside", "secret");
  fs::create_symlink(place_ / "outside", place_ / "in/link");
  fs::create_hard_link(place_ / "outside", place_ / "in/second");
  ASSERT_EQ(::mkfifo((place_ / "in/pipe").c_str(), 0600), 0);
  fs::create_directory_symlink(place_, place_ / "in/up");
  put("in/a", "alpha");
  ImportSettings made = settings();
  made.depth = 5;
  start(made);
  until_idle();
  EXPECT_EQ(counters_.moved, 1U);
  EXPECT_EQ(drain(), Bodies{"alpha"});
  EXPECT_TRUE(fs::exists(place_ / "outside"));
}

TEST_F(ImportAdapterTest, ExplainsFilesBelowItsDirectoryOnly) {
  put("in/a.tmp", "half");
  start(settings());
  const auto reasons = adapter_->explain((place_ / "in/a.tmp").string());
  ASSERT_TRUE(reasons);
  EXPECT_EQ(reasons->at(0).rule, "rename");
  EXPECT_FALSE(adapter_->explain((place_ / "elsewhere").string()));
  EXPECT_FALSE(adapter_->explain((place_ / "in/below/a").string()));
}

}  // namespace
}  // namespace spoolmq::adapters
