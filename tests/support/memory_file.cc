#include <cerrno>
#include <utility>

#include "core/check.h"
#include "spoolmq/error.h"
#include "tests/support/memory_disk.h"

namespace spoolmq::test {
namespace {

std::string range_text(std::uint64_t offset, std::uint64_t length) {
  return std::to_string(offset) + "+" + std::to_string(length);
}

class MemoryFile final : public File {
 public:
  MemoryFile(std::shared_ptr<Disk> disk, NodePtr node, std::string path, Access access)
      : disk_(std::move(disk)), node_(std::move(node)), path_(std::move(path)), access_(access) {}
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  ~MemoryFile() override {
    const std::lock_guard lock(disk_->mutex);
    node_->locks.release(this);
  }

  std::size_t read_at(std::span<std::byte> into, std::uint64_t offset) override {
    const std::lock_guard lock(disk_->mutex);
    disk_->look("read", path_);
    return node_->content.read(into, offset);
  }

  void write_at(std::span<const std::byte> from, std::uint64_t offset) override {
    const std::lock_guard lock(disk_->mutex);
    require_writable("write");
    if (from.empty()) return;
    if (!permit(OperationKind::kWrite, range_text(offset, from.size()))) return;
    node_->content.write(from, offset);
    node_->touch();
  }

  FileStatus status() override {
    const std::lock_guard lock(disk_->mutex);
    disk_->look("stat", path_);
    return disk_->status_of(*node_);
  }

  void truncate(std::uint64_t size) override {
    const std::lock_guard lock(disk_->mutex);
    require_writable("truncate");
    if (!permit(OperationKind::kTruncate, std::to_string(size))) return;
    node_->content.resize(size);
    node_->touch();
  }

  bool allocate(std::uint64_t offset, std::uint64_t length) override {
    const std::lock_guard lock(disk_->mutex);
    if (length == 0) return true;
    require_writable("allocate");
    if (!disk_->support.allocate) return false;
    if (!permit(OperationKind::kAllocate, range_text(offset, length))) return true;
    node_->content.allocate(offset, length);
    node_->touch();
    return true;
  }

  bool punch(std::uint64_t offset, std::uint64_t length) override {
    const std::lock_guard lock(disk_->mutex);
    if (length == 0) return true;
    require_writable("punch");
    if (!disk_->support.punch) return false;
    if (!permit(OperationKind::kPunch, range_text(offset, length))) return true;
    node_->content.punch(offset, length);
    node_->touch();
    return true;
  }

  void sync_data() override { sync(); }

  void sync() override {
    const std::lock_guard lock(disk_->mutex);
    const Operation operation{OperationKind::kSync, path_, {}};
    const Gate gate = disk_->gate(operation);
    if (gate.way == Gate::Way::kFail) node_->content.fail_sync();
    if (disk_->obey(gate, operation)) node_->content.sync();
  }

  bool try_lock(std::uint64_t offset, std::uint64_t length, LockKind kind) override {
    const std::lock_guard lock(disk_->mutex);
    disk_->look("lock", path_);
    if (kind == LockKind::kExclusive) require_writable("lock");
    return node_->locks.try_lock(this, offset, length, kind);
  }

  void unlock(std::uint64_t offset, std::uint64_t length) override {
    const std::lock_guard lock(disk_->mutex);
    if (const int refused = disk_->look_refusal(); refused != 0) {
      throw Error::from_errno(refused, "unlock", disk_->full_path(path_));
    }
    node_->locks.unlock(this, offset, length);
  }

  bool is_locked_by_another(std::uint64_t offset, std::uint64_t length) override {
    const std::lock_guard lock(disk_->mutex);
    disk_->look("look for a lock", path_);
    return node_->locks.is_locked_by_another(this, offset, length);
  }

  void set_owner(std::uint32_t uid, std::uint32_t gid) override {
    const std::lock_guard lock(disk_->mutex);
    disk_->check_power();
    if (disk_->is_silent()) return;
    node_->uid = uid;
    node_->gid = gid;
  }

  void set_mode(std::uint32_t mode) override {
    const std::lock_guard lock(disk_->mutex);
    disk_->check_power();
    if (!disk_->is_silent()) node_->mode = mode & 07777;
  }

  void set_mtime(std::int64_t mtime_ns) override {
    const std::lock_guard lock(disk_->mutex);
    disk_->check_power();
    if (!disk_->is_silent()) node_->mtime_ns = mtime_ns;
  }

  bool clone_from(File&) override { return false; }

  [[nodiscard]] int descriptor() const override { return -1; }

  [[nodiscard]] const NodePtr& node() const { return node_; }
  [[nodiscard]] const Disk& disk() const { return *disk_; }
  void renamed(std::string path) { path_ = std::move(path); }

 private:
  void require_writable(std::string_view operation) const {
    if (access_ == Access::kReadWrite) return;
    throw Error::from_errno(EBADF, operation, disk_->full_path(path_));
  }

  bool permit(OperationKind kind, std::string_view detail) {
    return disk_->permit({kind, path_, {}}, detail);
  }

  const std::shared_ptr<Disk> disk_;
  const NodePtr node_;
  std::string path_;  // relative to the root; guarded by the disk's mutex
  const Access access_;
};

}  // namespace

std::unique_ptr<File> make_memory_file(std::shared_ptr<Disk> disk, NodePtr node, std::string path,
                                       Access access) {
  return std::make_unique<MemoryFile>(std::move(disk), std::move(node), std::move(path), access);
}

NodePtr node_of(File& file, const Disk& disk) {
  auto* const found = dynamic_cast<MemoryFile*>(&file);
  SPOOLMQ_CHECK(found != nullptr && &found->disk() == &disk);
  return found->node();
}

void rename_memory_file(File& file, std::string path) {
  dynamic_cast<MemoryFile&>(file).renamed(std::move(path));
}

}  // namespace spoolmq::test
