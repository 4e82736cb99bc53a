#pragma once
// Hands the messages of a queue to programs (message_program.h) and settles them by what these say.
//   outflow → put … attend → outcome → [reply, durable in its queue] → verdict → flush
// Programs are looked at in turn and never waited for alone. What is under way is answered before
// the adapter pauses: its messages would lose their leases in a pause of its runner. Then it gives
// back whatever it has and throws kTryAgain; a probe, one message, tells when what the programs
// need is there again. Not thread-safe.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/message_program.h"
#include "adapters/outflow.h"
#include "adapters/polled_adapter.h"
#include "adapters/probe_pause.h"
#include "adapters/replies.h"

namespace spoolmq::adapters {

class ProgramAdapter final : public PolledAdapter {
 public:
  struct Parts {
    std::string queue;
    std::string reply_queue;  // empty: no replies
    std::string subject;      // of errors: the command
    std::size_t window = 1;   // messages under way, of all programs together
  };
  using Programs = std::vector<std::unique_ptr<MessageProgram>>;
  // Opens the queues. Throws Error.
  ProgramAdapter(Parts parts, Programs programs, AdapterPlace place);
  ~ProgramAdapter() override;  // lets what is under way come to its end for some seconds

 private:
  Step step() override;
  void gather(std::vector<pollfd>& waited) override;

  [[nodiscard]] std::size_t under_way() const {
    return outflow_ ? outflow_->unsettled() + outflow_->unflushed() : 0;
  }
  [[nodiscard]] MessageProgram::Listen listen() const;
  std::int64_t attend(std::int64_t now_boot_ms);
  void note(const Outcome& outcome);
  void note_met(Met met);
  void settle(const Outcome& outcome);
  std::int64_t move(std::int64_t now_boot_ms);
  void settle_replies();
  bool take(std::int64_t now_boot_ms);  // whether any message was handed on
  void hand_on(Delivery& delivery, MessageProgram& program, std::int64_t now_boot_ms);
  // What keeps it from taking messages; nullopt: nothing does.
  [[nodiscard]] std::optional<std::string> why_not() const;
  [[nodiscard]] std::optional<std::string> why_down() const;
  bool enter(std::int64_t by_boot_ms);
  void give_back();
  std::int64_t pause(std::int64_t now_boot_ms, const std::string& why);
  bool is_done(std::int64_t now_boot_ms);
  void wind_up();

  const AdapterPlace place_;
  const Parts parts_;
  Queue queue_;
  std::optional<Replies> replies_;
  std::optional<Outflow> outflow_;  // none: pausing
  ProbeSchedule schedule_;
  std::optional<Pass> pass_;  // of what is taken now; none: nothing is
  std::string why_unavailable_;
  std::string why_stopped_;
  std::int64_t hold_boot_ms_ = 0;    // after the queue refused something
  std::string trouble_;              // said already
  std::int64_t looked_boot_ms_ = 0;  // whether the queue is empty
  std::vector<Outcome> told_;
  Programs programs_;  // last: they end before their messages go back
};

}  // namespace spoolmq::adapters
