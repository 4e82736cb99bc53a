#include "adapters/terminal_text.h"

namespace spoolmq::adapters {
namespace {

constexpr char kEscape = '\x1b';
constexpr char kBell = '\a';
constexpr std::size_t kKeptEnd = 4096;  // of what is too long: a prompt is still found

bool is_between(char byte, char first, char last) { return byte >= first && byte <= last; }

}  // namespace

void TerminalText::feed(std::string_view bytes) {
  for (const char byte : bytes) take(byte);
}

void TerminalText::clear() {
  text_.clear();
  too_long_ = false;
  state_ = State::kText;
}

std::string_view TerminalText::last_line() const {
  const std::string_view text = text_;
  return text.substr(text.rfind('\n') + 1);  // npos + 1 is 0
}

void TerminalText::take(char byte) {
  switch (state_) {
    case State::kText:
      return take_text(byte);
    case State::kReturn:
      if (byte == '\r') return;  // terminals that are slow get several
      state_ = State::kText;
      if (byte != '\n') put('\r');
      return take_text(byte);
    case State::kEscape:
      return take_escape(byte);
    case State::kSequence:  // CSI: parameters, then one final byte
      if (is_between(byte, '@', '~')) state_ = State::kText;
      return;
    case State::kString:  // OSC, DCS …: until BEL or ESC backslash
      if (byte == kBell) state_ = State::kText;
      if (byte == kEscape) state_ = State::kStringEscape;
      return;
    case State::kStringEscape:
      state_ = byte == '\\' ? State::kText : State::kString;
      return;
  }
}

void TerminalText::take_text(char byte) {
  if (byte == '\r') {
    state_ = State::kReturn;
  } else if (byte == kEscape && escapes_ == Escapes::kStrip) {
    state_ = State::kEscape;
  } else {
    put(byte);
  }
}

void TerminalText::take_escape(char byte) {
  if (byte == '[') {
    state_ = State::kSequence;
  } else if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_') {
    state_ = State::kString;
  } else if (!is_between(byte, ' ', '/')) {  // intermediate bytes: more come
    state_ = State::kText;
  }
}

void TerminalText::put(char byte) {
  text_.push_back(byte);
  if (text_.size() <= most_bytes_ + kKeptEnd) return;
  too_long_ = true;
  text_.erase(0, text_.size() - kKeptEnd);
}

}  // namespace spoolmq::adapters
