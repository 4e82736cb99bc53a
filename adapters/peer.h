#pragma once
// Who is at the other end of a connected socket, as the kernel vouches for it, and who may be.

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "adapters/adapter_keys.h"
#include "adapters/descriptor.h"

namespace spoolmq::adapters {

// A plain value.
struct Peer {
  bool is_local = false;  // of a Unix socket: the credentials are known
  uid_t user = 0;
  gid_t group = 0;
  pid_t process = 0;           // 0: in a PID namespace that we do not see into
  std::vector<gid_t> further;  // supplementary groups
  std::string name;            // the user's name or "uid:N"; the numeric address without its port
  std::string address;         // "192.0.2.7:40123"; of a local one "uid N, pid N"
};

// What it was when it connected; of the one that listens, when it began to (SO_PEERCRED,
// SO_PEERGROUPS in unix(7) and socket(7)). Throws Error where the connection is gone already.
Peer peer_of(int socket);

struct AllowedPeers {
  std::vector<uid_t> users;
  std::vector<gid_t> groups;
  [[nodiscard]] bool is_anybody() const { return users.empty() && groups.empty(); }
  // One of the users, or in one of the groups, of whatever kind. The superuser is not special.
  [[nodiscard]] bool has(const Peer& peer) const;
};

// A connection to whoever listens at that path, who must be one of them. Waits a second for a full
// backlog. Throws Error; kUnavailable where nobody listens, kPermission where somebody else does.
Descriptor connect_to_allowed(const std::string& path, const AllowedPeers& allowed);

// Parsers of one key; each adds what it names. Throw bad_value for an unknown name.
void add_user(AllowedPeers& allowed, const KeyValue& given);
void add_group(AllowedPeers& allowed, const KeyValue& given);

}  // namespace spoolmq::adapters
