#pragma once
// A pseudoterminal (pty(7)): the master end is ours and never blocks, the slave's path is for a
// child that leads a session of its own. Move-only.

#include <cstdint>
#include <string>

#include "adapters/descriptor.h"

namespace spoolmq::adapters {

class Terminal {
 public:
  struct Shape {
    std::uint16_t columns = 80;
    std::uint16_t rows = 24;
    bool echo = false;  // what is typed is shown, as a person would want it
  };
  explicit Terminal(const Shape& shape);  // throws Error

  [[nodiscard]] const Descriptor& master() const { return master_; }
  [[nodiscard]] const std::string& slave_path() const { return slave_path_; }
  // The process group that reads from it now, which a shell changes with every job; -1: none.
  [[nodiscard]] pid_t foreground() const;

  // How the program has set its input now: canonical(termios(3)) is by lines of at most
  // kMostLineBytes, with an end of line; anything else is the program's own editing.
  struct Input {
    bool canonical = true;
    bool return_is_newline = true;  // ICRNL
  };
  [[nodiscard]] Input input() const;
  static constexpr std::size_t kMostLineBytes = 4095;  // N_TTY_BUF_SIZE less its end

 private:
  Descriptor master_;
  std::string slave_path_;
};

}  // namespace spoolmq::adapters
