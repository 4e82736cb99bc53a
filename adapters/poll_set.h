#pragma once
// Many descriptors of which few have something at a time (epoll(7)): waiting costs by what happens,
// not by how many there are. Its own descriptor is readable when one of them has something.
// Belongs to one thread.

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>

#include "adapters/descriptor.h"

namespace spoolmq::adapters {

class PollSet {
 public:
  PollSet();  // throws Error

  [[nodiscard]] int descriptor() const { return epoll_.number(); }

  // What one descriptor is waited for; kept by whoever owns it. One that is closed leaves the set.
  struct Place {
    std::uint64_t token = 0;
    std::uint32_t events = 0;  // 0: it is not in the set, so that not even its end is told
  };
  void change(int descriptor, Place& place, std::uint32_t events);
  // Those that have something now, a bounded number of them; until the next call.
  std::span<const epoll_event> ready();

 private:
  Descriptor epoll_;
  std::array<epoll_event, 256> events_{};
};

}  // namespace spoolmq::adapters
