#pragma once
// One run of a command for one delivery: its body goes to the command's standard input, or into a
// file, until the command has ended or is made to end (TERM to its group, 5 s later KILL). Never
// waits: its owner polls for what gather() names. Does not finish the delivery. One thread.

#include <poll.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/body_feed.h"
#include "adapters/child.h"
#include "adapters/last_words.h"
#include "adapters/new_file.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

// Where what the command prints goes.
enum class Printed : std::uint8_t {
  kOurs,   // its stdout and stderr are ours
  kWords,  // to our log
  kReply,  // its stdout is kept as the reply, its stderr goes to our log
};

struct RunRules {
  std::vector<std::string> command;      // "{}" stands for a file with the body
  std::vector<std::string> environment;  // without the message's variables
  sigset_t signal_mask{};                // the command's
  Privileges privileges = Privileges::kOurs;
  std::optional<Milliseconds> timeout;
  const PrivateDirectory* directory = nullptr;  // for the files; there if "{}" is used
  Printed printed = Printed::kOurs;
  int standard_output = -1;  // with kOurs: another one; -1: ours
  std::size_t most_reply_bytes = 0;
  std::string speaker = {};  // the adapter, in the log
};

bool uses_file(const std::vector<std::string>& command);

class CommandRun {
 public:
  struct For {
    const Delivery& delivery;  // outlives the run
    std::string_view queue;
    int inherited = -1;  // the lease's byte, kept by the command too; -1: none
    std::int64_t now_boot_ms;
  };
  // Throws Error where the command cannot be started for a reason that is not its own; one that is
  // missing or not executable, and a body that cannot be read, are an end at once.
  CommandRun(const RunRules& rules, const For& message);
  CommandRun(const CommandRun&) = delete;
  CommandRun& operator=(const CommandRun&) = delete;
  ~CommandRun();  // kills it if it has not ended

  void gather(std::vector<pollfd>& waited) const;
  // Does what can be done without waiting; returns when it must be called again (boot ms).
  std::int64_t attend(std::int64_t now_boot_ms);
  // Once it is over.
  [[nodiscard]] const std::optional<CommandEnd>& end() const { return end_; }

  // Makes the command end; the first reason stays.
  void force(CommandEnd why, std::int64_t now_boot_ms);
  void kill(CommandEnd why, std::int64_t now_boot_ms);

  std::string take_reply() { return std::move(reply_); }
  // describe(end), and what it said last.
  [[nodiscard]] std::string why() const;

 private:
  void start(Child::Start start);
  void start_with_file(Child::Start start, const Delivery& delivery);
  void start_with_pipe(Child::Start start, const Delivery& delivery);
  void feed(std::int64_t now_boot_ms);
  void read_reply(std::int64_t now_boot_ms);
  void finish(std::int64_t now_boot_ms);

  const RunRules& rules_;
  std::optional<std::int64_t> stop_boot_ms_;
  std::unique_ptr<NewFile> file_;
  std::optional<BodyFeed> feed_;
  std::optional<LastWords> words_;
  Descriptor output_;
  std::string reply_;
  std::optional<CommandEnd> forced_;
  std::optional<CommandEnd> end_;
  std::optional<Child> child_;  // last: killed before its file goes
};

}  // namespace spoolmq::adapters
