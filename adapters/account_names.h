#pragma once
// Users and groups, as the system's databases know them (getpwnam(3)). Each call may read files or
// ask a directory service. Thread-safe.

#include <grp.h>
#include <pwd.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace spoolmq::adapters {

// The text is a number of 32 bits and nothing else.
std::optional<std::uint32_t> account_number(const std::string& text);

// Calls `take` with the entry, whose strings are valid until it returns. False: there is none.
bool with_user(const std::string& name, const std::function<void(const passwd&)>& take);
bool with_user(uid_t user, const std::function<void(const passwd&)>& take);
bool with_group(const std::string& name, const std::function<void(const group&)>& take);

std::optional<uid_t> user_of_name(const std::string& name);
std::optional<gid_t> group_of_name(const std::string& name);
std::optional<std::string> name_of_user(uid_t user);

// A number, but for the largest, which means "none" to the calls that take one; else a name.
// nullopt: nobody has it.
std::optional<uid_t> find_user(const std::string& text);
std::optional<gid_t> find_group(const std::string& text);

// "uid:1000" for one without a name.
std::string user_name(uid_t user);

}  // namespace spoolmq::adapters
