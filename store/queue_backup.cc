#include "store/queue_backup.h"

#include <algorithm>

#include "core/record_codec.h"
#include "store/copied_queue.h"
#include "store/database_copy.h"
#include "store/file_copy.h"
#include "store/ownership.h"
#include "store/spool_list.h"
#include "store/spool_scan.h"

namespace spoolmq {
namespace {

std::shared_ptr<Dir> make_copy_dir(QueueImpl& from, Dir& queues) {
  const FileStatus original = from.dir().dir().status();
  const std::string directory = names::queue_directory(from.name());
  queues.make_dir(directory, original.mode);
  std::shared_ptr<Dir> made = queues.open_dir(directory);
  if (!made) throw Error(ErrorCode::kIo, "back up", from.name(), "its copy is no directory");
  give_owner(*made, original);
  return made;
}

bool has_messages_of_durability_os(Index& index) {
  Stmt one = index.db().prepare("SELECT 1 FROM m WHERE flags & ?1 LIMIT 1");
  return one.bind(1, std::int64_t{kRowOsDurability}).step();
}

}  // namespace

QueueBackup::QueueBackup(std::shared_ptr<QueueImpl> from, Dir& queues, BackupBytes bytes)
    : from_(std::move(from)),
      to_(make_copy_dir(*from_, queues)),
      settings_(from_->settings()),
      bytes_(bytes),
      still_(std::make_unique<QueueImpl::Stillness>(*from_)),
      messages_(from_->dir().dir().open_dir(names::kMessages)),
      copy_(std::make_unique<QueueDir>(to_, settings_)) {}

void QueueBackup::copy_index() {
  const std::uint64_t generation = from_->copy_databases(*copy_);
  index_ = std::make_unique<Index>(to_);
  index_->open(generation, 0);
  has_unsynced_ = has_messages_of_durability_os(*index_);
}

void QueueBackup::list_files() {
  if (!messages_) return;
  for_each_shard(*messages_, [this](std::uint8_t number, Dir& shard) {
    listed_[number] = list_spool_files(shard);
  });
}

void QueueBackup::copy_files() {
  for (std::size_t shard = 0; shard < listed_.size(); ++shard) {
    if (!listed_[shard].empty()) copy_shard(static_cast<std::uint8_t>(shard));
    listed_[shard] = {};
  }
  for (const std::string_view name : {names::kVerdicts, names::kPause}) {
    copy_named(from_->dir().dir(), name, *copy_, *to_);
  }
  const std::unique_ptr<File> settings = copy_->create(*to_, names::kSettings, IfExists::kFail);
  settings->write_at(as_bytes(format_settings(settings_)), 0);
  settings->sync();
  copy_kept_bytes(from_->dir().dir(), *copy_);
  still_.reset();
}

void QueueBackup::copy_shard(std::uint8_t shard) {
  const std::unique_ptr<Dir> from = messages_->open_dir(names::shard_directory(shard));
  if (!from) throw Error(ErrorCode::kNotFound, "back up", name(), "the queue was removed");
  Dir& to = copy_->shard(shard);
  for (const names::SpoolName& file : listed_[shard]) copy_spool_file(*from, to, file);
  to.sync();
}

// Whether nobody writes to it any more: it is sealed, says the index, which is older than the list.
// What the index does not know yet may be in its writer's hands.
bool QueueBackup::may_share(const names::SpoolName& name) {
  if (bytes_ == BackupBytes::kOwn) return false;
  if (index_->find(name.file)) return true;  // a file of one message's own
  const std::optional<FileRow> file = index_->find_file(name.file);
  return file && file->sealed;
}

void QueueBackup::copy_spool_file(Dir& from, Dir& to, const names::SpoolName& name) {
  const std::string file_name = names::spool_file(name.file, name.kind);
  if (may_share(name)) {
    // A segment's last cut to its length need not be on the disk, nor what has durability os.
    if (has_unsynced_ || index_->find_file(name.file)) {
      if (const auto file = from.open(file_name, Access::kRead)) file->sync();
    }
    if (to.link_from(from, file_name, file_name)) {
      ++shared_files_;
      return;
    }
  }
  const std::unique_ptr<File> original = from.open(file_name, Access::kRead);
  if (!original) return;  // it was never confirmed, and its sender has given it up
  const std::uint64_t length = name.kind == names::SpoolKind::kBinary
                                   ? whole_groups(*original, name.file)
                                   : original->status().size;
  copy_file(*original, length, *copy_->create(to, file_name, IfExists::kFail));
}

// Where the groups of a file end that count; its writer may be at work behind them. So recovery
// finds nothing to cut off, which nobody would sync.
std::uint64_t QueueBackup::whole_groups(File& file, const MessageId& id) {
  const std::uint64_t size = file.status().size;
  if (is_own_file(file, id)) return size;
  const std::optional<std::uint64_t> confirmed = from_->confirmed_end(id);
  const std::optional<FileRow> known = index_->find_file(id);
  const std::uint64_t promised = std::max(confirmed.value_or(0), known ? known->indexed_end : 0);
  return scan_segment(file, id, record::kFileHeaderBytes, confirmed.value_or(size), promised,
                      [](ScannedRecord&&) {})
      .valid_end;
}

// Nobody who has a bound lease here is there where the copy is used. No failure of the message's.
void QueueBackup::end_leases() {
  index_->begin(0);
  for (const auto& [holder, leases] : index_->leases_by_holder()) {
    if (holder != 0 && leases > 0) index_->release_leases_of(holder);
  }
  index_->prepare_commit();
  index_->commit();
  index_.reset();
}

BackupManifest::Queue QueueBackup::settle(std::shared_ptr<Dir> backup,
                                          const std::shared_ptr<Clock>& clock) {
  end_leases();
  CopiedQueue copied{QueuePlace{std::move(backup), to_, name()}, settings_, clock};
  copied.recover();
  return copied.put_to_rest();
}

}  // namespace spoolmq
