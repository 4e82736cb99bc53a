#pragma once
// What a program prints on a terminal, as text: CR LF is LF, and escape sequences (ECMA-48: CSI,
// OSC and the like, two-byte ones) are taken out where that is asked for. Bounded: what is above
// the limit is dropped, but for the end of it. Pure; belongs to one thread.

#include <cstdint>
#include <string>
#include <string_view>

namespace spoolmq::adapters {

class TerminalText {
 public:
  enum class Escapes : std::uint8_t { kKeep, kStrip };
  TerminalText(Escapes escapes, std::size_t most_bytes)
      : escapes_(escapes), most_bytes_(most_bytes) {}

  void feed(std::string_view bytes);
  void clear();

  [[nodiscard]] const std::string& text() const { return text_; }
  // What stands behind the last end of line: where a prompt is.
  [[nodiscard]] std::string_view last_line() const;
  // Some of it was dropped.
  [[nodiscard]] bool is_too_long() const { return too_long_; }

 private:
  enum class State : std::uint8_t { kText, kReturn, kEscape, kSequence, kString, kStringEscape };
  void take(char byte);
  void take_text(char byte);
  void take_escape(char byte);
  void put(char byte);

  const Escapes escapes_;
  const std::size_t most_bytes_;
  State state_ = State::kText;
  std::string text_;
  bool too_long_ = false;
};

}  // namespace spoolmq::adapters
