#pragma once
// A program that insists on a terminal, one message at a time: each body is a line that is typed
// when the program shows that it is ready, by a prompt or by silence; what it prints until it shows
// that again is the reply. One that does not get ready in time, or ends, costs its message a
// failure and is started again after a pause.

#include <optional>
#include <string>

#include "adapters/child.h"
#include "adapters/launch.h"
#include "adapters/message_program.h"
#include "adapters/restart_pause.h"
#include "adapters/terminal.h"
#include "adapters/terminal_text.h"

namespace spoolmq::adapters {

struct TerminalRules {
  Launch launch;
  Terminal::Shape shape;
  std::string prompt;         // a glob for the whole last line; empty: by silence
  Milliseconds quiet_for{0};  // so long nothing is printed
  TerminalText::Escapes escapes = TerminalText::Escapes::kStrip;
  bool reply = false;                  // what it prints is wanted
  std::size_t most_bytes = 1 << 20;    // of what it prints for a message
  Milliseconds timeout{30'000};        // until it is ready again
  Milliseconds ready_timeout{30'000};  // until it is ready at first
};

class TerminalProgram final : public MessageProgram {
 public:
  explicit TerminalProgram(const TerminalRules& rules) : rules_(rules) {}  // they outlive it

  [[nodiscard]] bool has_room() const override;
  std::optional<Outcome> put(Delivery& delivery, std::int64_t now_boot_ms) override;
  std::int64_t attend(std::int64_t now_boot_ms, Listen listen, std::vector<Outcome>& told) override;
  void gather(std::vector<pollfd>& waited, Listen listen) const override;
  [[nodiscard]] std::optional<std::string> why_down() const override;
  void shorten_pause(Milliseconds by) override { pause_.shorten(by.count()); }
  void wind_up(std::int64_t now_boot_ms) override;
  [[nodiscard]] bool runs() const override { return running_.has_value(); }

 private:
  enum class Stage : std::uint8_t { kStarting, kReady, kBusy };
  // One child from its start to its end.
  struct Running {
    explicit Running(const TerminalRules& rules, std::int64_t now_boot_ms);
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running();  // with the job in the foreground
    Terminal terminal;
    TerminalText text;
    Stage stage = Stage::kStarting;
    MessageId id;  // of kBusy
    std::string typed;
    std::string outgoing;        // not written yet
    std::int64_t since_boot_ms;  // of the stage
    std::int64_t last_output_boot_ms;
    std::optional<std::string> broken;  // why it is made to end
    bool closed_itself = false;  // namely that it closed its terminal, as it does when it ends
    bool hung_up = false;        // nothing more will come from it
    pid_t foreground = -1;       // when it was made to end: no more to be asked for once it has
    std::optional<Child> child;  // last: killed before its terminal goes
  };

  void start(std::int64_t now_boot_ms, std::vector<Outcome>& told);
  [[nodiscard]] std::optional<std::string> refusal(const std::string& line) const;
  void write(std::int64_t now_boot_ms);
  bool read(std::int64_t now_boot_ms);
  [[nodiscard]] bool is_ready(std::int64_t now_boot_ms) const;
  void became_ready(std::int64_t now_boot_ms, std::vector<Outcome>& told);
  [[nodiscard]] std::string reply() const;
  [[nodiscard]] std::int64_t due_boot_ms() const;
  [[nodiscard]] std::int64_t late_boot_ms() const;
  void break_off(std::string why, std::int64_t now_boot_ms);
  void finish(std::int64_t now_boot_ms, std::vector<Outcome>& told);

  const TerminalRules& rules_;
  std::optional<Running> running_;
  RestartPause pause_;
  std::string why_down_;
  bool winding_up_ = false;
};

}  // namespace spoolmq::adapters
