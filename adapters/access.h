#pragma once
// Who may do what at a server: what its keys say (access_settings.h), and the checks of passcodes.
// On a Unix socket without any `rights` its mode and allow-users and allow-groups decide, and who
// got in may do everything; anywhere else nobody may do what no row allows.
//   Identity who{.peer = peer_of(socket), .subject = stream.subject()};
//   with a login: checks()->ask({name, passcode, where(who.peer)}), then who.login = name
//   if (!access.admits(who)) refuse; … if (!access.may(who, Right::kSend, queue)) refuse
// Nothing here blocks. Threads: all calls from one thread, but may(), which is const.

#include <optional>
#include <string>
#include <string_view>

#include "adapters/access_settings.h"
#include "adapters/passcode_checks.h"
#include "adapters/rights.h"

namespace spoolmq::adapters {

class Access {
 public:
  // Throws Error(kConfiguration) where the password file cannot be used.
  Access(const AccessSettings& settings, const Clock& clock);

  [[nodiscard]] bool may(const Identity& who, Right right, std::string_view queue_or_topic) const;
  // Whether there is anything that they may do.
  [[nodiscard]] bool admits(const Identity& who) const;
  // "alice may not send to orders": names no more than who asked knew already.
  [[nodiscard]] static std::string refusal(const Identity& who, Right right,
                                           std::string_view queue_or_topic);
  // "too many failed logins: try again in 6s"
  [[nodiscard]] static std::string refusal(const LoginAnswer& answer);

  // Null: there is no password file, and no login proves anything.
  [[nodiscard]] PasscodeChecks* checks() { return checks_ ? &*checks_ : nullptr; }
  // What the limits of failures count by: the address without its port, of IPv6 its first 64 bits.
  [[nodiscard]] static std::string where(const Peer& peer);

 private:
  [[nodiscard]] bool is_open_to(const Identity& who) const {
    return who.peer.is_local && rights_.empty();
  }

  const std::vector<RightsRow> rights_;
  std::optional<PasscodeChecks> checks_;
};

}  // namespace spoolmq::adapters
