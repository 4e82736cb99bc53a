#pragma once
// A directory that lets a test act at the moment when a name in it is opened, looked at or read:
// what another program might do between two steps of ours. Else it is the directory it is given.

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/file_system.h"

namespace spoolmq::adapters::test {

struct Hooks {
  using Act = std::function<void(const std::string& name)>;
  Act opened;       // after the file was opened
  Act looked_at;    // after its status was taken
  Act before_read;  // what it throws is the refusal
  Act before_rename;
};

class HookedFile final : public File {
 public:
  HookedFile(std::unique_ptr<File> file, std::string name, const Hooks& hooks)
      : file_(std::move(file)), name_(std::move(name)), hooks_(hooks) {}
  std::size_t read_at(std::span<std::byte> into, std::uint64_t offset) override {
    if (hooks_.before_read) hooks_.before_read(name_);
    return file_->read_at(into, offset);
  }
  void write_at(std::span<const std::byte> from, std::uint64_t offset) override {
    file_->write_at(from, offset);
  }
  FileStatus status() override { return file_->status(); }
  void truncate(std::uint64_t size) override { file_->truncate(size); }
  bool allocate(std::uint64_t offset, std::uint64_t length) override {
    return file_->allocate(offset, length);
  }
  bool punch(std::uint64_t offset, std::uint64_t length) override {
    return file_->punch(offset, length);
  }
  void sync_data() override { file_->sync_data(); }
  void sync() override { file_->sync(); }
  bool try_lock(std::uint64_t offset, std::uint64_t length, LockKind kind) override {
    return file_->try_lock(offset, length, kind);
  }
  void unlock(std::uint64_t offset, std::uint64_t length) override {
    file_->unlock(offset, length);
  }
  bool is_locked_by_another(std::uint64_t offset, std::uint64_t length) override {
    return file_->is_locked_by_another(offset, length);
  }
  void set_owner(std::uint32_t uid, std::uint32_t gid) override { file_->set_owner(uid, gid); }
  void set_mode(std::uint32_t mode) override { file_->set_mode(mode); }
  void set_mtime(std::int64_t mtime_ns) override { file_->set_mtime(mtime_ns); }
  bool clone_from(File& source) override { return file_->clone_from(source); }
  [[nodiscard]] int descriptor() const override { return file_->descriptor(); }

 private:
  std::unique_ptr<File> file_;
  const std::string name_;
  const Hooks& hooks_;
};

class HookedDir final : public Dir {
 public:
  // `hooks` may change at any time; it outlives this.
  HookedDir(std::unique_ptr<Dir> dir, const Hooks& hooks) : dir_(std::move(dir)), hooks_(hooks) {}
  [[nodiscard]] const std::string& path() const override { return dir_->path(); }
  std::unique_ptr<File> open(std::string_view name, Access access) override {
    auto file = dir_->open(name, access);
    if (!file) return nullptr;
    act(hooks_.opened, name);
    return std::make_unique<HookedFile>(std::move(file), std::string(name), hooks_);
  }
  std::unique_ptr<File> create(std::string_view name, std::uint32_t mode,
                               IfExists if_exists) override {
    return dir_->create(name, mode, if_exists);
  }
  std::unique_ptr<File> create_unnamed(std::uint32_t mode) override {
    return dir_->create_unnamed(mode);
  }
  bool link_unnamed(File& file, std::string_view name) override {
    return dir_->link_unnamed(file, name);
  }
  bool link_from(Dir& from, std::string_view from_name, std::string_view to_name) override {
    return dir_->link_from(inner(from), from_name, to_name);
  }
  bool rename_new(std::string_view from_name, Dir& to, std::string_view to_name) override {
    act(hooks_.before_rename, from_name);
    return dir_->rename_new(from_name, inner(to), to_name);
  }
  void rename_over(std::string_view from_name, Dir& to, std::string_view to_name) override {
    dir_->rename_over(from_name, inner(to), to_name);
  }
  bool unlink(std::string_view name) override { return dir_->unlink(name); }
  bool remove_dir(std::string_view name) override { return dir_->remove_dir(name); }
  bool make_dir(std::string_view name, std::uint32_t mode) override {
    return dir_->make_dir(name, mode);
  }
  std::unique_ptr<Dir> open_dir(std::string_view name) override {
    auto found = dir_->open_dir(name);
    if (!found) return nullptr;
    return std::make_unique<HookedDir>(std::move(found), hooks_);
  }
  std::optional<FileStatus> status(std::string_view name) override {
    auto found = dir_->status(name);
    act(hooks_.looked_at, name);
    return found;
  }
  FileStatus status() override { return dir_->status(); }
  void set_owner(std::uint32_t uid, std::uint32_t gid) override { dir_->set_owner(uid, gid); }
  void set_mode(std::uint32_t mode) override { dir_->set_mode(mode); }
  void list(const std::function<bool(std::string_view name)>& visit) override { dir_->list(visit); }
  void sync() override { dir_->sync(); }
  Space space() override { return dir_->space(); }
  std::int64_t file_system_magic() override { return dir_->file_system_magic(); }
  [[nodiscard]] const char* sqlite_vfs() const override { return dir_->sqlite_vfs(); }

 private:
  static void act(const Hooks::Act& hook, std::string_view name) {
    if (hook) hook(std::string(name));
  }
  static Dir& inner(Dir& dir) {
    auto* const hooked = dynamic_cast<HookedDir*>(&dir);
    return hooked != nullptr ? *hooked->dir_ : dir;
  }
  std::unique_ptr<Dir> dir_;
  const Hooks& hooks_;
};

}  // namespace spoolmq::adapters::test
