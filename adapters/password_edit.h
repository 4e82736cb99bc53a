#pragma once
// Changes one user in a password file (password_file.h). The file is replaced as a whole, and on
// return the new one survives a power cut; comments, order, owner and mode stay. Two who edit at a
// time do so one after the other.

#include <cstdint>
#include <string>

namespace spoolmq::adapters {

enum class Edited : std::uint8_t { kAdded, kChanged, kRemoved };

// A file that is not there is made, of mode 0600. Throws Error.
Edited set_passcode_hash(const std::string& path, const std::string& name, const std::string& hash);
// Throws Error(kNotFound) where there is no such user.
Edited remove_login(const std::string& path, const std::string& name);

}  // namespace spoolmq::adapters
