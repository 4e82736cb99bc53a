#include "tests/crash/kill_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

extern char** environ;

namespace spoolmq::test {
namespace {

constexpr std::chrono::milliseconds kLook{1};

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// What the kernel tells of each of its threads: state, processor time, the call it is in.
std::string where_it_stands(pid_t pid) {
  std::string text;
  std::error_code gone;
  const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks, gone)) {
    text += "\nthread " + task.path().filename().string();
    for (const char* const file : {"stat", "wchan", "syscall", "stack"}) {
      std::ostringstream content;
      content << std::ifstream(task.path() / file).rdbuf();
      text += std::string("\n  ") + file + ": " + content.str();
    }
  }
  return text;
}

}  // namespace

TemporaryRoot::TemporaryRoot() {
  const char* const where = std::getenv("TMPDIR");
  path_ = std::string(where != nullptr ? where : "/tmp") + "/spoolmq-kill-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) fail("mkdtemp " + path_);
}

TemporaryRoot::~TemporaryRoot() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Process::Process(const std::vector<std::string>& command) {
  ::signal(SIGPIPE, SIG_IGN);
  int in[2];
  int out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) fail("pipe");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  std::vector<std::string> texts = command;
  std::vector<char*> arguments;
  for (std::string& text : texts) arguments.push_back(text.data());
  arguments.push_back(nullptr);
  errno = ::posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
  const int refused = errno;
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  input_ = in[1];
  output_ = out[0];
  errno = refused;
  if (refused != 0) fail("start " + command[0]);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      input_(std::exchange(other.input_, -1)),
      output_(std::exchange(other.output_, -1)),
      heard_(std::move(other.heard_)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  finish();
  pid_ = std::exchange(other.pid_, -1);
  input_ = std::exchange(other.input_, -1);
  output_ = std::exchange(other.output_, -1);
  heard_ = std::move(other.heard_);
  return *this;
}

Process::~Process() { finish(); }

void Process::finish() noexcept {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  if (input_ >= 0) ::close(input_);
  if (output_ >= 0) ::close(output_);
  input_ = output_ = -1;
}

void Process::signal(int number) const {
  if (pid_ <= 0 || ::kill(pid_, number) != 0) fail("kill");
}

void Process::kill() {
  signal(SIGKILL);
  if (::waitpid(pid_, nullptr, 0) != pid_) fail("waitpid");
  pid_ = -1;
}

int Process::wait() {
  // Other work on the machine may keep it from ending for long.
  const auto deadline = std::chrono::steady_clock::now() + 6 * kPatience;
  int status = 0;
  while (true) {
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) break;
    if (ended < 0) fail("waitpid");
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("it does not end" + where_it_stands(pid_));
    }
    std::this_thread::sleep_for(kLook);
  }
  pid_ = -1;
  return status;
}

void Process::stop() {
  signal(SIGSTOP);
  int status = 0;
  if (::waitpid(pid_, &status, WUNTRACED) != pid_ || !WIFSTOPPED(status)) fail("stop");
}

void Process::say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(input_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    fail("say " + line);
  }
}

std::string Process::hear(std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (true) {
    if (const auto end = heard_.find('\n'); end != std::string::npos) {
      std::string line = heard_.substr(0, end);
      heard_.erase(0, end + 1);
      return line;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    struct pollfd look {
      output_, POLLIN, 0
    };
    if (left.count() <= 0 || ::poll(&look, 1, static_cast<int>(left.count())) == 0) {
      throw std::runtime_error("no answer from process " + std::to_string(pid_));
    }
    char bytes[4096];
    const ssize_t got = ::read(output_, bytes, sizeof bytes);
    if (got <= 0) throw std::runtime_error("process " + std::to_string(pid_) + " fell silent");
    heard_.append(bytes, static_cast<std::size_t>(got));
  }
}

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text != nullptr ? std::stoull(text) : otherwise;
}

std::vector<std::string> driver(const std::vector<std::string>& arguments) {
  const char* const other = std::getenv("SPOOLMQ_KILL_DRIVER");  // tests/sabotage
  std::vector<std::string> command{other != nullptr ? other : SPOOLMQ_KILL_DRIVER};
  for (const std::string& argument : arguments) command.push_back(argument);
  return command;
}

Process agent(const TemporaryRoot& root, const std::string& queue) {
  Process started(driver({"agent", root.path(), queue}));
  if (const std::string first = started.hear(); first != "open") throw std::runtime_error(first);
  return started;
}

std::vector<std::string> words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> found;
  for (std::string word; stream >> word;) found.push_back(word);
  return found;
}

}  // namespace spoolmq::test
