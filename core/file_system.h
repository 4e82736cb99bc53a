#pragma once
// The file-system seam: a directory is a capability (everything is opened relative to one) and a
// sync is an operation of its own, of files and of directories alike. Two implementations:
// PosixDir here, and the in-memory twin under tests/support, which knows synced from unsynced
// bytes and names, fails the n-th operation and crashes on demand.
// Every function throws Error with the operation and the path; a missing name is a value where a
// function says so. Thread-safe as the kernel is: calls on one File from several threads are fine.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spoolmq {

enum class FileKind : std::uint8_t { kRegular, kDirectory, kOther };

struct FileStatus {
  FileKind kind = FileKind::kOther;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;    // bytes
  std::uint64_t blocks = 0;  // allocated, of 512 bytes
  std::uint64_t links = 0;
  std::uint32_t mode = 0;  // permission bits only
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::int64_t mtime_ns = 0;  // since the epoch
  std::int64_t ctime_ns = 0;
};

enum class LockKind : std::uint8_t { kShared, kExclusive };
enum class Access : std::uint8_t { kRead, kReadWrite };
enum class IfExists : std::uint8_t { kOpen, kFail };

class File {
 public:
  virtual ~File() = default;

  // Reads at `offset` until `into` is full or the file ends; returns the bytes read.
  virtual std::size_t read_at(std::span<std::byte> into, std::uint64_t offset) = 0;
  // Writes all of `from` (pwritev; short writes are continued).
  virtual void write_at(std::span<const std::byte> from, std::uint64_t offset) = 0;
  virtual FileStatus status() = 0;
  virtual void truncate(std::uint64_t size) = 0;
  // fallocate mode 0: the range gets blocks, the size covers it. False where unsupported.
  virtual bool allocate(std::uint64_t offset, std::uint64_t length) = 0;
  // Frees the blocks of the range; it reads as zeros. False where unsupported.
  virtual bool punch(std::uint64_t offset, std::uint64_t length) = 0;
  virtual void sync_data() = 0;  // fdatasync: bytes, and the size that is needed to read them
  virtual void sync() = 0;       // fsync
  // The device may begin with what was written there, whose sync is to follow (sync_file_range). A
  // hint: it neither waits nor tells of errors.
  virtual void begin_writing(std::uint64_t /*offset*/, std::uint64_t /*length*/) {}

  // Open-file-description record locks (F_OFD_SETLK, fcntl(2)): owned by this File, gone when it
  // closes, visible to every other File of the same inode in this or another process.
  [[nodiscard]] virtual bool try_lock(std::uint64_t offset, std::uint64_t length,
                                      LockKind kind) = 0;
  virtual void unlock(std::uint64_t offset, std::uint64_t length) = 0;
  // Whether another open file description holds a lock that an exclusive one would meet.
  [[nodiscard]] virtual bool is_locked_by_another(std::uint64_t offset, std::uint64_t length) = 0;

  virtual void set_owner(std::uint32_t uid, std::uint32_t gid) = 0;
  virtual void set_mode(std::uint32_t mode) = 0;      // exactly these bits, whatever the umask
  virtual void set_mtime(std::int64_t mtime_ns) = 0;  // since the epoch; the next write ends it
  // Makes this file's bytes those of `source`, sharing blocks (FICLONE). False where unsupported.
  virtual bool clone_from(File& source) = 0;
  // The descriptor, for a child process to inherit or sendfile to use; -1 where there is none.
  [[nodiscard]] virtual int descriptor() const = 0;
};

class Dir {
 public:
  virtual ~Dir() = default;

  [[nodiscard]] virtual const std::string& path() const = 0;  // absolute; for messages and SQLite

  // Opens an existing file; nullptr where there is none. Never follows a symbolic link.
  virtual std::unique_ptr<File> open(std::string_view name, Access access) = 0;
  // Creates a file with exactly these permission bits; kOpen opens an existing one instead.
  virtual std::unique_ptr<File> create(std::string_view name, std::uint32_t mode,
                                       IfExists if_exists) = 0;
  // A file without a name in this directory's file system (O_TMPFILE); nullptr where unsupported.
  virtual std::unique_ptr<File> create_unnamed(std::uint32_t mode) = 0;
  // Gives an unnamed file its name here; false if the name is taken (nothing is overwritten).
  [[nodiscard]] virtual bool link_unnamed(File& file, std::string_view name) = 0;
  // Hard link of another directory's file; false if `to_name` is taken or the two are on different
  // file systems or may not be linked (EXDEV, EPERM, EMLINK).
  [[nodiscard]] virtual bool link_from(Dir& from, std::string_view from_name,
                                       std::string_view to_name) = 0;
  // renameat2(RENAME_NOREPLACE); false if `to_name` is taken. ENOENT throws.
  [[nodiscard]] virtual bool rename_new(std::string_view from_name, Dir& to,
                                        std::string_view to_name) = 0;
  virtual void rename_over(std::string_view from_name, Dir& to, std::string_view to_name) = 0;
  virtual bool unlink(std::string_view name) = 0;      // false if there was none
  virtual bool remove_dir(std::string_view name) = 0;  // false if there was none; must be empty
  virtual bool make_dir(std::string_view name, std::uint32_t mode) = 0;  // false if it exists
  virtual std::unique_ptr<Dir> open_dir(std::string_view name) = 0;  // nullptr where there is none
  virtual std::optional<FileStatus> status(std::string_view name) = 0;  // of a link: the link's
  virtual FileStatus status() = 0;                                      // of the directory itself
  virtual void set_owner(std::uint32_t uid, std::uint32_t gid) = 0;
  virtual void set_mode(std::uint32_t mode) = 0;
  // Every name but "." and "..", in no order; `visit` returns false to stop.
  virtual void list(const std::function<bool(std::string_view name)>& visit) = 0;
  virtual void sync() = 0;  // fsync of the directory: names made or removed before are durable
  // Bytes a caller without privilege may still write, and inodes left.
  struct Space {
    std::uint64_t bytes = 0;
    std::uint64_t inodes = 0;  // UINT64_MAX where the file system has no such limit
  };
  virtual Space space() = 0;
  // The kind of file system: statfs(2) f_type; 0 for the in-memory twin.
  virtual std::int64_t file_system_magic() = 0;
  // The SQLite VFS that reaches files under path(); nullptr: SQLite's default.
  [[nodiscard]] virtual const char* sqlite_vfs() const { return nullptr; }
};

// Opens a directory of the real file system; throws Error(kNotFound) where there is none.
std::unique_ptr<Dir> open_posix_dir(const std::string& path);

// A File on a duplicate of an open descriptor; `path` is for messages. link_unnamed gives it one
// more name, where the kernel allows that (fs.protected_hardlinks).
std::unique_ptr<File> adopt_posix_file(int descriptor, std::string path);

// Reads a whole file of at most `limit` bytes (Error kBadData beyond); nullopt where there is none.
std::optional<std::string> read_file(Dir& dir, std::string_view name, std::size_t limit);

// Durable replacement: temporary name, write, sync, rename over, directory sync.
void replace_file(Dir& dir, std::string_view name, std::string_view content, std::uint32_t mode);

// For destructors: a kernel that has no memory left may refuse even that (ENOLCK). The lock stays
// then until the same file unlocks it again, or is closed; logged.
void release_lock(File& file, std::uint64_t offset) noexcept;  // of one byte

std::span<const std::byte> as_bytes(std::string_view text);

}  // namespace spoolmq
