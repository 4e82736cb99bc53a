#include "core/file_system.h"

#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "core/log.h"
#include "core/names.h"
#include "spoolmq/error.h"

namespace spoolmq {
namespace {

std::string path_of(const Dir& dir, std::string_view name) {
  return std::string(dir.path()).append("/").append(name);
}

// Belongs to no living incarnation, so whatever a crash leaves is recovery's to remove.
std::string temporary_name() {
  static std::atomic<std::uint64_t> serial{0};  // only tells this process's own names apart
  std::uint64_t nobody = 0;
  if (::getrandom(&nobody, sizeof nobody, 0) != static_cast<ssize_t>(sizeof nobody)) {
    throw Error::from_errno(errno, "draw random bits", "getrandom");
  }
  return names::temporary(nobody, serial.fetch_add(1, std::memory_order_relaxed));
}

// Removes the temporary unless it was renamed.
class Temporary {
 public:
  Temporary(Dir& dir, std::string name) : dir_(dir), name_(std::move(name)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (name_.empty()) return;
    try {
      dir_.unlink(name_);
    } catch (const std::exception&) {
      // The failure that brought us here is the one to tell; recovery removes the leftover.
    }
  }
  void rename_over(std::string_view to_name) {
    dir_.rename_over(name_, dir_, to_name);
    name_.clear();
  }

 private:
  Dir& dir_;
  std::string name_;
};

}  // namespace

std::optional<std::string> read_file(Dir& dir, std::string_view name, std::size_t limit) {
  const std::unique_ptr<File> file = dir.open(name, Access::kRead);
  if (!file) return std::nullopt;
  const FileStatus status = file->status();
  if (status.kind != FileKind::kRegular) {
    throw Error(ErrorCode::kBadData, "read", path_of(dir, name), "not a regular file");
  }
  // The size is a guess only: the file may grow meanwhile. One byte more shows where it ends.
  std::string content;
  std::size_t have = 0;
  std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(status.size, limit));
  while (have <= limit) {
    content.resize(std::min(want, limit) + 1);
    have += file->read_at(std::as_writable_bytes(std::span(content)).subspan(have), have);
    if (have < content.size()) {
      content.resize(have);
      return content;
    }
    want = have > limit / 2 ? limit : have * 2;
  }
  throw Error(ErrorCode::kBadData, "read", path_of(dir, name),
              "larger than " + std::to_string(limit) + " bytes");
}

void replace_file(Dir& dir, std::string_view name, std::string_view content, std::uint32_t mode) {
  const std::string temporary = temporary_name();
  const std::unique_ptr<File> file = dir.create(temporary, mode, IfExists::kFail);
  Temporary guard(dir, temporary);
  file->write_at(as_bytes(content), 0);
  file->sync();
  guard.rename_over(name);
  dir.sync();
}

void release_lock(File& file, std::uint64_t offset) noexcept {
  try {
    file.unlock(offset, 1);
  } catch (const std::exception& error) {
    log::error("a lock stays", {{"byte", offset}, {"why", error.what()}});
  }
}

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace spoolmq
