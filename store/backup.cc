// Backing up: queues that are in use, into a directory that is a backup whole or not at all.
#include "spoolmq/backup.h"

#include <algorithm>
#include <set>

#include "core/names.h"
#include "core/text.h"
#include "store/aside_dir.h"
#include "store/backup_place.h"
#include "store/queue_backup.h"
#include "store/remove_tree.h"
#include "store/root_impl.h"
#include "store/topics_dir.h"

namespace spoolmq {
namespace {

constexpr AsideDir::Kind kBackupAside{".spoolmq-backup-", names::kBackup};
constexpr AsideDir::Modes kBackupModes{0700, 0600};

class Backup {
 public:
  Backup(RootImpl& root, const BackupPlace& place, const BackupOptions& options)
      : root_(root), options_(options), aside_(*place.parent, kBackupAside, kBackupModes) {
    aside_.dir().make_dir(names::kQueues, kBackupModes.directory);
    queues_ = aside_.dir().open_dir(names::kQueues);
  }

  // Queues that were not asked for by name may be removed meanwhile.
  enum class Asked : std::uint8_t { kByName, kForAll };
  void add(const std::string& name, Asked asked) {
    try {
      OpenOptions options;
      options.one_shot = true;
      options.observer = true;
      options.background = false;
      parts_.push_back(
          std::make_unique<QueueBackup>(root_.open_queue(name, options), *queues_, options_.bytes));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound || asked == Asked::kByName) throw;
      remove_tree(*queues_, names::queue_directory(name));
    }
  }

  void copy(Asked asked) {
    {
      const Cut cut(root_);
      each(asked, [](QueueBackup& part) { part.copy_index(); });
      each(asked, [](QueueBackup& part) { part.list_files(); });
    }
    each(asked, [](QueueBackup& part) { part.copy_files(); });
  }

  std::vector<BackedUp> settle() {
    BackupManifest manifest;
    manifest.made_at_ms = wall_ms();
    std::vector<BackedUp> done;
    for (const auto& part : parts_) {
      manifest.queues.push_back(part->settle(aside_.shared(), root_.clock()));
      const BackupManifest::Queue& queue = manifest.queues.back();
      done.push_back({queue.name, queue.messages, queue.files, part->shared_files(), queue.bytes});
    }
    manifest.bindings = bindings();
    queues_->sync();
    aside_.key_file().write_at(as_bytes(format_manifest(manifest)), 0);
    aside_.key_file().sync();
    return done;
  }

  [[nodiscard]] bool commit(std::string_view name) { return aside_.commit(name); }

 private:
  // Nothing that concerns several queues begins or is under way while one lives.
  struct Cut {
    explicit Cut(RootImpl& root) {
      if (std::optional<TopicsDir> topics = TopicsDir::look_in(root.dir())) {
        alone = topics->take_lock(TopicsDir::Byte::kIntents, LockKind::kExclusive);
        root.roll_forward();
      }
    }
    std::unique_ptr<File> alone;
  };

  std::int64_t wall_ms() {
    return root_.clock() ? root_.clock()->wall_ms() : SystemClock().wall_ms();
  }

  void each(Asked asked, const std::function<void(QueueBackup&)>& act) {
    std::erase_if(parts_, [&](const std::unique_ptr<QueueBackup>& part) {
      try {
        act(*part);
        return false;
      } catch (const Error&) {
        if (asked == Asked::kByName || !part->was_removed()) throw;
        remove_tree(*queues_, names::queue_directory(part->name()));
        return true;
      }
    });
  }

  std::vector<Binding> bindings() {
    std::optional<TopicsDir> topics = TopicsDir::look_in(root_.dir());
    std::vector<Binding> bound = topics ? topics->bindings() : std::vector<Binding>{};
    std::erase_if(bound, [&](const Binding& one) {
      return std::none_of(parts_.begin(), parts_.end(),
                          [&](const auto& part) { return part->name() == one.queue; });
    });
    return bound;
  }

  RootImpl& root_;
  const BackupOptions options_;
  AsideDir aside_;
  std::unique_ptr<Dir> queues_;
  std::vector<std::unique_ptr<QueueBackup>> parts_;
};

Error taken(const BackupPlace& place) {
  return {ErrorCode::kCannotCreate, "back up to", place.parent->path() + "/" + place.name,
          "it exists"};
}

}  // namespace

std::vector<BackedUp> Root::back_up(std::span<const std::string> wanted,
                                    const BackupPlace& destination, const BackupOptions& options) {
  if (destination.parent->status(destination.name)) throw taken(destination);
  for (const std::string& name : wanted) {
    if (const auto why = names::refuse_queue_name(name)) {
      throw Error(ErrorCode::kUsage, "name a queue", printable(name), *why);
    }
    if (has_queue(name)) continue;
    throw Error(ErrorCode::kNotFound, "back up", printable(name), "no such queue under " + path());
  }
  AsideDir::clean_up(*destination.parent, kBackupAside);
  Backup backup(*impl_, destination, options);
  const auto asked = wanted.empty() ? Backup::Asked::kForAll : Backup::Asked::kByName;
  std::set<std::string> sorted(wanted.begin(), wanted.end());  // one order, so that two can wait
  if (wanted.empty()) {
    for (std::string& name : queues()) sorted.insert(std::move(name));
  }
  for (const std::string& name : sorted) backup.add(name, asked);
  backup.copy(asked);
  std::vector<BackedUp> done = backup.settle();
  if (!backup.commit(destination.name)) throw taken(destination);
  return done;
}

std::vector<BackedUp> Root::back_up(std::span<const std::string> wanted,
                                    const std::string& destination, const BackupOptions& options) {
  return back_up(wanted, place_of_new_backup(path(), destination), options);
}

}  // namespace spoolmq
