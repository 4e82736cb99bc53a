#include "adapters/activation.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr int kFirst = 3;                          // SD_LISTEN_FDS_START
constexpr std::int64_t kMost = 256;                // more are left alone
constexpr std::string_view kNameless = "unknown";  // sd_listen_fds_with_names(3)

struct Passed {
  std::string name;
  int descriptor;
};

std::string taken(const char* name) {
  const char* const value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

std::vector<Passed> adopt() {
  const std::string pid = taken("LISTEN_PID");
  const std::int64_t count = parse_integer(taken("LISTEN_FDS")).value_or(0);
  std::string names = taken("LISTEN_FDNAMES");
  std::vector<Passed> passed;
  if (pid != std::to_string(::getpid())) return passed;  // meant for another
  for (int i = 0; i < static_cast<int>(std::clamp<std::int64_t>(count, 0, kMost)); ++i) {
    const std::size_t colon = std::min(names.find(':'), names.size());
    std::string name = names.substr(0, colon);
    names.erase(0, colon + 1);
    const int descriptor = kFirst + i;
    if (::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0) continue;  // it is not open
    passed.push_back({name.empty() ? std::string(kNameless) : std::move(name), descriptor});
  }
  return passed;
}

const std::vector<Passed>& all_passed() {
  static const std::vector<Passed> passed = adopt();
  return passed;
}

int option_of(int socket, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

[[noreturn]] void refuse(const std::string& name, const std::string& why) {
  throw Error(ErrorCode::kConfiguration, "take over a socket", name, why);
}

std::string known_names() {
  std::string text;
  for (const Passed& one : all_passed()) text.append(" ").append(one.name);
  return text.empty() ? "the service manager passed none" : "the service manager passed" + text;
}

}  // namespace

void adopt_activation_sockets() { static_cast<void>(all_passed()); }

std::vector<Descriptor> activation_sockets(const std::string& name) {
  std::vector<Descriptor> found;
  for (const Passed& one : all_passed()) {
    if (one.name != name) continue;
    if (option_of(one.descriptor, SO_TYPE) != SOCK_STREAM ||
        option_of(one.descriptor, SO_ACCEPTCONN) != 1) {
      refuse(name, "it is not a stream socket that listens (Accept=no)");
    }
    Descriptor copy(::fcntl(one.descriptor, F_DUPFD_CLOEXEC, kFirst));
    const int flags = copy.is_open() ? ::fcntl(copy.number(), F_GETFL) : -1;
    if (flags < 0 || ::fcntl(copy.number(), F_SETFL, flags | O_NONBLOCK) != 0) {
      throw Error::from_errno(errno, "take over a socket", name);
    }
    found.push_back(std::move(copy));
  }
  if (found.empty()) refuse(name, known_names());
  return found;
}

}  // namespace spoolmq::adapters
