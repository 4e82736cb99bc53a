#pragma once
// Hashes of passcodes: yescrypt as crypt(5) writes it, "$y$PARAMETERS$SALT$HASH", by libxcrypt.
// Each call costs tens of milliseconds of CPU and 16 MiB of memory, but is_passcode_hash.
// Thread-safe.

#include <string>
#include <string_view>

#include "adapters/secret.h"

namespace spoolmq::adapters {

// It has that form; whether a passcode can be checked against it shows when one is.
bool is_passcode_hash(std::string_view text);

// With a new salt of the system's. Throws Error(kOsResource).
std::string hash_passcode(const Secret& passcode);

// In a time that tells nothing of where they differ; false as well where the hash cannot be used.
bool is_passcode(const Secret& passcode, const std::string& hash);

// A hash that no passcode has, and that costs as much to check against as `like` does: for names
// that nobody has.
std::string hash_of_nobody(const std::string& like);

}  // namespace spoolmq::adapters
