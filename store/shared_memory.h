#pragma once
// Files under /dev/shm that the processes of one queue map: its doorbell and its hot cache. They
// lie in a directory of the queue owner's own, /dev/shm/spoolmq-UID, and are named by the queue
// directory's device and inode. They are accelerators: where one cannot be had the queue works
// without, slower.
//
// A file gets its name only when it is whole: allocated (so that a full /dev/shm is an error at
// creation and no signal later), filled in, with its final mode and owner. What stands under the
// name but is another user's, no regular file or of another size is not touched.
//
// Bytes 32 … 1023 of each say whose it is, so that what a queue left that is gone (rm -rf) can be
// removed by whoever makes the next file:
//   32 u64 queue's device   40 u64 its inode   48 u64 mount namespace in which the path is meant
//   56 u32 length of the path   64 u64 when the queue's directory was made, ns since the epoch (0:
//   unknown)   72 … 1023 its path
// Inode numbers are used again: a file of a directory made at another time is a former queue's, and
// is replaced.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "core/file_system.h"

namespace spoolmq {

// A file's bytes, mapped for reading and writing, shared. Empty: there is none.
class SharedMapping {
 public:
  SharedMapping() = default;
  SharedMapping(std::byte* bytes, std::size_t size) : bytes_(bytes), size_(size) {}
  SharedMapping(SharedMapping&& other) noexcept;
  SharedMapping& operator=(SharedMapping&& other) noexcept;
  ~SharedMapping();

  [[nodiscard]] bool is_mapped() const { return bytes_ != nullptr; }
  [[nodiscard]] std::span<std::byte> bytes() const { return {bytes_, size_}; }
  // An aligned word in it, for std::atomic_ref.
  template <typename Word>
  [[nodiscard]] Word& word(std::size_t at) const {
    return *reinterpret_cast<Word*>(bytes_ + at);
  }

 private:
  std::byte* bytes_ = nullptr;
  std::size_t size_ = 0;
};

class SharedMemory {
 public:
  // `files_mode`: the permission bits of the queue's files; the group shares what it may write.
  SharedMemory(const FileStatus& queue_directory, std::string queue_path, std::uint32_t files_mode);

  struct Opened {
    SharedMapping mapping;
    std::string why;  // where there is no mapping: the reason
  };
  // The file `kind`-VERSION-DEVICE-INODE; made with `size` bytes and filled in by `fill` if there
  // is none. `accepts` judges one that is there, whatever its size.
  Opened open_or_make(const std::string& kind, std::size_t size,
                      const std::function<void(const SharedMapping&)>& fill,
                      const std::function<bool(std::span<const std::byte>)>& accepts);
  // The same, but only what is there.
  SharedMapping open(const std::string& kind,
                     const std::function<bool(std::span<const std::byte>)>& accepts);
  // The inode that stands under this name now; 0: none.
  [[nodiscard]] std::uint64_t inode(const std::string& kind) const;
  void remove(const std::string& kind);

 private:
  class Fd;
  [[nodiscard]] Fd open_directory(bool make, std::string& why) const;
  SharedMapping map_named(const Fd& dir, const std::string& name,
                          const std::function<bool(std::span<const std::byte>)>& accepts) const;
  void identify(const SharedMapping& made) const;
  [[nodiscard]] bool is_former_queues(std::span<const std::byte> bytes) const;
  [[nodiscard]] std::string name_of(const std::string& kind) const;

  FileStatus queue_;
  std::string queue_path_;
  std::uint64_t queue_birth_ns_;
  bool for_group_;
  std::string directory_;
};

}  // namespace spoolmq
