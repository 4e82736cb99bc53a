#include <cerrno>
#include <utility>

#include "core/check.h"
#include "spoolmq/error.h"
#include "tests/support/memory_disk.h"
#include "tests/support/memory_vfs.h"

namespace spoolmq::test {
namespace {

bool contains(const Node& tree, const Node& node) {
  if (&tree == &node) return true;
  for (const auto& [name, entry] : tree.entries) {
    if (contains(*entry, node)) return true;
  }
  return false;
}

class MemoryDir final : public Dir {
 public:
  MemoryDir(std::shared_ptr<Disk> disk, NodePtr node, std::string path)
      : disk_(std::move(disk)),
        node_(std::move(node)),
        path_(std::move(path)),
        full_path_(disk_->full_path(path_)) {}

  [[nodiscard]] const std::string& path() const override { return full_path_; }

  std::unique_ptr<File> open(std::string_view name, Access access) override {
    check_name(name);
    const std::lock_guard lock(disk_->mutex);
    disk_->look("open", path_of(name));
    const NodePtr found = entry(name);
    if (!found) return nullptr;
    if (found->kind == FileKind::kDirectory) fail(EISDIR, "open", name);
    return make_memory_file(disk_, found, path_of(name), access);
  }

  std::unique_ptr<File> create(std::string_view name, std::uint32_t mode,
                               IfExists if_exists) override {
    check_name(name);
    const std::lock_guard lock(disk_->mutex);
    disk_->check_power();
    if (const NodePtr found = entry(name)) {
      if (if_exists == IfExists::kFail) fail(EEXIST, "create", name);
      if (found->kind == FileKind::kDirectory) fail(EISDIR, "open", name);
      return make_memory_file(disk_, found, path_of(name), Access::kReadWrite);
    }
    require_present("create", name);
    NodePtr made = disk_->new_node(FileKind::kRegular, mode);
    if (disk_->permit({OperationKind::kCreate, path_of(name), {}})) add(name, made);
    return make_memory_file(disk_, made, path_of(name), Access::kReadWrite);
  }

  std::unique_ptr<File> create_unnamed(std::uint32_t mode) override {
    const std::lock_guard lock(disk_->mutex);
    disk_->check_power();
    if (!disk_->support.unnamed) return nullptr;
    require_present("create", "(unnamed)");
    const std::string path = path_of("(unnamed)");
    disk_->permit({OperationKind::kCreate, path, {}});
    return make_memory_file(disk_, disk_->new_node(FileKind::kRegular, mode), path,
                            Access::kReadWrite);
  }

  bool link_unnamed(File& file, std::string_view name) override {
    check_name(name);
    const std::lock_guard lock(disk_->mutex);
    disk_->check_power();
    const NodePtr node = node_of(file, *disk_);
    if (entry(name)) return false;
    require_present("link", name);
    if (disk_->permit({OperationKind::kLink, path_of(name), {}})) add(name, node);
    rename_memory_file(file, path_of(name));
    return true;
  }

  bool link_from(Dir& from, std::string_view from_name, std::string_view to_name) override {
    check_name(from_name);
    check_name(to_name);
    MemoryDir& source_dir = memory(from);
    if (source_dir.disk_ != disk_) return false;
    const std::lock_guard lock(disk_->mutex);
    disk_->check_power();
    const NodePtr source = source_dir.entry(from_name);
    if (!source) source_dir.fail(ENOENT, "link", from_name);
    if (entry(to_name) || !disk_->support.links || source->kind == FileKind::kDirectory) {
      return false;
    }
    require_present("link", to_name);
    if (disk_->permit({OperationKind::kLink, source_dir.path_of(from_name), path_of(to_name)})) {
      add(to_name, source);
    }
    return true;
  }

  bool rename_new(std::string_view from_name, Dir& to, std::string_view to_name) override {
    return rename(from_name, memory(to), to_name, IfExists::kFail);
  }

  void rename_over(std::string_view from_name, Dir& to, std::string_view to_name) override {
    rename(from_name, memory(to), to_name, IfExists::kOpen);
  }

  bool unlink(std::string_view name) override {
    check_name(name);
    const std::lock_guard lock(disk_->mutex);
    disk_->check_power();
    const NodePtr found = entry(name);
    if (!found) return false;
    if (found->kind == FileKind::kDirectory) fail(EISDIR, "remove", name);
    if (disk_->permit({OperationKind::kUnlink, path_of(name), {}})) remove(name);
    return true;
  }

  bool remove_dir(std::string_view name) override {
    check_name(name);
    const std::lock_guard lock(disk_->mutex);
    disk_->check_power();
    const NodePtr found = entry(name);
    if (!found) return false;
    if (found->kind != FileKind::kDirectory) fail(ENOTDIR, "remove", name);
    if (!found->entries.empty()) fail(ENOTEMPTY, "remove", name);
    if (disk_->permit({OperationKind::kRemoveDir, path_of(name), {}})) remove(name);
    return true;
  }

  bool make_dir(std::string_view name, std::uint32_t mode) override {
    check_name(name);
    const std::lock_guard lock(disk_->mutex);
    disk_->check_power();
    if (entry(name)) return false;
    require_present("make directory", name);
    if (disk_->permit({OperationKind::kMakeDir, path_of(name), {}})) {
      add(name, disk_->new_node(FileKind::kDirectory, mode));
    }
    return true;
  }

  std::unique_ptr<Dir> open_dir(std::string_view name) override {
    const bool self = name == ".";
    if (!self) check_name(name);
    const std::lock_guard lock(disk_->mutex);
    disk_->look("open", self ? path_ : path_of(name));
    const NodePtr found = self ? node_ : entry(name);
    if (!found) return nullptr;
    if (found->kind != FileKind::kDirectory) fail(ENOTDIR, "open", name);
    return make_memory_dir(disk_, found, self ? path_ : path_of(name));
  }

  std::optional<FileStatus> status(std::string_view name) override {
    check_name(name);
    const std::lock_guard lock(disk_->mutex);
    disk_->look("stat", path_of(name));
    const NodePtr found = entry(name);
    if (!found) return std::nullopt;
    return disk_->status_of(*found);
  }

  FileStatus status() override {
    const std::lock_guard lock(disk_->mutex);
    disk_->look("stat", path_);
    return disk_->status_of(*node_);
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

  void list(const std::function<bool(std::string_view name)>& visit) override {
    std::vector<std::string> found;
    {
      const std::lock_guard lock(disk_->mutex);
      disk_->look("list", path_);
      for (const auto& [name, node] : node_->entries) found.push_back(name);
    }
    for (const std::string& name : found) {
      if (!visit(name)) return;
    }
  }

  void sync() override {
    const std::lock_guard lock(disk_->mutex);
    const Operation operation{OperationKind::kSyncDir, path_, {}};
    const Gate gate = disk_->gate(operation);
    if (gate.way == Gate::Way::kFail) node_->unsynced.clear();
    if (disk_->obey(gate, operation)) node_->sync_entries();
  }

  Space space() override {
    const std::lock_guard lock(disk_->mutex);
    disk_->look("measure space", path_);
    return disk_->space;
  }

  std::int64_t file_system_magic() override { return 0; }

  [[nodiscard]] const char* sqlite_vfs() const override { return memory_vfs_name(); }

 private:
  static void check_name(std::string_view name) {
    SPOOLMQ_CHECK(!name.empty() && name != "." && name != "..");
    SPOOLMQ_CHECK(name.find('/') == std::string_view::npos);
    SPOOLMQ_CHECK(name.find('\0') == std::string_view::npos);
  }

  static MemoryDir& memory(Dir& dir) {
    auto* const found = dynamic_cast<MemoryDir*>(&dir);
    SPOOLMQ_CHECK(found != nullptr);
    return *found;
  }

  [[nodiscard]] std::string path_of(std::string_view name) const {
    return path_ == "." ? std::string(name) : std::string(path_).append("/").append(name);
  }

  [[noreturn]] void fail(int error_number, std::string_view operation,
                         std::string_view name) const {
    throw Error::from_errno(error_number, operation, disk_->full_path(path_of(name)));
  }

  // A directory that was removed while open takes no new names.
  void require_present(std::string_view operation, std::string_view name) const {
    if (node_->removed) fail(ENOENT, operation, name);
  }

  [[nodiscard]] NodePtr entry(std::string_view name) const {
    const auto found = node_->entries.find(name);
    return found == node_->entries.end() ? nullptr : found->second;
  }

  void add(std::string_view name, const NodePtr& node) {
    node_->set_entry(name, node);
    ++node->links;
  }

  void remove(std::string_view name) {
    const NodePtr node = entry(name);
    node_->erase_entry(name);
    --node->links;
    node->removed = node->kind == FileKind::kDirectory;
  }

  bool rename(std::string_view from_name, MemoryDir& to, std::string_view to_name,
              IfExists if_exists) {
    check_name(from_name);
    check_name(to_name);
    const std::lock_guard lock(disk_->mutex);
    disk_->check_power();
    if (to.disk_ != disk_) fail(EXDEV, "rename", from_name);
    const NodePtr source = entry(from_name);
    if (!source) fail(ENOENT, "rename", from_name);
    const NodePtr target = to.entry(to_name);
    if (target && if_exists == IfExists::kFail) return false;
    if (target == source) return true;  // rename(2): nothing to do for two names of one file
    to.require_present("rename", to_name);
    const bool is_dir = source->kind == FileKind::kDirectory;
    if (is_dir && contains(*source, *to.node_)) fail(EINVAL, "rename", from_name);
    if (target) {
      const bool target_is_dir = target->kind == FileKind::kDirectory;
      if (is_dir != target_is_dir) fail(is_dir ? ENOTDIR : EISDIR, "rename", from_name);
      if (!target->entries.empty()) fail(ENOTEMPTY, "rename", from_name);
    }
    if (!disk_->permit({OperationKind::kRename, path_of(from_name), to.path_of(to_name)})) {
      return true;
    }
    if (target) to.remove(to_name);
    node_->erase_entry(from_name);
    to.node_->set_entry(to_name, source);
    return true;
  }

  const std::shared_ptr<Disk> disk_;
  const NodePtr node_;
  const std::string path_;  // relative to the root; "." is the root
  const std::string full_path_;
};

}  // namespace

std::unique_ptr<Dir> make_memory_dir(std::shared_ptr<Disk> disk, NodePtr node, std::string path) {
  return std::make_unique<MemoryDir>(std::move(disk), std::move(node), std::move(path));
}

}  // namespace spoolmq::test
