#pragma once
// A long-lived program behind an ordinary pipe. When it ends, or closes its input, that is an
// Error: the adapter pauses, and the next attend() starts it again. What it had not read of the
// pipe is lost with it; what had not been written goes to the next one, but for a half message.

#include <optional>
#include <string>
#include <vector>

#include "adapters/reading_child.h"
#include "adapters/tail_pipe.h"
#include "adapters/tail_target.h"

namespace spoolmq::adapters {

class TailCommand final : public TailTarget {
 public:
  TailCommand(std::vector<std::string> words, TargetPlace place);
  ~TailCommand() override;

  void attend(At at) override;
  [[nodiscard]] bool has_room() const override { return child_ && pipe_.cursor().is_done(); }
  void put(TailPiece& piece) override;
  [[nodiscard]] bool is_behind() const override { return !pipe_.cursor().is_done(); }
  [[nodiscard]] bool has_news() override;
  void wait(Milliseconds longest) override;
  [[nodiscard]] std::size_t messages_waiting() const override {
    return pipe_.cursor().messages_left();
  }
  TailMoved take_moved() override { return pipe_.take_moved(); }

 private:
  void write();
  [[noreturn]] void lost(const std::string& why);

  const std::vector<std::string> words_;
  const TargetPlace place_;
  TailPipe pipe_;
  std::optional<ReadingChild> child_;
};

}  // namespace spoolmq::adapters
