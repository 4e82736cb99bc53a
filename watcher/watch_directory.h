#pragma once
// Directories as they are opened to be watched and walked, and what is told of them. What cannot be
// opened is a value: it may be gone, be something else, or be none of ours. Not thread-safe.

#include <cstdint>
#include <optional>
#include <string>

namespace spoolmq::watcher {

// An open directory; move-only.
class OpenDirectory {
 public:
  // The path as an operator wrote it: links in it are followed. Empty: errno says why.
  static std::optional<OpenDirectory> at_path(const std::string& path);
  // A name in `parent`; a symbolic link is never followed.
  static std::optional<OpenDirectory> below(int parent, const std::string& name);

  OpenDirectory(OpenDirectory&& other) noexcept;
  OpenDirectory& operator=(OpenDirectory&& other) noexcept;
  ~OpenDirectory();

  [[nodiscard]] int descriptor() const { return descriptor_; }
  int release();  // the caller closes it

 private:
  explicit OpenDirectory(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

struct DirectoryIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const DirectoryIdentity&) const = default;
};
std::optional<DirectoryIdentity> identity_of(int directory);
std::optional<DirectoryIdentity> identity_at(const std::string& path);  // links are followed

// statfs(2) f_type; 0 where it is not to be had.
std::int64_t file_system_type(int directory);
// Whether other machines (or a program, FUSE) may change files of such a file system without a word
// to inotify.
bool is_changed_unseen(std::int64_t file_system_type);

}  // namespace spoolmq::watcher
