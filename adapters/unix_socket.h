#pragma once
// Listening at and connecting to sockets that have a path (unix(7)), of
// whatever length (unix_place.h). Both return a non-blocking descriptor that the caller closes.
// Throw Error.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace spoolmq::adapters {

// Makes the socket with exactly these permission bits, of that group or ours; nobody can connect
// before it has both. One that a dead process left is replaced; Error(kUnavailable) where somebody
// answers there, Error(kCannotCreate) where something else has the name.
int listen_at(const std::string& path, std::uint32_t mode, std::optional<gid_t> group = {});

inline constexpr std::chrono::milliseconds kConnectPatience{10'000};

// nullopt: nobody listens there. Waits for its turn where many others do, at most so long; then
// Error(kUnavailable). Error(kPermission) where we may not know.
std::optional<int> connect_to(const std::string& path,
                              std::chrono::milliseconds patience = kConnectPatience);

}  // namespace spoolmq::adapters
