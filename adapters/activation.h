#pragma once
// Sockets that a service manager opened for us (systemd.socket(5), sd_listen_fds(3)): LISTEN_PID,
// LISTEN_FDS and LISTEN_FDNAMES of the environment, read once per process. They stay open as long
// as it lives, so that an adapter that is made anew finds its own again; their names in the file
// system, if they have any, are the manager's.

#include <string>
#include <vector>

#include "adapters/descriptor.h"

namespace spoolmq::adapters {

// Takes them over: from then on no child inherits them, and the environment does not name them. For
// a main, before it opens anything or starts threads and children.
void adopt_activation_sockets();

// Copies of all of that name that listen for streams; they do not block. Throws
// Error(kConfiguration) where there is none, or one is something else. Thread-safe.
std::vector<Descriptor> activation_sockets(const std::string& name);

}  // namespace spoolmq::adapters
