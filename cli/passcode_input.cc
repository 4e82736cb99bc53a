#include "cli/passcode_input.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "adapters/descriptor.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

using adapters::Descriptor;
using adapters::Secret;

constexpr std::string_view kOperation = "read";
constexpr std::string_view kSubject = "a passcode";
constexpr unsigned char kFirstPrintable = 0x20;
constexpr unsigned char kDelete = 0x7f;

[[noreturn]] void refuse(std::string_view why) {
  throw Error(ErrorCode::kUsage, kOperation, kSubject, why);
}

void check(const Secret& secret) {
  if (secret.bytes().empty()) refuse("it is empty");
  if (!secret.is_usable()) refuse("it has more than 511 bytes, or a NUL");
  for (const char one : secret.bytes()) {
    const auto byte = static_cast<unsigned char>(one);
    if (byte < kFirstPrintable || byte == kDelete) {
      refuse("it has a control character, which no client sends");
    }
  }
}

// Signals that would leave the terminal without echo wait here until it is as it was.
class HeldSignals {
 public:
  HeldSignals() {
    ::sigemptyset(&set_);
    for (const int one : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) ::sigaddset(&set_, one);
    ::sigprocmask(SIG_BLOCK, &set_, &before_);
    descriptor_ = Descriptor(::signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  // Those that came are delivered now.
  ~HeldSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  [[nodiscard]] int descriptor() const { return descriptor_.number(); }

 private:
  sigset_t set_{};
  sigset_t before_{};
  Descriptor descriptor_;
};

class QuietTerminal {
 public:
  explicit QuietTerminal(int terminal) : terminal_(terminal) {
    if (::tcgetattr(terminal_, &before_) != 0) refuse("there is no terminal; use --stdin");
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ICANON | ECHONL | ISIG;
    ::tcsetattr(terminal_, TCSAFLUSH, &quiet);  // what was typed ahead is thrown away
  }
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;
  ~QuietTerminal() { ::tcsetattr(terminal_, TCSADRAIN, &before_); }

 private:
  const int terminal_;
  termios before_{};
};

// Byte by byte: what stands behind the line is not ours, and none of it is left in a buffer.
Secret read_line(int from) {
  Secret secret;
  while (true) {
    char one = 0;
    const ssize_t count = ::read(from, &one, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Error::from_errno(errno, kOperation, kSubject);
    if (count == 0 || one == '\n') return secret;
    static_cast<void>(secret.push_back(one));
  }
}

void say(int terminal, const std::string& text) {
  if (::write(terminal, text.data(), text.size()) < 0) {
    throw Error::from_errno(errno, "write", "/dev/tty");
  }
}

// Nothing: a signal came first.
Secret ask(int terminal, const HeldSignals& signals, const std::string& prompt, bool& interrupted) {
  say(terminal, prompt);
  std::array<pollfd, 2> waited{{{terminal, POLLIN, 0}, {signals.descriptor(), POLLIN, 0}}};
  while (::poll(waited.data(), waited.size(), -1) < 0) {
    if (errno != EINTR) throw Error::from_errno(errno, "wait", "poll");
  }
  interrupted = waited[1].revents != 0;
  return interrupted ? Secret() : read_line(terminal);
}

}  // namespace

void hide_memory() { static_cast<void>(::prctl(PR_SET_DUMPABLE, 0)); }

Secret ask_passcode(const std::string& name) {
  const Descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal.is_open()) refuse("there is no terminal; use --stdin");
  bool interrupted = false;
  Secret first;
  Secret second;
  {
    const HeldSignals signals;
    const QuietTerminal quiet(terminal.number());
    first = ask(terminal.number(), signals, "Passcode for " + name + ": ", interrupted);
    if (!interrupted) second = ask(terminal.number(), signals, "The same again: ", interrupted);
  }
  if (interrupted) refuse("interrupted");  // by SIGTSTP; others ended us above
  check(first);
  if (first.bytes() != second.bytes()) refuse("the two are not the same");
  return first;
}

Secret read_passcode() {
  Secret secret = read_line(STDIN_FILENO);
  check(secret);
  return secret;
}

}  // namespace spoolmq::cli
