// What the program spoolmq does between directories and queues. A file that is durable in an import
// directory is a promise as good as "sent"; a file that a consumer of an export directory has taken
// away whole is its delivery. So each of them comes through exactly once, wherever it is cut.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "tests/crash/powercut_look.h"
#include "tests/crash/powercut_scenarios.h"

namespace powercut {

using namespace spoolmq;
namespace fs = std::filesystem;

namespace {

constexpr auto kPause = std::chrono::milliseconds{2};
constexpr std::size_t kRecords = 25;
constexpr int kNothingThere = 1;

std::vector<std::string> spoolmq_words(const Phase& phase, std::vector<std::string> words) {
  std::vector<std::string> command{SPOOLMQ_PROGRAM, "--quiet", "--root", phase.root()};
  command.insert(command.end(), words.begin(), words.end());
  return command;
}

void spoolmq_must(const Phase& phase, const std::vector<std::string>& words) {
  const int code = wait_for(start(spoolmq_words(phase, words)));
  if (code != 0 && code != kNothingThere) {
    throw std::runtime_error("spoolmq " + words[0] + " ended with " + std::to_string(code));
  }
}

// ---- Files

void sync_path(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || ::fsync(fd) != 0) throw std::system_error(errno, std::generic_category(), path);
  ::close(fd);
}

// Durable on return.
void put(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
  sync_path(path.string());
  sync_path(path.parent_path().string());
}

void put_files(Phase& phase) {
  const fs::path in = phase.beside_root("in");
  fs::create_directory(in);
  sync_path(in.parent_path().string());
  for (const std::size_t size : {std::size_t{40}, std::size_t{5000}, kLargeBytes, std::size_t{90},
                                 std::size_t{700}, std::size_t{80}}) {
    const std::string key = phase.key();
    phase.say("send", key);
    put(in / key, body_of(key, size));
    phase.say("sent", key);
  }
}

void put_lines(Phase& phase) {
  const fs::path in = phase.beside_root("in");
  fs::create_directory(in);
  sync_path(in.parent_path().string());
  std::string lines;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < kRecords; ++i) {
    keys.push_back(phase.key());
    phase.say("send", keys.back());
    lines += body_of(keys.back(), 50 + 40 * i) + "\n";
  }
  put(in / "lines", lines);
  for (const std::string& key : keys) phase.say("sent", key);
}

// As a consumer does: whatever has a final name is complete, and is taken away.
void take_files(Phase& phase) {
  const fs::path out = phase.beside_root("out");
  for (const auto& entry : fs::directory_iterator(out)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.')) continue;
    std::ostringstream content;
    content << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    const std::string key = key_of(content.str());
    if (key.empty() || key != name) {
      phase.say("torn", "file " + name);
    } else {
      phase.say("got", key);
    }
    fs::remove(entry.path());
  }
}

void say_what_is_left_in(Phase& phase, const char* directory) {
  for (const auto& entry : fs::directory_iterator(phase.beside_root(directory))) {
    phase.say("fault", "left behind: " + entry.path().string());
  }
}

// ---- Import, export, relay

using Words = std::vector<std::string>;

Words import_words(const Phase& phase, const Words& more = {}) {
  Words words{"import", kQueue, phase.beside_root("in"), "--ready", "rename"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

void run_import(Phase& phase, const Words& more = {}) {
  spoolmq_must(phase, import_words(phase, more));
}

Scenario importing(const std::function<Words(const Phase&)>& more) {
  return {[more](Phase& phase) {
            make_queue(phase, kQueue, Format::kBinary);
            put_files(phase);
          },
          [more](Phase& phase) { run_import(phase, more(phase)); },
          [more](Phase& phase) {
            run_import(phase, more(phase));
            say_what_is_left_in(phase, "in");
          }};
}

void prepare_split(Phase& phase) {
  make_queue(phase, kQueue, Format::kBinary);
  put_lines(phase);
}

void run_split(Phase& phase) { run_import(phase, {"--split", "lines"}); }

void fill_for_export(Phase& phase) {
  Root root = make_queue(phase, kQueue, Format::kBinary);
  Queue queue = root.open_queue(kQueue, quiet());
  for (const std::size_t size :
       {std::size_t{50}, std::size_t{3000}, kLargeBytes, std::size_t{90}, std::size_t{400}}) {
    send(phase, queue, size);
  }
  queue.close();
}

void run_export(Phase& phase) {
  fs::create_directory(phase.beside_root("out"));
  spoolmq_must(phase, {"export", kQueue, phase.beside_root("out"), "--name", "{header:key}"});
}

void export_the_rest(Phase& phase) {
  fs::create_directory(phase.beside_root("out"));
  take_files(phase);
  run_export(phase);
  take_files(phase);
  say_what_is_left_in(phase, "out");
}

std::string other_root(const Phase& phase) { return phase.beside_root("other-root"); }

void fill_for_relay(Phase& phase) {
  fill_for_export(phase);
  {
    Root root = Root::open(phase.root());
    Queue queue = root.open_queue(kQueue, quiet());
    send_batch(phase, queue, 12, 300);
  }
  Root other = Root::open(other_root(phase));
  other.create_queue(kQueue, settings_of(Format::kBinary));
}

void run_relay(Phase& phase) {
  spoolmq_must(phase,
               {"relay", kQueue, "--to-queue", kQueue, "--to-root", other_root(phase), "--once"});
}

// ---- The service, from one directory to another

void prepare_service(Phase& phase) {
  make_queue(phase, kQueue, Format::kBinary);
  fs::create_directory(phase.beside_root("out"));
  put_files(phase);
  std::ofstream(phase.root() + "/spoolmq.toml")
      << "[[adapter]]\nname = \"in\"\ntype = \"import\"\nqueue = \"q\"\ndirectory = \""
      << phase.beside_root("in") << "\"\nready = [\"rename\"]\n"
      << "[[adapter]]\nname = \"out\"\ntype = \"export\"\nqueue = \"q\"\ndirectory = \""
      << phase.beside_root("out") << "\"\n";
  sync_path(phase.root() + "/spoolmq.toml");
  sync_path(phase.root());
}

bool is_all_through(const Phase& phase, Queue& queue) {
  const QueueStats stats = queue.stats();
  return fs::is_empty(phase.beside_root("in")) && stats.of(State::kReady).messages == 0 &&
         stats.of(State::kDelayed).messages == 0 && stats.of(State::kLeased).messages == 0;
}

// It may be told to end before it listens: then it must end when it does.
void block_term() {
  sigset_t term;
  ::sigemptyset(&term);
  ::sigaddset(&term, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &term, nullptr);
}

void run_service(Phase& phase) {
  block_term();
  const pid_t service = start(spoolmq_words(phase, {"serve"}));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::string why;
  {
    Root root = Root::open(phase.root());
    Queue queue = root.open_queue(kQueue, quiet());
    while (why.empty() && !is_all_through(phase, queue)) {
      siginfo_t ended{};
      ::waitid(P_PID, static_cast<id_t>(service), &ended, WEXITED | WNOHANG | WNOWAIT);
      if (ended.si_pid == service) why = "the service has ended";
      if (std::chrono::steady_clock::now() > deadline) why = "files do not come through";
      std::this_thread::sleep_for(kPause);
    }
  }
  ::kill(service, SIGTERM);
  const int code = wait_for(service);
  if (why.empty() && code != 0) why = "the service ended with " + std::to_string(code);
  if (!why.empty()) throw std::runtime_error(why);
}

}  // namespace

Scenarios program_scenarios() {
  const auto done = [](const Phase& phase) {
    return Words{"--trusted", "--done", phase.beside_root("done")};
  };
  return {
      {"import", importing([](const Phase&) { return Words{}; })},
      {"import-done", importing(done)},
      {"import-split",
       {prepare_split, run_split,
        [](Phase& phase) {
          run_split(phase);
          say_what_is_left_in(phase, "in");
        }}},
      {"export", {fill_for_export, run_export, export_the_rest}},
      {"relay",
       {fill_for_relay, run_relay,
        [](Phase& phase) {
          run_relay(phase);
          look_at(phase, other_root(phase));
        }}},
      {"serve",
       {prepare_service, run_service,
        [](Phase& phase) {
          take_files(phase);
          run_service(phase);
          take_files(phase);
          say_what_is_left_in(phase, "out");
        }}},
  };
}

}  // namespace powercut
