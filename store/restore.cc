// Restoring: all queues of a backup into a root that has none of them.
#include <variant>

#include "core/names.h"
#include "core/text.h"
#include "spoolmq/topic.h"
#include "store/backup_place.h"
#include "store/ownership.h"
#include "store/queue_restore.h"

namespace spoolmq {
namespace {

// The path as the user knows it.
std::string path_of(const BackupPlace& place) { return place.parent->path() + "/" + place.name; }

BackupManifest read_manifest(Dir& backup, const std::string& path) {
  const auto text = read_file(backup, names::kBackup, kLongestManifest);
  if (!text || text->empty()) {
    throw Error(ErrorCode::kBadData, "restore", path,
                "not a backup: it has no " + std::string(names::kBackup));
  }
  auto parsed = parse_manifest(*text);
  if (const auto* const bad = std::get_if<NotAManifest>(&parsed)) {
    throw Error(ErrorCode::kBadData, "restore", path,
                "the backup is damaged: " + std::string(names::kBackup) + ": " + bad->why);
  }
  return std::get<BackupManifest>(std::move(parsed));
}

void require_one_queue(const BackupManifest& manifest, const std::string& as) {
  if (const auto why = names::refuse_queue_name(as)) {
    throw Error(ErrorCode::kUsage, "name a queue", printable(as), *why);
  }
  if (manifest.queues.size() == 1) return;
  throw Error(ErrorCode::kUsage, "restore", "--as " + as,
              "the backup has " + std::to_string(manifest.queues.size()) + " queues, not one");
}

std::unique_ptr<Dir> queues_of(Dir& root) {
  if (std::unique_ptr<Dir> there = root.open_dir(names::kQueues)) return there;
  std::unique_ptr<Dir> made = open_shared_dir(root, names::kQueues);
  if (!made) {
    throw Error(ErrorCode::kPermission, "restore", root.path(), "it is not ours to write");
  }
  root.sync();
  return made;
}

}  // namespace

std::vector<Restored> Root::restore(const BackupPlace& source, const RestoreOptions& options) {
  const std::unique_ptr<Dir> backup = source.parent->open_dir(source.name);
  if (!backup) throw Error(ErrorCode::kNotFound, "restore", path_of(source), "no such directory");
  const BackupManifest manifest = read_manifest(*backup, path_of(source));
  if (!options.as.empty()) require_one_queue(manifest, options.as);
  impl_->refuse_in_backup("restore");
  const auto name_here = [&](const std::string& name) {
    return options.as.empty() ? name : options.as;
  };
  for (const BackupManifest::Queue& queue : manifest.queues) {
    if (!has_queue(name_here(queue.name))) continue;
    throw Error(ErrorCode::kCannotCreate, "restore", name_here(queue.name), "the queue exists");
  }
  const std::unique_ptr<Dir> from = backup->open_dir(names::kQueues);
  if (!from) {
    throw Error(ErrorCode::kBadData, "restore", path_of(source),
                "the backup is damaged: it has no queues");
  }
  const std::unique_ptr<Dir> into = queues_of(impl_->dir());
  QueueRestore::clean_up(*into);
  std::vector<std::unique_ptr<QueueRestore>> parts;
  for (const BackupManifest::Queue& queue : manifest.queues) {
    parts.push_back(std::make_unique<QueueRestore>(
        *impl_, *into, QueueRestore::Source{queue, *from}, name_here(queue.name), options));
  }
  std::vector<Restored> done;
  for (const auto& part : parts) {
    part->commit();
    done.push_back(part->result());
  }
  if (options.as.empty()) {
    for (const Binding& one : manifest.bindings) bind(one.pattern, one.queue);
  }
  return done;
}

std::vector<Restored> Root::restore(const std::string& source, const RestoreOptions& options) {
  return restore(place_of_backup(source), options);
}

}  // namespace spoolmq
