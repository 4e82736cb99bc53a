#pragma once
// Users and groups by name or number, as the system's databases know them (getpwnam(3)). Each call
// may read files or ask a directory service. Thread-safe.

#include <sys/types.h>

#include <optional>
#include <string>

namespace spoolmq::adapters {

// nullopt: nobody has that name, and it is no number.
std::optional<uid_t> find_user(const std::string& text);
std::optional<gid_t> find_group(const std::string& text);

// "uid:1000" for one without a name.
std::string user_name(uid_t user);

}  // namespace spoolmq::adapters
