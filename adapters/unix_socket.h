#pragma once
// Listening at and connecting to sockets that have a path (unix(7)). An address holds 108 bytes; a
// longer path is reached through /proc/self/fd and its directory. Both return a non-blocking
// descriptor that the caller closes. Throw Error.

#include <cstdint>
#include <optional>
#include <string>

namespace spoolmq::adapters {

// Makes the socket with exactly these permission bits. One that a dead process left is replaced;
// Error(kUnavailable) where somebody answers there, Error(kCannotCreate) where something else has
// the name.
int listen_at(const std::string& path, std::uint32_t mode);

// nullopt: nobody listens there. Waits for its turn, at most 10 s. Error(kPermission) where we may
// not know.
std::optional<int> connect_to(const std::string& path);

}  // namespace spoolmq::adapters
