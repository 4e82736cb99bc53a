#pragma once
// The file systems whose power is cut. All of them take the same shutdown ioctl (powercut_shim.h).

#include <sys/types.h>

#include <string>
#include <vector>

namespace powercut {

struct FileSystem {
  const char* name;     // for people
  const char* type;     // for mount(2)
  const char* options;  // likewise
  off_t bytes;
  std::vector<std::string> make;  // mkfs and its options; the path follows
};

// ext4 as it comes, ext4 without what it does for programs that do not sync, and XFS.
const std::vector<FileSystem>& file_systems();

}  // namespace powercut
