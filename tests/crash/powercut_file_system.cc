#include "tests/crash/powercut_file_system.h"

namespace powercut {
namespace {

// Nothing is committed on its own between two syncs; ordered: data before the names of it.
#define POWERCUT_EXT4 "commit=300,data=ordered"

constexpr off_t kExt4Bytes = off_t{96} << 20;
constexpr off_t kXfsBytes = off_t{300} << 20;  // mkfs.xfs makes none that is smaller

// Inode tables at once: no thread of the kernel writes to the image on its own.
const std::vector<std::string> kMakeExt4 = {"mkfs.ext4", "-q", "-F", "-E",
                                            "lazy_itable_init=0,lazy_journal_init=0"};

}  // namespace

const std::vector<FileSystem>& file_systems() {
  static const std::vector<FileSystem> all = {
      {"ext4", "ext4", POWERCUT_EXT4, kExt4Bytes, kMakeExt4},
      // nouuid: every image is a copy of one.
      {"xfs", "xfs", "nouuid", kXfsBytes, {"mkfs.xfs", "-q", "-f"}},
      // A rename over a file, and a truncation, no longer write out what was not synced.
      {"ext4 noauto_da_alloc", "ext4", POWERCUT_EXT4 ",noauto_da_alloc", kExt4Bytes, kMakeExt4},
      // Blocks are allocated by the write, not when they are written out.
      {"ext4 nodelalloc", "ext4", POWERCUT_EXT4 ",nodelalloc", kExt4Bytes, kMakeExt4},
  };
  return all;
}

}  // namespace powercut
