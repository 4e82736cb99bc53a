#include "adapters/access.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/units.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kNetworkBytes = 8;  // of an IPv6 address: one customer's, most likely
constexpr std::int64_t kMsPerSecond = 1000;

}  // namespace

Access::Access(const AccessSettings& settings, const Clock& clock) : rights_(settings.rights) {
  if (!settings.passwords.empty()) checks_.emplace(settings.passwords, clock);
}

bool Access::may(const Identity& who, Right right, std::string_view queue_or_topic) const {
  return is_open_to(who) || std::ranges::any_of(rights_, [&](const RightsRow& row) {
           return row.is_of(who) && row.allows(right, queue_or_topic);
         });
}

bool Access::admits(const Identity& who) const {
  return is_open_to(who) ||
         std::ranges::any_of(rights_, [&who](const RightsRow& row) { return row.is_of(who); });
}

std::string Access::refusal(const Identity& who, Right right, std::string_view queue_or_topic) {
  return who.text() + " may not " + std::string(words_of(right)) + " " +
         std::string(queue_or_topic);
}

std::string Access::refusal(const LoginAnswer& answer) {
  switch (answer.outcome) {
    case LoginOutcome::kProved:
      return {};
    case LoginOutcome::kWrong:
      return "no such login, or not its passcode";
    case LoginOutcome::kLimited:
      return "too many failed logins: try again in " +
             format_duration(
                 std::chrono::seconds{(answer.left_ms + kMsPerSecond - 1) / kMsPerSecond});
    case LoginOutcome::kBusy:
      return "too many logins at a time: try again";
    case LoginOutcome::kUnavailable:
      return "logins cannot be checked now";
  }
  return {};
}

std::string Access::where(const Peer& peer) {
  if (peer.is_local) return "uid " + std::to_string(peer.user);
  in6_addr address{};
  if (::inet_pton(AF_INET6, peer.name.substr(0, peer.name.find('%')).c_str(), &address) != 1 ||
      IN6_IS_ADDR_V4MAPPED(&address)) {
    return peer.name;
  }
  std::memset(address.s6_addr + kNetworkBytes, 0, sizeof address.s6_addr - kNetworkBytes);
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET6, &address, text, sizeof text);
  return std::string(text) + "/64";
}

}  // namespace spoolmq::adapters
