#include "store/known_file_systems.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq {
namespace {

// statfs(2).
constexpr std::array<std::int64_t, 6> kKnownFileSystems = {
    0,           // the in-memory twin
    0xEF53,      // ext2, ext3, ext4
    0x58465342,  // XFS
    0x9123683E,  // btrfs
    0x01021994,  // tmpfs
    0x794c7630,  // overlay
};

}  // namespace

void require_known_file_system(Dir& dir, std::string_view operation) {
  const std::int64_t magic = dir.file_system_magic();
  if (std::find(kKnownFileSystems.begin(), kKnownFileSystems.end(), magic) !=
      kKnownFileSystems.end()) {
    return;
  }
  throw Error(ErrorCode::kConfiguration, operation, dir.path(),
              "its file system (type 0x" + hex16(static_cast<std::uint64_t>(magic)) +
                  ") is not one of ext4, XFS, btrfs, tmpfs, overlay");
}

}  // namespace spoolmq
