#pragma once
// One child process in a process group of its own, watched through a pidfd: no signal handler, no
// polling in rounds. One thread owns it.

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/verdict.h"

namespace spoolmq::cli {

enum class Rest : std::uint8_t { kLeave, kKill };  // of the group, when its leader has ended

class Child {
 public:
  struct Start {
    std::vector<std::string> command;      // looked up in $PATH
    std::vector<std::string> environment;  // all of it, NAME=VALUE
    int standard_input = -1;               // becomes 0
    int standard_output = -1;              // becomes 1; -1: ours
    int inherited = -1;                    // keeps its number in the child; -1: none
    sigset_t signal_mask{};                // the child's
  };

  // Throws Error; its errno tells why the command cannot be run.
  explicit Child(const Start& start);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();  // kills the group if the child was not reaped

  [[nodiscard]] int descriptor() const { return pidfd_; }  // readable: it has ended
  void signal_group(int signal) const;
  // Waits for the end; kExited or kSignalled.
  CommandEnd reap(Rest rest);

 private:
  pid_t pid_ = -1;  // -1: reaped
  int pidfd_ = -1;
};

}  // namespace spoolmq::cli
