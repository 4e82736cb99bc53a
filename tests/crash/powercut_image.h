#pragma once
// A file system whose power can be cut: an image in memory, mounted through a loop device.
// Everything lives in a mount namespace of this process with a /dev/shm of its own, so that mounts,
// loop devices and files go when the process goes, however it ends, and runs never meet.
// Not thread-safe.

#include <optional>
#include <string>

#include "tests/crash/powercut_file_system.h"

namespace powercut {

inline constexpr char kScratch[] = "/dev/shm";      // private; outside every image
inline constexpr char kMount[] = "/dev/shm/image";  // where an image is mounted

// Makes the namespace. The reason why that is impossible here, if it is.
std::optional<std::string> enter_private_namespace();
// In it: the reason why this file system cannot be made, mounted or cut here, if it cannot.
std::optional<std::string> why_unusable(const FileSystem& kind);

class Image {
 public:
  Image(const FileSystem& kind, std::string name);
  ~Image();
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  [[nodiscard]] const FileSystem& kind() const { return kind_; }
  void format();                       // an empty one; throws std::system_error, as all of these
  void copy_from(const Image& other);  // of the same kind; neither is mounted
  void mount();                        // replays the journal if the power was cut
  void unmount();
  // Turns the power off: what no sync has committed is gone after unmount() and mount().
  void cut_power();
  // Leaves bytes that nobody syncs, and tells after the remount whether they survived.
  void leave_canary();
  [[nodiscard]] bool has_canary() const;
  void remove_canary();  // of a mounted one; for good with unmount()

 private:
  const FileSystem& kind_;
  const std::string path_;
  bool mounted_ = false;
};

}  // namespace powercut
