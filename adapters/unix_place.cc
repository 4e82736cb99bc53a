#include "adapters/unix_place.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

namespace spoolmq::adapters {

UnixPlace::UnixPlace(const std::string& path)
    : name_(path.substr(path.rfind('/') + 1)),
      directory_(
          ::open(path.substr(0, path.rfind('/') + 1).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
      error_(directory_.is_open() ? 0 : errno) {
  address_.sun_family = AF_UNIX;
  std::string shown = path;
  if (shown.size() >= sizeof address_.sun_path) {
    shown = "/proc/self/fd/" + std::to_string(directory_.number()) + "/" + name_;
  }
  if (shown.size() >= sizeof address_.sun_path && error_ == 0) error_ = ENAMETOOLONG;
  if (error_ == 0) std::memcpy(address_.sun_path, shown.data(), shown.size());
}

int UnixPlace::connect(int socket) const {
  return ::connect(socket, address(), sizeof address_) == 0 ? 0 : errno;
}

int UnixPlace::bind(int socket) const {
  return ::bind(socket, address(), sizeof address_) == 0 ? 0 : errno;
}

}  // namespace spoolmq::adapters
