#pragma once
// A program that lives on: messages as frames into its stdin, answers out of its stdout, both pipes
// at once. What comes out answers the oldest message under way. A program that ends, or breaks the
// rules, costs the message it died on (the oldest) a failure and releases the others; it is started
// again after a pause. Its exit codes 69, 64, 77, 78, 126 and 127 mean what they mean of a command.

#include <deque>
#include <optional>
#include <string>

#include "adapters/answer_line.h"
#include "adapters/child.h"
#include "adapters/frame_codec.h"
#include "adapters/last_words.h"
#include "adapters/launch.h"
#include "adapters/message_program.h"
#include "adapters/pipe.h"
#include "adapters/restart_pause.h"

namespace spoolmq::adapters {

// What a program that lives on says about the messages it was fed.
enum class Answers : std::uint8_t {
  kNone,      // nothing: a message is done with when the pipe has it
  kVerdicts,  // a line per message (answer_line.h)
  kReplies,   // a frame per message: its reply
};

struct FedRules {
  Launch launch;
  FrameKind framing = FrameKind::kLine;
  Answers answers = Answers::kNone;
  std::size_t window = 16;                          // messages under way
  std::size_t most_bytes = kDefaultMostFrameBytes;  // of a body, and of a reply
  std::optional<Milliseconds> timeout;              // for the answer to the oldest
  std::string speaker;                              // the adapter, in the log
};

class FedProgram final : public MessageProgram {
 public:
  explicit FedProgram(const FedRules& rules) : rules_(rules) {}  // they outlive it

  [[nodiscard]] bool has_room() const override;
  std::optional<Outcome> put(Delivery& delivery, std::int64_t now_boot_ms) override;
  std::int64_t attend(std::int64_t now_boot_ms, Listen listen, std::vector<Outcome>& told) override;
  void gather(std::vector<pollfd>& waited, Listen listen) const override;
  [[nodiscard]] std::optional<std::string> why_down() const override;
  void shorten_pause(Milliseconds by) override { pause_.shorten(by.count()); }
  void wind_up(std::int64_t now_boot_ms) override;
  [[nodiscard]] bool runs() const override { return running_.has_value(); }

 private:
  struct UnderWay {
    MessageId id;
    std::uint64_t begin = 0;  // of its frame, in all that was ever written to this child
    std::uint64_t end = 0;
  };
  // One child from its start to its end.
  struct Running {
    Running(const FedRules& rules, FrameRules answers);
    LastWords words;
    Descriptor input;
    Descriptor output;
    FrameReader reader;
    [[nodiscard]] std::size_t waiting() const { return outgoing.size() - sent; }
    std::string outgoing;       // frames
    std::size_t sent = 0;       // of them
    std::uint64_t written = 0;  // bytes, ever
    std::deque<UnderWay> under_way;
    std::int64_t oldest_since_boot_ms = 0;
    std::optional<std::string> broken;  // why it is made to end
    bool closed = false;                // namely that it closed a pipe, as it does when it ends
    std::optional<Child> child;         // last: killed before its pipes go
  };

  void start(std::int64_t now_boot_ms, std::vector<Outcome>& told);
  void write(std::int64_t now_boot_ms, std::vector<Outcome>& told);
  ReadEnd read(std::int64_t now_boot_ms, std::vector<Outcome>& told);
  void take_frames(Found (FrameReader::*next)(std::string&), std::int64_t now_boot_ms,
                   std::vector<Outcome>& told);
  void answered(Found found, std::string frame, std::int64_t now_boot_ms,
                std::vector<Outcome>& told);
  void break_off(std::string why, std::int64_t now_boot_ms);
  void closed(std::string why, std::int64_t now_boot_ms);
  void finish(std::int64_t now_boot_ms, std::vector<Outcome>& told);
  void settle_rest(Verdict oldest, const std::string& why, std::vector<Outcome>& told);
  [[nodiscard]] std::int64_t timeout_boot_ms() const;

  const FedRules& rules_;
  std::optional<Running> running_;
  RestartPause pause_;
  std::string why_down_;
  bool winding_up_ = false;
};

}  // namespace spoolmq::adapters
