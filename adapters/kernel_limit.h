#pragma once
// Limits of the kernel's that refuse a bridge something, for people: what each is, its value now,
// and how it is raised.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spoolmq::adapters {

// The number in a file of /proc/sys; nullopt: there is none.
std::optional<std::uint64_t> kernel_limit(const std::string& path);

// "fs.mqueue.msg_max is 10 (sysctl -w fs.mqueue.msg_max=N raises it)"
std::string explain_limit(std::string_view sysctl_name);

}  // namespace spoolmq::adapters
