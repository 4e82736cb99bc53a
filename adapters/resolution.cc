#include "adapters/resolution.h"

#include <netdb.h>
#include <poll.h>

#include <cerrno>
#include <mutex>
#include <system_error>
#include <thread>

#include "adapters/bell.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

Resolved look_up(const HostPort& place) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &found);
  Resolved resolved;
  if (code != 0) {
    resolved.why = code == EAI_SYSTEM ? std::generic_category().message(errno)
                                      : std::string(::gai_strerror(code));
    return resolved;
  }
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    resolved.addresses.emplace_back(one->ai_addr, one->ai_addrlen);
  }
  ::freeaddrinfo(found);
  if (resolved.addresses.empty()) resolved.why = "it has no address";
  return resolved;
}

}  // namespace

struct Resolution::Shared {
  Bell bell;
  std::mutex mutex;                // guards result
  std::optional<Resolved> result;  // written once, by the thread that asks
};

Resolution::Resolution(const HostPort& place) : shared_(std::make_shared<Shared>()) {
  try {
    std::thread([shared = shared_, place] {
      Resolved resolved = look_up(place);
      const std::lock_guard lock(shared->mutex);
      shared->result = std::move(resolved);
      shared->bell.ring();
    }).detach();
  } catch (const std::system_error& error) {
    throw Error(ErrorCode::kOsResource, "resolve", place.text(), error.code().message());
  }
}

int Resolution::descriptor() const { return shared_->bell.descriptor(); }

std::optional<Resolved> Resolution::result() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->result;
}

std::vector<SocketAddress> resolve(const HostPort& place, int longest_ms) {
  if (auto numbers = numeric_addresses(place); !numbers.empty()) return numbers;
  const Resolution resolution(place);
  pollfd waited{resolution.descriptor(), POLLIN, 0};
  while (::poll(&waited, 1, longest_ms) < 0 && errno == EINTR) continue;
  const std::optional<Resolved> found = resolution.result();
  if (!found) {
    throw Error(ErrorCode::kUnavailable, "resolve", place.text(),
                "no name server answered within " + std::to_string(longest_ms) + " ms");
  }
  if (!found->why.empty()) {
    throw Error(ErrorCode::kUnavailable, "resolve", place.text(), found->why);
  }
  return found->addresses;
}

}  // namespace spoolmq::adapters
