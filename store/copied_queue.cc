#include "store/copied_queue.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/log.h"
#include "store/database_copy.h"
#include "store/file_copy.h"
#include "store/spool_list.h"

namespace spoolmq {
namespace {

constexpr std::string_view kSmallFiles[] = {names::kSettings, names::kVerdicts, names::kImports,
                                            names::kPause};

void sync_shards(Dir& messages) {
  for_each_shard(messages, [](std::uint8_t, Dir& shard) { shard.sync(); });
  messages.sync();
}

}  // namespace

std::vector<BackupManifest::Small> describe_small_files(Dir& dir) {
  std::vector<BackupManifest::Small> found;
  for (const std::string_view name : kSmallFiles) {
    const std::unique_ptr<File> file = dir.open(name, Access::kRead);
    if (!file) continue;
    const FileDigest digest = digest_file(*file);
    found.push_back({std::string(name), digest.bytes, digest.checksum});
  }
  return found;
}

std::uint64_t index_generation(Dir& dir) {
  std::uint64_t newest = 0;
  dir.list([&](std::string_view file) {
    newest = std::max(newest, names::parse_index_file(file).value_or(0));
    return true;
  });
  return newest;
}

CopiedQueue::CopiedQueue(QueuePlace place, const Settings& settings, std::shared_ptr<Clock> clock)
    : place_(std::move(place)), settings_(settings), clock_(std::move(clock)) {}

std::shared_ptr<QueueImpl> CopiedQueue::open() {
  OpenOptions options;
  options.one_shot = true;
  options.background = false;
  options.clock = clock_;
  auto queue = std::make_shared<QueueImpl>(place_, settings_, options);
  queue->open();
  return queue;
}

void CopiedQueue::recover() {
  const std::shared_ptr<QueueImpl> queue = open();
  queue->maintain();
  queue->close();
  queue->forget_shared_memory();
}

QueueStats CopiedQueue::recover_and_check(FsckMode mode) {
  const std::shared_ptr<QueueImpl> queue = open();
  for (const FsckFinding& finding : queue->fsck(mode)) {
    if (finding.repaired) continue;
    queue->forget_shared_memory();
    throw Error(ErrorCode::kBadData, "restore", place_.name,
                "the backup is damaged: " + finding.where + ": " + finding.why);
  }
  queue->maintain();
  const QueueStats stats = queue->stats();
  queue->close();
  return stats;
}

BackupManifest::Queue CopiedQueue::put_to_rest() {
  Dir& dir = *place_.queue;
  for (const std::string_view name : {names::kBoot, names::kLock, names::kHandles}) {
    dir.unlink(name);
  }
  BackupManifest::Queue described;
  described.name = place_.name;
  described.generation = index_generation(dir);
  const IndexDigest index = digest_index(dir, described.generation);
  if (!index.damage.empty() ||
      (dir.status(names::kImports).has_value() && !imports_are_whole(dir))) {
    throw Error(ErrorCode::kIo, "back up", place_.name,
                index.damage.empty() ? "imports.db is damaged" : "its index: " + index.damage);
  }
  described.messages = index.messages;
  described.ids = index.ids;
  const std::unique_ptr<Dir> messages = dir.open_dir(names::kMessages);
  const SpoolDigest spool = digest_spool_files(*messages);
  described.files = spool.files;
  described.bytes = spool.bytes;
  described.names = spool.names;
  described.small = describe_small_files(dir);
  sync_shards(*messages);
  dir.sync();
  return described;
}

}  // namespace spoolmq
