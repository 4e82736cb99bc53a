#pragma once
// Wakes a poll(2) from any thread: a descriptor that is readable from ring() to silence(), however
// often it was rung (eventfd(2)).

#include <sys/eventfd.h>

#include <cerrno>

#include "adapters/descriptor.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {

class Bell {
 public:
  Bell() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!descriptor_.is_open()) throw Error::from_errno(errno, "open", "eventfd");
  }

  // A full counter wakes just as well.
  void ring() const { static_cast<void>(::eventfd_write(descriptor_.number(), 1)); }
  void silence() const {
    eventfd_t count = 0;
    static_cast<void>(::eventfd_read(descriptor_.number(), &count));
  }
  [[nodiscard]] int descriptor() const { return descriptor_.number(); }

 private:
  Descriptor descriptor_;
};

}  // namespace spoolmq::adapters
