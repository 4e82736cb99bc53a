#include "store/queue_restore.h"

#include <vector>

#include "core/clock.h"
#include "core/names.h"
#include "core/text.h"
#include "store/copied_queue.h"
#include "store/database_copy.h"
#include "store/file_copy.h"
#include "store/spool_list.h"

namespace spoolmq {
namespace {

constexpr AsideDir::Kind kRestoreAside{".restored-", names::kSettings};
constexpr std::size_t kSettingsBytes = 64 << 10;

Error damaged(std::string_view queue, std::string_view why) {
  return {ErrorCode::kBadData, "restore", queue, "the backup is damaged: " + std::string(why)};
}

std::unique_ptr<Dir> open_source(const QueueRestore::Source& source) {
  std::unique_ptr<Dir> dir = source.queues.open_dir(names::queue_directory(source.promised.name));
  if (!dir) throw damaged(source.promised.name, "the queue's directory is missing");
  return dir;
}

Settings settings_of(const QueueRestore::Source& source) {
  const std::unique_ptr<Dir> dir = open_source(source);
  const auto text = read_file(*dir, names::kSettings, kSettingsBytes);
  if (!text) throw damaged(source.promised.name, "queue.toml is missing");
  try {
    return parse_settings(*text, dir->path() + "/" + std::string(names::kSettings));
  } catch (const Error& error) {
    throw damaged(source.promised.name, error.why());
  }
}

AsideDir make_aside(RootImpl& root, Dir& queues, const Settings& settings) {
  const QueueOwner owner = owner_of_new_queue(root.dir(), settings);
  AsideDir aside(queues, kRestoreAside, {owner.directory_mode, settings.mode});
  owner.give(aside.dir());
  owner.give(aside.key_file());
  return aside;
}

}  // namespace

QueueRestore::QueueRestore(RootImpl& root, Dir& queues, const Source& source, std::string name,
                           const RestoreOptions& options)
    : from_name_(source.promised.name),
      name_(std::move(name)),
      settings_(settings_of(source)),
      aside_(make_aside(root, queues, settings_)) {
  {
    QueueDir to(aside_.shared(), settings_);
    copy(*open_source(source), source.promised, to);
  }
  const std::shared_ptr<Dir> root_dir(&root.dir(), [](Dir*) {});  // which outlives us
  CopiedQueue copied({root_dir, aside_.shared(), name_}, settings_, root.clock());
  const QueueStats stats =
      copied.recover_and_check(options.accept_damage ? FsckMode::kRepair : FsckMode::kLook);
  result_.queue = name_;
  for (const StateCount& count : stats.states) result_.messages += count.messages;
  result_.corrupt = stats.of(State::kCorrupt).messages;
}

void QueueRestore::copy(Dir& from, const BackupManifest::Queue& promised, QueueDir& to) {
  copy_small_files(from, promised, to);
  copy_spool_files(from, promised, to);
  copy_kept_bytes(from, to);
  const std::uint64_t generation = index_generation(from);
  if (generation == 0) throw damaged(from_name_, "it has no index");
  to.create(to.dir(), names::index_file(generation), IfExists::kFail);
  try {
    copy_index(from, to.dir(), generation);
  } catch (const SqliteError& error) {
    if (!error.index_is_doubtful()) throw;
    throw damaged(from_name_, error.why());
  }
  const IndexDigest index = digest_index(to.dir(), generation);
  if (!index.damage.empty()) throw damaged(from_name_, "its index: " + index.damage);
  if (index.messages != promised.messages || index.ids != promised.ids) {
    throw damaged(from_name_, "its index is not the one that was made with it");
  }
}

// The settings last: they make it a queue.
void QueueRestore::copy_small_files(Dir& from, const BackupManifest::Queue& promised,
                                    QueueDir& to) {
  const std::vector<BackupManifest::Small> found = describe_small_files(from);
  if (found != promised.small) {
    throw damaged(from_name_, "queue.toml, verdicts.log, imports.db or paused was changed");
  }
  for (const BackupManifest::Small& file : found) {
    if (file.name != names::kSettings) copy_named(from, file.name, to, to.dir());
  }
  aside_.key_file().write_at(as_bytes(format_settings(settings_)), 0);
  aside_.key_file().sync();
}

void QueueRestore::copy_spool_files(Dir& from, const BackupManifest::Queue& promised,
                                    QueueDir& to) {
  const std::unique_ptr<Dir> messages = from.open_dir(names::kMessages);
  if (!messages) throw damaged(from_name_, "msgs is missing");
  const SpoolDigest wanted{promised.files, promised.bytes, promised.names};
  const SpoolDigest found = digest_spool_files(*messages);
  if (found.files != wanted.files) {
    throw damaged(from_name_, "it has " + std::to_string(found.files) + " spool files, not " +
                                  std::to_string(wanted.files));
  }
  if (found != wanted) throw damaged(from_name_, "a spool file has another name or length");
  for_each_shard(*messages, [&](std::uint8_t number, Dir& shard) {
    const std::vector<names::SpoolName> files = list_spool_files(shard);
    if (files.empty()) return;
    Dir& into = to.shard(number);
    for (const names::SpoolName& file : files) {
      const std::string name = names::spool_file(file.file, file.kind);
      const std::unique_ptr<File> original = shard.open(name, Access::kRead);
      if (!original) throw damaged(from_name_, name + " went while it was read");
      copy_file(*original, kWholeFile, *to.create(into, name, IfExists::kFail));
    }
    into.sync();
  });
}

void QueueRestore::commit() {
  if (aside_.commit(names::queue_directory(name_))) return;
  throw Error(ErrorCode::kCannotCreate, "restore", name_, "the queue exists");
}

void QueueRestore::clean_up(Dir& queues) { AsideDir::clean_up(queues, kRestoreAside); }

}  // namespace spoolmq
