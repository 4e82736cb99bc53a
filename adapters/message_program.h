#pragma once
// A program that handles messages, as ProgramAdapter sees it: a command per message, one that is
// fed through pipes, one at a terminal. Never waits; one thread.

#include <poll.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/verdict.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

// What became of one message that was put to a program.
struct Outcome {
  MessageId id;
  Verdict verdict = Verdict::kAck;
  std::string why = {};
  std::optional<std::string> reply = {};  // with kAck
};

class MessageProgram {
 public:
  enum class Listen : std::uint8_t { kNo, kYes };  // whether what it says can be taken now

  MessageProgram() = default;
  MessageProgram(const MessageProgram&) = delete;
  MessageProgram& operator=(const MessageProgram&) = delete;
  virtual ~MessageProgram() = default;  // ends at once whatever runs still

  // A message may be put.
  [[nodiscard]] virtual bool has_room() const = 0;
  // The delivery stays valid until its outcome was told. An outcome at once: it was not taken.
  // Throws Error; then it was not taken either.
  virtual std::optional<Outcome> put(Delivery& delivery, std::int64_t now_boot_ms) = 0;
  // Starts what is to run, does a bounded piece of what can be done, appends what was told. Returns
  // when it must be called again (boot ms; 0: at once).
  virtual std::int64_t attend(std::int64_t now_boot_ms, Listen listen,
                              std::vector<Outcome>& told) = 0;
  virtual void gather(std::vector<pollfd>& waited, Listen listen) const = 0;
  // Set: nothing of it runs and nothing is under way, because it ended, or is missing; it starts
  // again in a while.
  [[nodiscard]] virtual std::optional<std::string> why_down() const = 0;
  // Somebody else has waited that long for it to start again.
  virtual void shorten_pause(Milliseconds by) = 0;
  // No more messages come, and nothing is started again: it is to end when it has answered the ones
  // it has. What it does not answer is released.
  virtual void wind_up(std::int64_t now_boot_ms) = 0;
  [[nodiscard]] virtual bool runs() const = 0;
};

}  // namespace spoolmq::adapters
