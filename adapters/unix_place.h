#pragma once
// Where a socket with a path is or will be (unix(7)). Its directory is held open, so that the name
// is looked up in it; an address holds 108 bytes, and a longer path is reached through
// /proc/self/fd.

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "adapters/descriptor.h"

namespace spoolmq::adapters {

class UnixPlace {
 public:
  explicit UnixPlace(const std::string& path);  // absolute
  // Why there can be none; 0: nothing is in the way.
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] int directory() const { return directory_.number(); }
  [[nodiscard]] const char* name() const { return name_.c_str(); }
  // 0, or errno.
  [[nodiscard]] int connect(int socket) const;
  [[nodiscard]] int bind(int socket) const;

 private:
  [[nodiscard]] const sockaddr* address() const {
    return reinterpret_cast<const sockaddr*>(&address_);
  }

  std::string name_;
  Descriptor directory_;
  int error_;
  sockaddr_un address_{};
};

}  // namespace spoolmq::adapters
