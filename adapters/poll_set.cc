#include "adapters/poll_set.h"

#include <cerrno>

#include "spoolmq/error.h"

namespace spoolmq::adapters {

PollSet::PollSet() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_.is_open()) throw Error::from_errno(errno, "open", "epoll");
}

void PollSet::change(int descriptor, Place& place, std::uint32_t events) {
  if (events == place.events) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = place.token;
  const int operation = place.events == 0 ? EPOLL_CTL_ADD
                        : events == 0     ? EPOLL_CTL_DEL
                                          : EPOLL_CTL_MOD;
  if (::epoll_ctl(epoll_.number(), operation, descriptor, &event) != 0) {
    throw Error::from_errno(errno, "wait for", "a descriptor");
  }
  place.events = events;
}

std::span<const epoll_event> PollSet::ready() {
  const int count =
      ::epoll_wait(epoll_.number(), events_.data(), static_cast<int>(events_.size()), 0);
  if (count < 0 && errno != EINTR) throw Error::from_errno(errno, "wait", "epoll");
  return std::span(events_).first(count < 0 ? 0 : static_cast<std::size_t>(count));
}

}  // namespace spoolmq::adapters
