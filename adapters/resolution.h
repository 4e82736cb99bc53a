#pragma once
// Asks for the addresses of a host name without holding up whoever asks: getaddrinfo(3) has no
// limit but resolv.conf's, so it runs in a thread of its own. One that nobody waits for any more
// ends by itself, and what it found goes with it. Belongs to one thread.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/socket_address.h"

namespace spoolmq::adapters {

// Never empty, or `why`.
struct Resolved {
  std::vector<SocketAddress> addresses;
  std::string why;
};

class Resolution {
 public:
  explicit Resolution(const HostPort& place);
  // Readable: it is done.
  [[nodiscard]] int descriptor() const;
  [[nodiscard]] std::optional<Resolved> result() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

// Waits for it, at most so long; numbers are never waited for. Throws Error(kUnavailable).
std::vector<SocketAddress> resolve(const HostPort& place, int longest_ms);

}  // namespace spoolmq::adapters
