#include "tests/support/memory_file_system.h"

#include <atomic>
#include <utility>

#include "tests/support/memory_disk.h"

namespace spoolmq::test {
namespace {

std::uint64_t next_device() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

MemoryFileSystem::MemoryFileSystem() : MemoryFileSystem(Disk::make(next_device())) {}

MemoryFileSystem::MemoryFileSystem(std::shared_ptr<Disk> disk) : disk_(std::move(disk)) {}

MemoryFileSystem::~MemoryFileSystem() = default;

std::unique_ptr<Dir> MemoryFileSystem::root() { return make_memory_dir(disk_, disk_->root, "."); }

std::uint64_t MemoryFileSystem::operations() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->operations;
}

std::vector<std::string> MemoryFileSystem::trace() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->trace;
}

void MemoryFileSystem::clear_trace() {
  const std::lock_guard lock(disk_->mutex);
  disk_->trace.clear();
}

void MemoryFileSystem::fail_at(std::uint64_t n, int error_number, Repeat repeat) {
  const std::lock_guard lock(disk_->mutex);
  disk_->fail_number = disk_->operations + n;
  disk_->fail_errno = error_number;
  disk_->fail_repeat = repeat;
}

std::uint64_t MemoryFileSystem::looks() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->looks;
}

void MemoryFileSystem::fail_look_at(std::uint64_t n, int error_number, Repeat repeat) {
  const std::lock_guard lock(disk_->mutex);
  disk_->fail_look_number = disk_->looks + n;
  disk_->fail_look_errno = error_number;
  disk_->fail_look_repeat = repeat;
}

void MemoryFileSystem::stop_failing() {
  const std::lock_guard lock(disk_->mutex);
  disk_->fail_number = 0;
  disk_->fail_look_number = 0;
}

void MemoryFileSystem::cut_at(std::uint64_t n) {
  const std::lock_guard lock(disk_->mutex);
  disk_->cut_number = disk_->operations + n;
}

bool MemoryFileSystem::is_cut() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->cut;
}

void MemoryFileSystem::throw_if_cut() const {
  if (is_cut()) throw PowerCut{};
}

void MemoryFileSystem::set_filter(std::function<Verdict(const Operation&)> filter) {
  const std::lock_guard lock(disk_->mutex);
  disk_->filter = std::move(filter);
}

std::unique_ptr<MemoryFileSystem> MemoryFileSystem::after_power_cut(Names names, Bytes bytes,
                                                                    std::uint64_t seed) {
  const std::lock_guard lock(disk_->mutex);
  disk_->buried = true;
  return std::unique_ptr<MemoryFileSystem>(
      new MemoryFileSystem(disk_->after_power_cut(names, bytes, seed)));
}

std::unique_ptr<MemoryFileSystem> MemoryFileSystem::after_kill() {
  const std::lock_guard lock(disk_->mutex);
  disk_->buried = true;
  return std::unique_ptr<MemoryFileSystem>(new MemoryFileSystem(disk_->after_kill()));
}

std::vector<std::string> MemoryFileSystem::names(std::string_view path) const {
  const std::lock_guard lock(disk_->mutex);
  std::vector<std::string> names;
  if (const NodePtr node = disk_->find(path)) {
    for (const auto& [name, entry] : node->entries) names.push_back(name);
  }
  return names;
}

std::string MemoryFileSystem::bytes_of(std::string_view path) const {
  const std::lock_guard lock(disk_->mutex);
  const NodePtr node = disk_->find(path);
  if (!node) return {};
  std::string bytes(node->content.size(), '\0');
  node->content.read(std::as_writable_bytes(std::span(bytes)), 0);
  return bytes;
}

bool MemoryFileSystem::decay(std::string_view path, std::uint64_t offset, std::string_view bytes) {
  const std::lock_guard lock(disk_->mutex);
  const NodePtr node = disk_->find(path);
  if (!node) return false;
  node->content.write(as_bytes(bytes), offset);
  node->content.sync();
  return true;
}

bool MemoryFileSystem::decay_to(std::string_view path, std::uint64_t size) {
  const std::lock_guard lock(disk_->mutex);
  const NodePtr node = disk_->find(path);
  if (!node) return false;
  node->content.resize(size);
  node->content.sync();
  return true;
}

void MemoryFileSystem::set_space(Dir::Space space) {
  const std::lock_guard lock(disk_->mutex);
  disk_->space = space;
}

void MemoryFileSystem::set_support(const Support& support) {
  const std::lock_guard lock(disk_->mutex);
  disk_->support = support;
}

}  // namespace spoolmq::test
