#pragma once
// On the way to a connection: the places in turn, of each all its addresses, none waited for longer
// than the limit, and nothing of it blocks. Belongs to one thread.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "adapters/descriptor.h"
#include "adapters/resolution.h"
#include "adapters/socket_address.h"

namespace spoolmq::adapters {

struct Connected {
  Descriptor socket;
  HostPort place;       // as it was given
  std::string address;  // that answered
};

// Of a peer that is there, but reads nothing for the time after which a vanished one is given up.
enum class Unread : std::uint8_t { kWaits, kGivenUp };

class Connecting {
 public:
  struct Limits {
    std::int64_t per_address_ms = 10'000;  // and for the resolution of a name
    std::int64_t silence_ms = 30'000;      // then a connected peer that vanished is noticed
    Unread unread = Unread::kWaits;
  };
  Connecting(std::vector<HostPort> places, Limits limits);

  // nullopt: call again when descriptor() is ready or the deadline has come. Throws
  // Error(kUnavailable) when the last place has failed.
  std::optional<Connected> advance(std::int64_t now_boot_ms);
  [[nodiscard]] int descriptor() const;
  [[nodiscard]] short events() const;
  [[nodiscard]] std::int64_t deadline_boot_ms() const { return deadline_boot_ms_; }

 private:
  std::optional<Connected> look_at_socket(std::int64_t now_boot_ms);
  void look_at_resolution(std::int64_t now_boot_ms);
  void begin_address(std::int64_t now_boot_ms);
  void begin_place(std::int64_t now_boot_ms);
  void failed(const std::string& subject, const std::string& why);

  const Limits limits_;
  std::deque<HostPort> places_;
  HostPort place_;  // whose addresses these are
  std::optional<Resolution> resolution_;
  std::deque<SocketAddress> addresses_;
  Descriptor socket_;  // on its way to address_
  std::string address_;
  std::int64_t deadline_boot_ms_ = 0;
  std::string subject_;  // of the failure that is to be told
  std::string why_;
};

// So that a peer that vanished (a cut cable, a machine without power) is noticed within
// `silence_ms`, and small messages go at once. With kWaits it is noticed by unanswered probes, that
// is while nothing is on its way to it; else when the kernel has tried long enough (tcp_retries2 in
// tcp(7), about 15 minutes). With kGivenUp also by bytes that nobody acknowledges or makes room
// for (TCP_USER_TIMEOUT). Of a socket that is not TCP: nothing.
void set_tcp_limits(int socket, std::int64_t silence_ms, Unread unread);

}  // namespace spoolmq::adapters
