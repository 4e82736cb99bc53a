#include "store/segment_writer.h"

#include <algorithm>
#include <array>
#include <atomic>

#include "core/check.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq {
namespace {

constexpr std::uint64_t kFirstChunkBytes = 64 << 10;
constexpr std::uint64_t kLargestChunkBytes = 8 << 20;
constexpr std::uint64_t kSealAtBytes = 16 << 20;
constexpr std::uint64_t kZeroedChunkBytes = 256 << 10;
constexpr std::size_t kLargestGroupOnZeros = 64 << 10;

}  // namespace

NewFile::NewFile(QueueDir& dir, std::uint8_t shard, HandleTable& handles)
    : dir_(&dir), shard_(&dir.shard(shard)), file_(shard_->create_unnamed(dir.mode())) {
  if (!file_) {
    name_temporarily(handles);
    file_ = shard_->create(temporary_, dir.mode(), IfExists::kFail);
  }
  dir.own(*file_);
}

NewFile::NewFile(QueueDir& dir, std::uint8_t shard, std::unique_ptr<File> given)
    : dir_(&dir), shard_(&dir.shard(shard)), file_(std::move(given)), adopted_(true) {}

void NewFile::name_temporarily(HandleTable& handles) {
  static std::atomic<std::uint64_t> serial{0};
  handles.set_flag(layout::kNamesTemporaries);
  temporary_ = names::temporary(handles.incarnation(), ++serial);
}

std::optional<NewFile> NewFile::adopt(QueueDir& dir, std::uint8_t shard, HandleTable& handles,
                                      std::unique_ptr<File> given) {
  NewFile file(dir, shard, std::move(given));
  file.name_temporarily(handles);
  const std::string temporary = std::exchange(file.temporary_, {});
  try {
    if (!file.shard_->link_unnamed(*file.file_, temporary)) return std::nullopt;
  } catch (const Error& error) {
    log::debug("a body's file is copied, not taken", {{"why", error.why()}});
    return std::nullopt;
  }
  file.temporary_ = temporary;
  return file;
}

NewFile::NewFile(NewFile&& other) noexcept
    : dir_(other.dir_),
      shard_(other.shard_),
      file_(std::move(other.file_)),
      adopted_(other.adopted_),
      temporary_(std::exchange(other.temporary_, {})) {}

NewFile::~NewFile() {
  if (temporary_.empty()) return;
  try {
    shard_->unlink(temporary_);
  } catch (const Error& error) {
    log::warn("temporary file left behind", {{"name", temporary_}, {"why", error.why()}});
  }
}

bool NewFile::link(const std::string& name) {
  if (adopted_) dir_->take_over(*file_);
  if (temporary_.empty()) return shard_->link_unnamed(*file_, name);
  if (!shard_->rename_new(temporary_, *shard_, name)) return false;
  temporary_.clear();
  return true;
}

bool NewFile::link_in(Dir& other, const std::string& name) {
  if (temporary_.empty()) return other.link_unnamed(*file_, name);
  if (!shard_->rename_new(temporary_, other, name)) return false;
  temporary_.clear();
  return true;
}

bool SegmentWriter::is_full() const { return end_ >= kSealAtBytes; }

std::vector<Location> SegmentWriter::encode_group(std::span<const Record> group, std::uint64_t at) {
  const std::size_t header_at = buffer_.size();
  buffer_.resize(header_at + record::kGroupHeaderBytes);
  std::vector<Location> places;
  places.reserve(group.size());
  const std::uint64_t base = at - header_at;
  for (const Record& one : group) {
    const std::uint64_t offset = base + buffer_.size();
    record::encode(*one.message, one.flags, id_, offset, buffer_);
    places.push_back({id_, names::SpoolKind::kBinary, offset, base + buffer_.size() - offset});
  }
  const record::GroupHeader header{group_number_ + 1, static_cast<std::uint32_t>(group.size()),
                                   buffer_.size() - header_at - record::kGroupHeaderBytes};
  record::encode_group_header(header, id_, at,
                              std::span(buffer_).subspan(header_at, record::kGroupHeaderBytes));
  return places;
}

std::vector<Location> SegmentWriter::start(std::span<const Record> group, Durability durability) {
  SPOOLMQ_CHECK(!file_ && !group.empty());
  remove_left();
  id_ = ids_.next();
  group_number_ = 0;
  buffer_.assign(record::kFileHeaderBytes, std::byte{0});
  buffer_at_ = 0;
  record::encode_file_header(
      {id_, handles_.incarnation(), clock_.wall_ms(), record::FileUse::kSegment}, buffer_);
  std::vector<Location> places = encode_group(group, record::kFileHeaderBytes);
  NewFile made(dir_, id_.shard(), handles_);
  made.file().write_at(buffer_, 0);
  const std::uint64_t end = buffer_.size();
  const std::uint64_t allocated = std::max(kFirstChunkBytes, end);
  if (allocated > end && !made.file().allocate(end, allocated - end)) {
    made.file().truncate(allocated);
  }
  if (durability == Durability::kSync) syncs_.time([&] { made.file().sync_data(); });
  handles_.publish_segment(id_, record::kFileHeaderBytes, record::kFileHeaderBytes);
  const std::string name = names::spool_file(id_, names::SpoolKind::kBinary);
  if (!made.link(name)) {
    throw Error(ErrorCode::kIo, "create", id_.text(), "a file of this name exists");
  }
  try {
    if (durability == Durability::kSync) syncs_.time([&] { made.shard().sync(); });
    handles_.publish_durable_end(end);
  } catch (const Error& error) {
    // Nothing of it was promised; but the power may bring back what is unlinked now.
    left_ = {name, 0};
    remove_left();
    throw error.of_unknown_outcome();
  }
  name_is_durable_ = durability == Durability::kSync;
  is_synced_ = durability == Durability::kSync;
  file_ = made.release();
  end_ = end;
  allocated_ = allocated;
  chunk_ = kFirstChunkBytes;
  group_number_ = 1;
  last_append_boot_ms_ = clock_.boot_ms();
  return places;
}

// Again at the next start, where it was refused now.
void SegmentWriter::remove_left() {
  if (left_.name.empty()) return;
  try {
    Dir* const shard = dir_.existing_shard(id_.shard());
    if (shard != nullptr && left_.end == 0) shard->unlink(left_.name);
    if (shard != nullptr && left_.end != 0) {
      if (const auto file = shard->open(left_.name, Access::kReadWrite)) file->truncate(left_.end);
    }
    left_ = {};
  } catch (const Error& error) {
    log::warn("what was refused is left", {{"file", left_.name}, {"why", error.what()}});
  }
}

// Small groups go to blocks that were written before: the file system has then nothing to note at a
// sync but the data. Of blocks that are only allocated it notes with the first write to each that
// it is written now, one more write to the device (ext4, XFS). Zeros cost every byte twice, so
// large groups do without.
void SegmentWriter::reserve_up_to(std::uint64_t end) {
  if (end <= allocated_) return;
  const bool zeroed = buffer_.size() <= kLargestGroupOnZeros;
  if (!zeroed) chunk_ = std::min(std::max(chunk_ * 2, kFirstChunkBytes), kLargestChunkBytes);
  const std::uint64_t chunk = zeroed ? kZeroedChunkBytes : chunk_;
  const std::uint64_t to = std::max(end, std::min(allocated_ + chunk, std::max(end, kSealAtBytes)));
  // fallocate with its size: a later fdatasync then writes no metadata.
  if (!file_->allocate(allocated_, to - allocated_)) file_->truncate(to);
  if (zeroed) file_->write_at(std::vector<std::byte>(to - end), end);
  allocated_ = to;
}

std::vector<Location> SegmentWriter::append(std::span<const Record> group, Durability durability) {
  SPOOLMQ_CHECK(file_ && !group.empty());
  bool is_written = false;
  try {
    buffer_.clear();
    buffer_at_ = end_;
    std::vector<Location> places = encode_group(group, end_);
    const std::uint64_t end = end_ + buffer_.size();
    reserve_up_to(end);
    file_->write_at(buffer_, end_);
    is_written = true;
    if (durability == Durability::kSync) {
      before_sync_({*file_, end_, end});
      syncs_.time([&] { file_->sync_data(); });
      if (!name_is_durable_) syncs_.time([&] { dir_.shard(id_.shard()).sync(); });
      name_is_durable_ = true;
    }
    handles_.publish_durable_end(end);
    end_ = end;
    is_synced_ = durability == Durability::kSync;
    ++group_number_;
    last_append_boot_ms_ = clock_.boot_ms();
    return places;
  } catch (const Error& error) {
    give_up();
    // Whole groups that are cut off may still come back with the power.
    if (is_written) throw error.of_unknown_outcome();
    throw;
  } catch (...) {
    give_up();
    throw;
  }
}

std::span<const std::byte> SegmentWriter::bytes_of(const Location& at) const {
  SPOOLMQ_CHECK(at.file == id_ && at.offset >= buffer_at_ &&
                at.offset + at.length <= buffer_at_ + buffer_.size());
  return std::span(buffer_).subspan(at.offset - buffer_at_, at.length);
}

bool has_seal_before(File& file, const MessageId& id, std::uint64_t end) {
  std::array<std::byte, record::kGroupHeaderBytes> last;
  if (end < last.size() || file.read_at(last, end - last.size()) < last.size()) return false;
  const auto header = record::decode_group_header(last, id, end - last.size());
  return header && header->number == record::kSealNumber;
}

void seal_file(File& file, const MessageId& id, std::uint64_t end) {
  std::array<std::byte, record::kGroupHeaderBytes> seal;
  record::encode_group_header({record::kSealNumber, 0, 0}, id, end, seal);
  try {
    file.write_at(seal, end);
    end += seal.size();
  } catch (const Error& error) {
    log::info("a spool file goes without its seal", {{"file", id.text()}, {"why", error.why()}});
  }
  file.truncate(end);
}

void SegmentWriter::finish() {
  if (!file_) return;
  if (is_synced_) {
    seal_file(*file_, id_, end_);
  } else {
    file_->truncate(end_);
  }
  file_.reset();
}

void SegmentWriter::give_up() {
  try {
    if (file_) file_->truncate(end_);
  } catch (const Error& error) {
    log::warn("spool file left untrimmed", {{"file", id_.text()}, {"why", error.why()}});
    left_ = {names::spool_file(id_, names::SpoolKind::kBinary), end_};
  } catch (...) {
    // What made the caller give up goes on; the tail is of no consequence.
  }
  file_.reset();
}

}  // namespace spoolmq
