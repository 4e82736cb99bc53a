#include "cli/notify.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <system_error>
#include <utility>

#include "core/log.h"
#include "core/units.h"

namespace spoolmq::cli {
namespace {

std::string taken_from_environment(const char* name) {
  const char* const value = std::getenv(name);
  std::string taken = value == nullptr ? "" : value;
  ::unsetenv(name);
  return taken;
}

// One line: a status with a line end would be read as another assignment.
std::string status_line(std::string_view status) {
  std::string line = "STATUS=";
  line += status;
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  return line;
}

std::string monotonic_usec() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::to_string(now.tv_sec * 1'000'000 + now.tv_nsec / 1000);
}

}  // namespace

Notifier Notifier::from_environment() {
  std::string socket = taken_from_environment("NOTIFY_SOCKET");
  const std::string usec = taken_from_environment("WATCHDOG_USEC");
  const std::string pid = taken_from_environment("WATCHDOG_PID");
  std::optional<std::chrono::microseconds> watchdog;
  const std::optional<std::int64_t> limit = parse_integer(usec);
  if (limit && *limit > 0 && (pid.empty() || pid == std::to_string(::getpid()))) {
    watchdog = std::chrono::microseconds{*limit};
  }
  return Notifier(std::move(socket), watchdog);
}

Notifier::Notifier(std::string socket, std::optional<std::chrono::microseconds> watchdog)
    : socket_(std::move(socket)), watchdog_(watchdog) {
  const bool known = !socket_.empty() && (socket_.front() == '/' || socket_.front() == '@');
  if (!known || socket_.size() >= sizeof(sockaddr_un::sun_path)) {
    if (!socket_.empty()) log::warn("NOTIFY_SOCKET is not a socket's name", {{"is", socket_}});
    return;
  }
  descriptor_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const timeval patience{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

Notifier::Notifier(Notifier&& other) noexcept
    : socket_(std::move(other.socket_)),
      watchdog_(other.watchdog_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      failed_(other.failed_) {}

Notifier& Notifier::operator=(Notifier&& other) noexcept {
  if (this == &other) return *this;
  if (descriptor_ >= 0) ::close(descriptor_);
  socket_ = std::move(other.socket_);
  watchdog_ = other.watchdog_;
  descriptor_ = std::exchange(other.descriptor_, -1);
  failed_ = other.failed_;
  return *this;
}

Notifier::~Notifier() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Notifier::tell(const std::string& message) {
  if (descriptor_ < 0) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_.data(), socket_.size());
  if (socket_.front() == '@') address.sun_path[0] = '\0';
  // An abstract name is as long as the address says (unix(7)).
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  const ssize_t sent = ::sendto(descriptor_, message.data(), message.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), length);
  if (sent >= 0) {
    failed_ = false;
  } else if (!std::exchange(failed_, true)) {
    log::warn("the service manager was not told",
              {{"socket", socket_}, {"why", std::generic_category().message(errno)}});
  }
}

void Notifier::ready(std::string_view status) { tell("READY=1\n" + status_line(status)); }

void Notifier::reloading() { tell("RELOADING=1\nMONOTONIC_USEC=" + monotonic_usec()); }

void Notifier::stopping(std::string_view status) { tell("STOPPING=1\n" + status_line(status)); }

void Notifier::status(std::string_view status) { tell(status_line(status)); }

void Notifier::watchdog() { tell("WATCHDOG=1"); }

}  // namespace spoolmq::cli
