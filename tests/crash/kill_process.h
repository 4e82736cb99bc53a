#pragma once
// Real processes for tests: started by posix_spawn, spoken to by lines, killed and stopped at will.
// Every wait has a deadline; whatever still runs at the end of a test is killed and reaped.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

namespace spoolmq::test {

inline constexpr std::chrono::milliseconds kPatience{20'000};  // for anything that must happen

// Monotonic clock shared by all processes of a machine.
inline std::int64_t monotonic_ns() {
  struct timespec now {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// A private directory, removed with everything in it at the end.
class TemporaryRoot {
 public:
  TemporaryRoot();
  ~TemporaryRoot();
  TemporaryRoot(const TemporaryRoot&) = delete;
  TemporaryRoot& operator=(const TemporaryRoot&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string queue_path(const std::string& queue) const {
    return path_ + "/queues/" + queue;
  }

 private:
  std::string path_;
};

class Process {
 public:
  // Speaks and listens on its standard input and output.
  explicit Process(const std::vector<std::string>& command);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();  // kills it if it still runs

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool runs() const { return pid_ > 0; }
  void signal(int number) const;
  void kill();  // SIGKILL; returns when it is gone
  int wait();   // returns its wait status; throws after kPatience
  void stop();  // SIGSTOP; returns when it has stopped

  void say(const std::string& line);
  // One line without its end. Throws if none comes in time, or the process has closed its output.
  std::string hear(std::chrono::milliseconds patience = kPatience);
  std::string ask(const std::string& line) {
    say(line);
    return hear();
  }

 private:
  void finish() noexcept;
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::string heard_;
};

// A number of the environment, as SPOOLMQ_SEED.
std::uint64_t from_environment(const char* name, std::uint64_t otherwise);

// The program of this folder that plays the roles (kill_driver.cc).
std::vector<std::string> driver(const std::vector<std::string>& arguments);
// A process that has the queue open and does what it is told (kill_agent.cc).
Process agent(const TemporaryRoot& root, const std::string& queue);

std::vector<std::string> words(const std::string& line);

}  // namespace spoolmq::test
