#pragma once
// What `consume` and `reply` are made of: workers, each with a handle (and so a slot) of its own,
// and the state they share. A worker takes a message, runs the command, and does what its end says;
// one that replies sends what the command printed before it acknowledges.

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <string>

#include "adapters/probe_pause.h"
#include "cli/attended_run.h"
#include "cli/command.h"
#include "spoolmq/queue.h"
#include "spoolmq/request.h"

namespace spoolmq::cli {

using adapters::CommandEnd;
using adapters::Met;
using adapters::Pass;
using adapters::ProbePause;
using adapters::Verdict;

enum class Until : std::uint8_t { kStopped, kEmpty };

// Thread-safe.
class ConsumeState {
 public:
  // Running commands end in peace, nothing more is taken.
  void stop();
  void stop_with(int exit_code);         // the first one counts
  void fail(std::exception_ptr reason);  // likewise; rethrown by result()
  [[nodiscard]] bool stopping() const { return stopping_; }

  void note_death() { died_ = true; }
  [[nodiscard]] bool died() const { return died_; }

  ProbePause pause;

  // The exit code some worker asked for. Throws what one failed with.
  std::optional<int> result();

 private:
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> died_ = false;
  std::mutex mutex_;  // guards what follows
  std::optional<int> exit_code_;
  std::exception_ptr failure_;
};

// What a worker needs to answer: mailboxes are found through a root of its own.
struct ReplyRules {
  Headers headers;  // of every reply
  std::uint64_t most_bytes = 0;
};

class ConsumeWorker {
 public:
  // With `replies` it answers.
  ConsumeWorker(const Context& context, Queue queue, const AttendedRules& rules, Until until,
                ConsumeState& state, const ReplyRules* replies = nullptr);
  ConsumeWorker(const ConsumeWorker&) = delete;
  ConsumeWorker& operator=(const ConsumeWorker&) = delete;

  // Returns when the state says stop, or the queue is empty and that is what it ran for.
  // Never throws: what goes wrong stops all workers.
  void run() noexcept;

 private:
  void run_until_stopped();
  std::optional<Delivery> take(Pass pass);
  Met handle(Delivery& delivery);
  Met finish(Delivery& delivery, const CommandEnd& end, const CapturedOutput* output);
  bool reply(Delivery& delivery, const CapturedOutput& output);
  void fail(Delivery& delivery, const std::string& why);
  void reject(Delivery& delivery, const std::string& why);
  void tell(const Delivery& delivery, const std::string& what) const;
  bool is_empty();

  const Context& context_;
  Queue queue_;
  const AttendedRules& rules_;
  Until until_;
  ConsumeState& state_;
  const ReplyRules* replies_;  // null: it does not reply
  std::optional<Root> root_;   // where it replies
  std::optional<Replier> replier_;
};

}  // namespace spoolmq::cli
