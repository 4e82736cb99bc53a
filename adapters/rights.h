#pragma once
// Who may do what, as rows say it: "WHO: RIGHT… PATTERN…". WHO is the name of somebody who proved
// it by a passcode, "unix:USER", "unix-group:GROUP", "cert:SUBJECT", or "*" for whoever was let in.
// There are only rows that allow. Values; reading is pure but for the system's accounts.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/adapter_keys.h"
#include "adapters/peer.h"

namespace spoolmq::adapters {

enum class Right : std::uint8_t { kSend, kReceive, kBrowse, kCreate };  // none implies another

// As a refusal names it: "send to", "receive from", "browse", "create".
std::string_view words_of(Right right);

// Whose connection it is: all that was proved.
struct Identity {
  Peer peer;
  std::string login;    // proved by its passcode; empty: nobody's
  std::string subject;  // Stream::subject()
  // For logs and refusals: "alice", "cert:CN=desk", "unix:daemon", "192.0.2.7".
  [[nodiscard]] std::string text() const;
};

struct RightsRow {
  enum class Who : std::uint8_t { kAnybody, kLogin, kUnixUser, kUnixGroup, kCertificate };
  Who who = Who::kAnybody;
  std::string name;           // of kLogin and kCertificate
  std::uint32_t account = 0;  // of kUnixUser and kUnixGroup
  std::uint8_t rights = 0;    // 1 << Right
  std::vector<std::string> patterns;

  [[nodiscard]] bool is_of(const Identity& identity) const;
  [[nodiscard]] bool allows(Right right, std::string_view name) const;
};

// Throws bad_value; there may be no such Unix user or group.
RightsRow parse_rights(const KeyValue& given);

}  // namespace spoolmq::adapters
