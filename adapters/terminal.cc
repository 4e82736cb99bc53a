#include "adapters/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kSubject = "pseudoterminal";

void require(bool is_done, std::string_view operation) {
  if (!is_done) throw Error::from_errno(errno, operation, kSubject);
}

}  // namespace

Terminal::Terminal(const Shape& shape)
    : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)) {
  require(master_.is_open(), "open");
  const int master = master_.number();
  require(::grantpt(master) == 0 && ::unlockpt(master) == 0, "unlock");
  std::array<char, 128> path{};
  const int error_number = ::ptsname_r(master, path.data(), path.size());
  if (error_number != 0) throw Error::from_errno(error_number, "name", kSubject);
  slave_path_ = path.data();

  termios settings{};
  require(::tcgetattr(master, &settings) == 0, "read settings of");
  settings.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK | ECHONL | ECHOCTL | ECHOKE);
  if (shape.echo) settings.c_lflag |= ECHO;
  require(::tcsetattr(master, TCSANOW, &settings) == 0, "set");
  winsize size{};
  size.ws_col = shape.columns;
  size.ws_row = shape.rows;
  require(::ioctl(master, TIOCSWINSZ, &size) == 0, "size");
}

pid_t Terminal::foreground() const {
  const pid_t group = ::tcgetpgrp(master_.number());
  return group > 0 ? group : -1;
}

// Of the master they are the slave's (tty_ioctl(4)).
Terminal::Input Terminal::input() const {
  termios settings{};
  require(::tcgetattr(master_.number(), &settings) == 0, "read settings of");
  return {(settings.c_lflag & ICANON) != 0, (settings.c_iflag & ICRNL) != 0};
}

}  // namespace spoolmq::adapters
