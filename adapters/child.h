#pragma once
// One child process in a process group of its own, watched through a pidfd: no signal handler, no
// polling in rounds. It starts with every signal at its default, and with no descriptor of ours but
// the ones named here. One thread owns it.

#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/command_end.h"
#include "adapters/descriptor.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

enum class Rest : std::uint8_t { kLeave, kKill };  // of the group, when its leader has ended

// Which of the capabilities(7) that the service was given for itself a child gets.
enum class Privileges : std::uint8_t {
  kOurs,        // all of them: the command line, where they are the caller's own
  kNone,        // none
  kChangeUser,  // to become another user, and nothing else
};

class Child {
 public:
  struct Start {
    std::vector<std::string> command;      // looked up in $PATH
    std::vector<std::string> environment;  // all of it, NAME=VALUE
    int standard_input = -1;               // becomes 0
    int standard_output = -1;              // becomes 1; -1: ours
    int standard_error = -1;               // becomes 2; -1: ours
    // Not empty: the path of a terminal; it becomes all three of them, and the controlling terminal
    // of a session of the child's own.
    std::string terminal = {};
    int inherited = -1;      // keeps its number in the child; -1: none
    sigset_t signal_mask{};  // the child's
    Privileges privileges = Privileges::kOurs;
  };

  // Throws Error; its errno tells why the command cannot be run.
  explicit Child(const Start& start);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();  // kills the group if the child was not reaped

  [[nodiscard]] int descriptor() const { return pidfd_.number(); }  // readable: it has ended
  [[nodiscard]] bool has_ended() const { return ends_within(Milliseconds{0}); }
  [[nodiscard]] bool ends_within(Milliseconds longest) const;
  void signal_group(int signal) const;

  // TERM to its group when `grace` is over, KILL kTermToKill later. The first call counts.
  void end(std::int64_t now_boot_ms, Milliseconds grace = Milliseconds{0});
  void kill();
  // Sends what is due by then, and returns when it has to be called again (boot ms).
  std::int64_t attend(std::int64_t now_boot_ms);

  // A signal was sent because of end() or kill().
  [[nodiscard]] bool was_told_to_end() const { return stage_ >= Stage::kTerm; }

  // Waits for the end; kExited or kSignalled.
  CommandEnd reap(Rest rest);

  static constexpr Milliseconds kTermToKill{5'000};

 private:
  enum class Stage : std::uint8_t { kRuns, kGrace, kTerm, kKill };
  pid_t pid_ = -1;  // -1: reaped
  Descriptor pidfd_;
  Stage stage_ = Stage::kRuns;
  std::int64_t due_boot_ms_ = INT64_MAX;  // the next stage
};

// What could not be started: as if it had ended with 127 (it is missing) or 126 (not executable),
// as shells say it. nullopt: the reason lies elsewhere, in a shortage of ours.
std::optional<CommandEnd> end_of_failed_start(const Error& error);

}  // namespace spoolmq::adapters
