#pragma once
// Sockets of datagrams: bound where others send to, or connected to where we send. All of them do
// not block. Throw Error.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "adapters/datagram_address.h"
#include "adapters/descriptor.h"

namespace spoolmq::adapters {

// ---- Unix (unix(7)). Both ends are on this machine; nothing is lost between them: a full receiver
// makes senders wait.

// Makes the socket with exactly these permission bits. One that a dead process left is replaced;
// Error(kUnavailable) where another process has it, kConfiguration where something else is there.
Descriptor bind_unix_datagram(const std::string& path, std::uint32_t mode);
// Error(kUnavailable) where nobody is. Has an address of its own (abstract, made by the kernel), to
// which only that peer can answer.
Descriptor connect_unix_datagram(const std::string& path);

// ---- UDP (udp(7))

Descriptor bind_udp(const DatagramAddress& address);
Descriptor connect_udp(const DatagramAddress& address);

// As large as asked for, if the kernel allows it; what it is then.
std::size_t set_receive_buffer(const Descriptor& socket, std::size_t bytes);

}  // namespace spoolmq::adapters
