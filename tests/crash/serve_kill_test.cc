// The service killed at random moments, while it starts, works and reloads, with files arriving and
// leaving all the time; then an account of every file. SPOOLMQ_SERVE_KILLS sets the number of
// rounds, SPOOLMQ_SEED the dice.
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <string_view>
#include <thread>

#include "spoolmq/queue.h"
#include "tests/crash/kill_process.h"
#include "tests/crash/spool_traffic.h"

namespace spoolmq::test {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::uint64_t kStartUpMs = 150;
constexpr std::uint64_t kAtWorkMs = 300;
constexpr std::uint64_t kReloadMs = 60;
constexpr milliseconds kLook{5};
constexpr std::chrono::seconds kLastRun{60};  // for what is left after the last kill

bool is_departing(const std::string& name) { return name.starts_with(".spoolmq-import-"); }

bool is_temporary(const std::string& name) {
  return name.starts_with(".spoolmq-") || name.starts_with(".tmp-");
}

// Of all files below; others may come and go meanwhile.
template <typename Visit>
void each_file(const std::string& top, const Visit& visit) {
  std::error_code none;
  for (std::filesystem::recursive_directory_iterator at(top, none), end; at != end;
       at.increment(none)) {
    if (at->is_regular_file(none)) visit(at->path());
  }
}

class ServeStorm {
 public:
  explicit ServeStorm(std::uint64_t seed) : random_(seed) {
    for (const char* const name : {"renamed", "closed", "announced", "done", "out"}) {
      std::filesystem::create_directory(place(name));
    }
    Root root = Root::open(root_.path());
    Settings settings;
    settings.max_failures = 1'000'000;
    settings.backoff = Milliseconds{1};
    settings.body_inline = std::int64_t{SpoolTraffic::kLargeBytes};
    root.create_queue("q", settings);
    configure();
    traffic_.emplace(
        SpoolTraffic::Places{place("renamed"), place("closed"), place("announced"), place("out")},
        seed);
  }

  // The moment is random on purpose: that is what is tested.
  void round() {
    Process service = start();
    switch (random_() % 6) {
      case 0:
      case 1:
        pause(kStartUpMs);
        break;
      case 2:
        until_it_serves(service);
        pause(kAtWorkMs);
        break;
      case 3:
        until_it_serves(service);
        pause(kAtWorkMs);
        configure();
        service.signal(SIGHUP);
        pause(kReloadMs);
        break;
      case 4:
        until_one_departs("renamed");
        break;
      case 5:
        until_one_departs(random_() % 2 == 0 ? "closed" : "announced");
        break;
    }
    service.kill();
    each_file(place(""), [this](const std::filesystem::path& path) {
      const std::string name = path.filename();
      if (is_departing(name)) {
        ++departures_cut_;
      } else if (is_temporary(name)) {
        ++exports_cut_;
      }
    });
  }

  // What is left goes through, and the service ends as it should.
  void last_run() {
    traffic_->end_producers();
    Process service = start();
    until_it_serves(service);
    const auto deadline = std::chrono::steady_clock::now() + kLastRun;
    while (traffic_->under_way() > 0 || left_in_queue() > 0 || !rows_of_files_gone().empty()) {
      if (std::chrono::steady_clock::now() > deadline) break;  // finish() says what is missing
      std::this_thread::sleep_for(kLook);
    }
    service.signal(SIGTERM);
    const int status = service.wait();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }

  void check_files() {
    for (const std::string& violation : traffic_->violations()) ADD_FAILURE() << violation;
    for (const char* const source : {"renamed", "closed", "announced"}) {
      each_file(place(source), [](const std::filesystem::path& path) {
        ADD_FAILURE() << path << " is left behind";
      });
    }
    each_file(root_.path(), [](const std::filesystem::path& path) {
      EXPECT_FALSE(is_temporary(path.filename())) << path << " is left behind";
    });
    std::set<std::uint64_t> done;
    each_file(place("done"), [&](const std::filesystem::path& path) {
      std::stringstream content;
      content << std::ifstream(path, std::ios::binary).rdbuf();
      const std::uint64_t number = SpoolTraffic::number_of(path.filename(), content.str());
      EXPECT_TRUE(number != 0 && done.insert(number).second) << path << " is not done once";
    });
    EXPECT_GT(done.size(), 0U);
  }

  void check_queue() {
    Root root = Root::open(root_.path());
    Queue queue = root.open_queue("q");
    for (const MessageStatus& one : queue.scan(ScanOptions{})) {
      ADD_FAILURE() << one.id.text() << " is left in the queue: " << state_name(one.state);
    }
    for (const FsckFinding& one : queue.fsck(FsckMode::kLook)) {
      ADD_FAILURE() << "fsck: " << one.what << " " << one.where << ": " << one.why;
    }
    for (const std::string& name : rows_of_files_gone()) {
      ADD_FAILURE() << "imports.db still knows " << name;
    }
  }

  [[nodiscard]] const SpoolTraffic& traffic() const { return *traffic_; }
  [[nodiscard]] std::size_t departures_cut() const { return departures_cut_; }
  [[nodiscard]] std::size_t exports_cut() const { return exports_cut_; }

 private:
  [[nodiscard]] std::string place(const std::string& name) const {
    return root_.path() + "/" + name;
  }

  void pause(std::uint64_t longest_ms) {
    std::this_thread::sleep_for(microseconds{random_() % (longest_ms * 1000)});
  }

  // The shortest of all stages: no random moment is likely to meet it.
  void until_one_departs(const std::string& from) {
    const auto deadline = std::chrono::steady_clock::now() + milliseconds{kAtWorkMs};
    bool departs = false;
    while (!departs && std::chrono::steady_clock::now() < deadline) {
      for (const auto& entry : std::filesystem::directory_iterator(place(from))) {
        departs = departs || is_departing(entry.path().filename());
      }
    }
  }

  // Its words come on standard output, one line each.
  Process start() const {
    return Process(
        {"/bin/sh", "-c", R"(exec "$0" --root "$1" serve 2>&1)", SPOOLMQ_PROGRAM, root_.path()});
  }

  void until_it_serves(Process& service) {
    while (service.hear().find(" serving ") == std::string::npos) {
    }
  }

  // Each time another one, so that a reload has all adapters restarted.
  void configure() {
    std::ofstream file(place("spoolmq.toml.new"));
    const auto adapter = [&](const char* name, const char* type, const char* directory) {
      file << "[[adapter]]\nname = \"" << name << "\"\ntype = \"" << type
           << "\"\nqueue = \"q\"\ndirectory = \"" << place(directory) << "\"\n";
      if (type == std::string_view("import")) file << "rescan = \"1s\"\n";
    };
    const std::uint64_t number = ++configurations_;
    adapter("renamed", "import", "renamed");
    file << "ready = [\"rename\"]\nrecursive = true\nmax-size = \"" << number << "G\"\n";
    adapter("closed", "import", "closed");
    file << "ready = [\"closed\", \"stable\"]\nstable-for = \"50ms\"\nrecursive = true\nmax-size = "
            "\""
         << number << "G\"\n";
    adapter("announced", "import", "announced");
    file << "ready = [\"done-file\"]\ndone = \"" << place("done") << "\"\nmax-size = \"" << number
         << "G\"\n";
    adapter("out", "export", "out");
    file << "file-name = \"{id}-{name}\"\nmode = \"" << (number % 2 == 0 ? "0644" : "0640")
         << "\"\n";
    file.close();
    std::filesystem::rename(place("spoolmq.toml.new"), place("spoolmq.toml"));
  }

  std::int64_t left_in_queue() {
    Root root = Root::open(root_.path());
    const QueueStats stats = root.open_queue("q").stats();
    std::int64_t count = 0;
    for (const StateCount& state : stats.states) count += state.messages;
    return count;
  }

  // No file is there any more. Where its directory has gone too, a row stays for some days: both
  // may come back.
  std::vector<std::string> rows_of_files_gone() {
    sqlite3* opened = nullptr;
    const std::string path = root_.queue_path("q") + "/imports.db";
    sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr);
    const std::unique_ptr<sqlite3, decltype(&sqlite3_close)> database(opened, sqlite3_close);
    sqlite3_busy_timeout(opened, static_cast<int>(kPatience.count()));
    std::vector<std::string> names;
    const auto add = [](void* into, int, char** columns, char**) {
      static_cast<std::vector<std::string>*>(into)->emplace_back(columns[0]);
      return 0;
    };
    const int code = sqlite3_exec(
        opened,
        "SELECT CAST(name AS TEXT) FROM imports UNION ALL SELECT CAST(name AS TEXT) FROM exports",
        add, &names, nullptr);
    EXPECT_EQ(code, SQLITE_OK) << sqlite3_errmsg(opened);
    std::erase_if(names, [this](const std::string& name) {
      const std::filesystem::path below = std::filesystem::path(name).parent_path();
      return !std::filesystem::exists(std::filesystem::path(place("renamed")) / below) &&
             !std::filesystem::exists(std::filesystem::path(place("closed")) / below);
    });
    return names;
  }

  TemporaryRoot root_;
  std::mt19937_64 random_;
  std::uint64_t configurations_ = 0;
  std::size_t departures_cut_ = 0;
  std::size_t exports_cut_ = 0;
  std::optional<SpoolTraffic> traffic_;
};

TEST(ServeStorm, EachFileGoesInOnceAndComesOutCompleteUnderOneName) {
  const std::uint64_t seed = from_environment("SPOOLMQ_SEED", std::random_device{}());
  const std::uint64_t rounds = from_environment("SPOOLMQ_SERVE_KILLS", 200);
  std::cout << "SPOOLMQ_SEED=" << seed << " SPOOLMQ_SERVE_KILLS=" << rounds << std::endl;
  ServeStorm storm(seed);
  for (std::uint64_t i = 0; i < rounds; ++i) storm.round();
  storm.last_run();
  storm.check_files();
  storm.check_queue();
  const SpoolTraffic& traffic = storm.traffic();
  std::cout << rounds << " kills, " << traffic.dropped() << " files, " << traffic.out_again()
            << " out again; cut short: " << storm.departures_cut() << " departures, "
            << storm.exports_cut() << " exports and sends" << std::endl;
  EXPECT_GT(traffic.dropped(), rounds);
}

}  // namespace
}  // namespace spoolmq::test
