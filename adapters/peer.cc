#include "adapters/peer.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "adapters/account_names.h"
#include "adapters/socket_address.h"
#include "adapters/unix_socket.h"

namespace spoolmq::adapters {
namespace {

constexpr std::chrono::milliseconds kUnixPatience{1000};  // for a full backlog

constexpr std::size_t kFirstGroups = 64;
constexpr std::size_t kMostGroups = 65'536;  // NGROUPS_MAX of Linux

[[noreturn]] void refused() { throw Error::from_errno(errno, "ask", "who is at the other end"); }

std::vector<gid_t> groups_of(int socket) {
  for (std::size_t size = kFirstGroups; size <= kMostGroups; size *= 4) {
    std::vector<gid_t> groups(size);
    auto length = static_cast<socklen_t>(size * sizeof(gid_t));
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) == 0) {
      groups.resize(length / sizeof(gid_t));
      return groups;
    }
    if (errno != ERANGE) refused();
  }
  return {};
}

}  // namespace

Peer peer_of(int socket) {
  Peer peer;
  const SocketAddress address = SocketAddress::of_peer(socket);
  if (address.family() != AF_UNIX) {
    peer.name = address.host_text();
    peer.address = address.text();
    return peer;
  }
  ucred found{};
  socklen_t length = sizeof found;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &found, &length) != 0) refused();
  peer.is_local = true;
  peer.user = found.uid;
  peer.group = found.gid;
  peer.process = found.pid;
  peer.further = groups_of(socket);
  peer.name = user_name(found.uid);
  peer.address = "uid " + std::to_string(found.uid) + ", pid " + std::to_string(found.pid);
  return peer;
}

bool AllowedPeers::has(const Peer& peer) const {
  if (is_anybody()) return true;
  if (!peer.is_local) return false;
  const auto is_allowed = [this](gid_t group) {
    return std::ranges::find(groups, group) != groups.end();
  };
  return std::ranges::find(users, peer.user) != users.end() || is_allowed(peer.group) ||
         std::ranges::any_of(peer.further, is_allowed);
}

Descriptor connect_to_allowed(const std::string& path, const AllowedPeers& allowed) {
  const std::optional<int> connected = connect_to(path, kUnixPatience);
  if (!connected) {
    throw Error(ErrorCode::kUnavailable, "connect", path, "nobody listens there");
  }
  Descriptor socket(*connected);
  const Peer peer = peer_of(socket.number());
  if (!allowed.has(peer)) {
    throw Error(ErrorCode::kPermission, "connect", path,
                peer.name + " listens there, who is not allowed to");
  }
  return socket;
}

void add_user(AllowedPeers& allowed, const KeyValue& given) {
  const auto user = find_user(given.value);
  if (!user) throw bad_value(given, "there is no such user");
  allowed.users.push_back(*user);
}

void add_group(AllowedPeers& allowed, const KeyValue& given) {
  const auto group = find_group(given.value);
  if (!group) throw bad_value(given, "there is no such group");
  allowed.groups.push_back(*group);
}

}  // namespace spoolmq::adapters
