#pragma once
// What an export does with the messages of one round: a file each (export_files.h), or all of them
// at the end of one file (export_append.h).

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "spoolmq/queue.h"

namespace spoolmq::adapters {

struct ExportItem {
  enum class Outcome : std::uint8_t {
    kPending,
    kExported,  // durable under its name
    kSkipped,   // not to be written
    kLeft,      // cannot be written for now
    kBad,       // its own bytes are damaged
    kLater,     // to be looked at again in the next round
  };
  Delivery delivery;
  Outcome outcome = Outcome::kPending;
  std::string name = {};  // of its file
  std::string why = {};   // of kSkipped, kLeft and kBad

  [[nodiscard]] bool is_pending() const { return outcome == Outcome::kPending; }
  void end(Outcome with, std::string_view reason = {}) {
    outcome = with;
    why = reason;
  }
};

// To be called now and then: keeps the leases. False: the round is to end unfinished, soon.
using KeepGoing = std::function<bool()>;

class ExportWriter {
 public:
  virtual ~ExportWriter() = default;
  // True: every item has its outcome, and what was exported or skipped is durable. False: it was
  // told to end; nothing is promised of the pending ones. So it is where it throws Error.
  virtual bool write(std::span<ExportItem> items, const KeepGoing& keep_going) = 0;
  // These are acknowledged: what is remembered of them may go.
  virtual void settled(std::span<const MessageId> ids) = 0;
  // Nothing is there to be written.
  virtual void idle(const KeepGoing& keep_going) = 0;
};

}  // namespace spoolmq::adapters
