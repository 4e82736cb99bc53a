#include "cli/body_input.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {
constexpr std::size_t kReadBytes = 256 << 10;
}

Input Input::open(const std::string& path) {
  if (path == "-") return {STDIN_FILENO, "stdin"};
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (descriptor < 0) throw Error::from_errno(errno, "open", path);
  return {descriptor, path};
}

Input::Input(Input&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, STDIN_FILENO)), name_(std::move(other.name_)) {}

Input::~Input() {
  if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
}

std::size_t Input::read(std::span<char> into) {
  while (true) {
    const ssize_t count = ::read(descriptor_, into.data(), into.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EAGAIN) {  // whoever shares the descriptor made it non-blocking
      pollfd waiting{descriptor_, POLLIN, 0};
      static_cast<void>(::poll(&waiting, 1, -1));
    } else if (errno != EINTR) {
      throw Error::from_errno(errno, "read", name_);
    }
  }
}

bool Input::would_wait() const {
  pollfd waiting{descriptor_, POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 0;
}

std::int64_t Input::file_size() const {
  struct stat status {};
  if (descriptor_ == STDIN_FILENO || ::fstat(descriptor_, &status) != 0) return -1;
  return S_ISREG(status.st_mode) ? status.st_size : -1;
}

std::string read_up_to(Input& input, std::size_t limit) {
  std::string bytes;
  while (bytes.size() < limit) {
    const std::size_t had = bytes.size();
    bytes.resize(std::min(limit, had + kReadBytes));
    const std::size_t count = input.read(std::span(bytes).subspan(had));
    bytes.resize(had + count);
    if (count == 0) break;
  }
  return bytes;
}

}  // namespace spoolmq::cli
