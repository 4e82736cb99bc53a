// Roots: finding, creating and removing queues.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "core/id_source.h"
#include "core/log.h"
#include "core/names.h"
#include "core/text.h"
#include "store/doorbell.h"
#include "store/known_file_systems.h"
#include "store/ownership.h"
#include "store/queue_dir.h"
#include "store/queue_impl.h"
#include "store/remove_tree.h"
#include "store/root_impl.h"

namespace spoolmq {
namespace {

constexpr std::size_t kSettingsBytes = 64 << 10;

void require_queue_name(std::string_view name) {
  if (const auto why = names::refuse_queue_name(name)) {
    throw Error(ErrorCode::kUsage, "name a queue", printable(name), *why);
  }
}

// "capacity=10, not 11; ttl=1h, not 0s".
std::string difference(const Settings& there, const Settings& wanted) {
  const std::vector<SettingText> has = settings_as_text(there);
  const std::vector<SettingText> wants = settings_as_text(wanted);
  std::string text;
  for (std::size_t at = 0; at < has.size(); ++at) {
    const auto& [key, value] = has[at];
    if (value == wants[at].second) continue;
    text += (text.empty() ? "" : "; ") + key + "=" + value + ", not " + wants[at].second;
  }
  return text;
}

void make_directories(const std::string& path) {
  for (std::size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at + 1);
    const std::string part = path.substr(0, at);
    const bool last = at == std::string::npos;
    if (::mkdir(part.c_str(), last ? 0700 : 0755) != 0) {
      if (errno != EEXIST) throw Error::from_errno(errno, "create the root", part);
      continue;
    }
    try {
      open_posix_dir(part + "/..")->sync();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kPermission) continue;  // may be written, but not read
      ::rmdir(part.c_str());                                 // never taken for durable
      throw;
    }
  }
}

// What is left of something refused, as far as it can be removed: the refusal is what is told.
template <typename Remove>
void drop(const std::string& path, Remove remove) {
  try {
    remove();
  } catch (const Error& error) {
    log::warn("left behind", {{"path", path}, {"why", error.what()}});
  }
}

void drop_tree(Dir& parent, const std::string& name) {
  drop(parent.path() + "/" + name, [&] {
    if (parent.status(name)) remove_tree(parent, name);
  });
}

void drop_dir(Dir& parent, std::string_view name) {
  drop(parent.path() + "/" + std::string(name), [&] { parent.remove_dir(name); });
}

void make_queue(Dir& queues, const std::string& name, const Settings& settings,
                const QueueOwner& owner) {
  queues.make_dir(name, owner.directory_mode);
  const std::unique_ptr<Dir> dir = queues.open_dir(name);
  if (!dir) throw Error(ErrorCode::kIo, "create", queues.path() + "/" + name, "it has gone");
  owner.give(*dir);
  const std::unique_ptr<File> file = dir->create(names::kSettings, settings.mode, IfExists::kFail);
  owner.give(*file);
  file->write_at(as_bytes(format_settings(settings)), 0);
  file->sync();
  const QueueDir with_messages(queues.open_dir(name), settings);
  dir->sync();
}

// A queue whose name may go with the power is taken away again: the next sync would prove nothing,
// and whoever found it would rely on it. Unless somebody has opened it meanwhile.
void sync_new_queue(Dir& queues, const std::string& name, const std::string& aside) {
  try {
    queues.sync();
  } catch (const Error&) {
    drop(queues.path() + "/" + name, [&] {
      const std::unique_ptr<Dir> dir = queues.open_dir(name);
      if (dir && !dir->status(names::kLock)) queues.rename_over(name, queues, aside);
    });
    throw;
  }
}

}  // namespace

bool RootImpl::is_backup() { return dir_->status(names::kBackup).has_value(); }

void RootImpl::refuse_in_backup(std::string_view what) {
  if (!is_backup()) return;
  throw Error(ErrorCode::kPermission, what, dir_->path(),
              "this is a backup; restore it, and use that");
}

std::unique_ptr<Dir> RootImpl::queues() { return dir_->open_dir(names::kQueues); }

std::shared_ptr<QueueImpl> RootImpl::open_queue(std::string_view name, OpenOptions options) {
  require_queue_name(name);
  const std::unique_ptr<Dir> queues_dir = queues();
  std::shared_ptr<Dir> dir =
      queues_dir ? queues_dir->open_dir(names::queue_directory(name)) : nullptr;
  const auto text = dir ? read_file(*dir, names::kSettings, kSettingsBytes) : std::nullopt;
  if (!text) {
    throw Error(ErrorCode::kNotFound, "open", name, "no such queue under " + dir_->path());
  }
  const Settings settings =
      parse_settings(*text, dir->path() + "/" + std::string(names::kSettings));
  if (!options.clock) options.clock = clock_;
  const FileStatus opened = dir->status();
  const Changes changes = is_backup() ? Changes::kRefused : Changes::kAllowed;
  auto queue = std::make_shared<QueueImpl>(
      QueuePlace{dir_, std::move(dir), std::string(name), changes}, settings, std::move(options));
  queue->open();
  // Whoever removed it before our handle was there could not see that it is in use.
  const auto named = queues_dir->status(names::queue_directory(name));
  if (!named || named->inode != opened.inode) {
    throw Error(ErrorCode::kNotFound, "open", name, "the queue was removed");
  }
  return queue;
}

Root::Root(std::shared_ptr<RootImpl> impl) : impl_(std::move(impl)) {}

std::string Root::default_path() {
  if (const char* root = std::getenv("SPOOLMQ_ROOT"); root != nullptr && *root != '\0') return root;
  if (::geteuid() == 0) return "/var/spool/spoolmq";
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') {
    return std::string(state) + "/spoolmq";
  }
  const char* const home = std::getenv("HOME");
  if (home == nullptr || *home != '/') {
    throw Error(ErrorCode::kConfiguration, "find the root", "HOME", "it is not set");
  }
  return std::string(home) + "/.local/state/spoolmq";
}

Root Root::open(const std::string& path, Force force) {
  if (path.empty()) throw Error(ErrorCode::kUsage, "open the root", "''", "the path is empty");
  std::string absolute = path;
  if (path.front() != '/') {
    char* const here = ::get_current_dir_name();
    absolute = std::string(here != nullptr ? here : ".") + "/" + path;
    std::free(here);
  }
  while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();
  struct stat status {};
  if (::stat(absolute.c_str(), &status) != 0) make_directories(absolute);
  std::shared_ptr<Dir> dir = open_posix_dir(absolute);
  if (force == Force::kNo) require_known_file_system(*dir, "open the root");
  auto impl = std::make_shared<RootImpl>(std::move(dir), nullptr);
  impl->roll_forward();
  return Root(std::move(impl));
}

Root Root::open(std::shared_ptr<Dir> directory, std::shared_ptr<Clock> clock) {
  auto impl = std::make_shared<RootImpl>(std::move(directory), std::move(clock));
  impl->roll_forward();
  return Root(std::move(impl));
}

const std::string& Root::path() const { return impl_->dir().path(); }

Created Root::create_queue(std::string_view name, const Settings& settings) {
  require_queue_name(name);
  impl_->refuse_in_backup("create a queue");
  Dir& root = impl_->dir();
  std::unique_ptr<Dir> queues = impl_->queues();
  const bool is_first = !queues;
  if (is_first) queues = open_shared_dir(root, names::kQueues);
  if (!queues) {
    throw Error(ErrorCode::kPermission, "create", name, root.path() + " is not ours to write");
  }
  try {
    root.sync();  // whoever made it may have been killed before he did
  } catch (const Error&) {
    if (is_first) drop_dir(root, names::kQueues);
    throw;
  }
  const std::string directory = names::queue_directory(name);
  const auto existing = queues->open_dir(directory);
  if (!existing) {
    const QueueOwner owner = owner_of_new_queue(root, settings);
    // Made aside and renamed, so that a queue is there whole or not at all.
    const std::string aside = ".new-" + hex16(random_bits());
    try {
      make_queue(*queues, aside, settings, owner);
      if (queues->rename_new(aside, *queues, directory)) {
        sync_new_queue(*queues, directory, aside);
        return Created::kNew;
      }
    } catch (const Error&) {
      drop_tree(*queues, aside);
      throw;
    }
    remove_tree(*queues, aside);  // somebody was faster
  }
  const std::unique_ptr<Dir> dir = queues->open_dir(directory);
  const auto text = dir ? read_file(*dir, names::kSettings, kSettingsBytes) : std::nullopt;
  if (!text) {
    throw Error(ErrorCode::kCannotCreate, "create", name,
                "it exists without " + std::string(names::kSettings));
  }
  const Settings there = parse_settings(*text, dir->path());
  if (there == settings) {
    queues->sync();  // whoever made it may have been killed before he did
    return Created::kSameExists;
  }
  throw Error(ErrorCode::kCannotCreate, "create", name,
              "it exists with different settings: " + difference(there, settings));
}

Queue Root::open_queue(std::string_view name, const OpenOptions& options) {
  return Queue(impl_->open_queue(name, options));
}

bool RootImpl::has_queue(std::string_view name) {
  if (names::refuse_queue_name(name)) return false;
  const std::unique_ptr<Dir> queues = this->queues();
  const auto dir = queues ? queues->open_dir(names::queue_directory(name)) : nullptr;
  return dir && dir->status(names::kSettings).has_value();
}

bool Root::has_queue(std::string_view name) { return impl_->has_queue(name); }

std::vector<std::string> Root::queues() {
  std::vector<std::string> found;
  if (const std::unique_ptr<Dir> queues = impl_->queues()) {
    queues->list([&](std::string_view directory) {
      if (auto name = names::queue_of_directory(directory)) found.push_back(std::move(*name));
      return true;
    });
  }
  std::sort(found.begin(), found.end());
  return found;
}

void Root::remove_queue(std::string_view name, Force force) {
  require_queue_name(name);
  FileStatus status;
  const std::unique_ptr<Dir> queues = impl_->queues();
  const std::string aside = ".removed-" + hex16(random_bits());
  {
    OpenOptions options;
    options.one_shot = true;
    options.background = false;
    const std::shared_ptr<QueueImpl> queue = impl_->open_queue(name, options);
    status = queue->dir().dir().status();
    // Whoever still has it open learns from the lock's missing name that it was removed, before
    // the index could look lost and be made anew.
    const auto when =
        force == Force::kYes ? QueueImpl::Removal::kAlways : QueueImpl::Removal::kIfUnused;
    const std::optional<std::string> use = queue->exclusively(when, [&] {
      impl_->unbind_queue(name);  // first: a queue made anew must not inherit them
      queues->rename_over(names::queue_directory(name), *queues, aside);
      queues->sync();
      queue->dir().dir().unlink(names::kLock);
    });
    if (use) throw Error(ErrorCode::kTryAgain, "remove", name, *use);
    queue->retire_hot_cache();
  }
  remove_tree(*queues, aside);
  Doorbell::remove(SharedMemory(status, {}, 0));
}

FixResult Root::move(Queue& from, std::span<const MessageId> ids, Queue& to) {
  return impl_->move(*from.impl_, ids, *to.impl_);
}

void Root::roll_forward() { impl_->roll_forward(); }

FixResult Root::copy(Queue& from, std::span<const MessageId> ids, Queue& to) {
  return impl_->copy(*from.impl_, ids, *to.impl_);
}

}  // namespace spoolmq
