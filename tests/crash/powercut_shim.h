#pragma once
// What the preloaded shim and the rig agree on.

#include <sys/ioctl.h>

#include <cstdint>

namespace powercut {

// ext4's EXT4_IOC_SHUTDOWN: the file system refuses everything from here on. With this flag the
// journal is not flushed either: what no sync has committed is gone (linux/fs/ext4/ext4.h).
inline constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
inline constexpr std::uint32_t kNoLogFlush = 2;

// Exit codes of a process under the shim.
inline constexpr int kCutHere = 99;  // its power was cut
inline constexpr int kBadPlan = 98;  // the shim could not do what it was told

// In the image's root directory: written, never synced, right before the cut. Its name is its text.
inline constexpr char kCanary[] = "canary";

}  // namespace powercut
