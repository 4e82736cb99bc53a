#pragma once
// A command per message, one at a time: its exit code is the verdict, its stdout the reply where
// there is one. Never down: what cannot be started says so of each message.

#include <optional>
#include <string>

#include "adapters/command_run.h"
#include "adapters/message_program.h"

namespace spoolmq::adapters {

class CommandProgram final : public MessageProgram {
 public:
  // Both outlive it.
  CommandProgram(const RunRules& rules, const std::string& queue) : rules_(rules), queue_(queue) {}

  [[nodiscard]] bool has_room() const override { return !run_ && !winding_up_; }
  std::optional<Outcome> put(Delivery& delivery, std::int64_t now_boot_ms) override;
  std::int64_t attend(std::int64_t now_boot_ms, Listen listen, std::vector<Outcome>& told) override;
  void gather(std::vector<pollfd>& waited, Listen listen) const override;
  [[nodiscard]] std::optional<std::string> why_down() const override { return std::nullopt; }
  void shorten_pause(Milliseconds /*by*/) override {}
  void wind_up(std::int64_t now_boot_ms) override;
  [[nodiscard]] bool runs() const override { return run_.has_value(); }

 private:
  Outcome outcome();

  const RunRules& rules_;
  const std::string& queue_;
  MessageId id_;
  std::optional<CommandRun> run_;
  std::int64_t interrupt_boot_ms_ = INT64_MAX;
  bool winding_up_ = false;
};

}  // namespace spoolmq::adapters
