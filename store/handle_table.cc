#include "store/handle_table.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "core/bytes.h"
#include "core/check.h"
#include "spoolmq/error.h"

namespace spoolmq {
namespace {

using layout::HandleRecord;
using layout::kHandleRecordBytes;

constexpr std::size_t kTextBytes = 24;

std::uint64_t record_offset(std::uint32_t slot) { return std::uint64_t{slot} * kHandleRecordBytes; }

std::string text_field(std::span<const std::byte> bytes, std::size_t offset) {
  std::string text(kTextBytes, '\0');
  std::memcpy(text.data(), bytes.data() + offset, kTextBytes);
  text.resize(std::min(text.find('\0'), text.size()));
  return text;
}

void put_text(std::span<std::byte> bytes, std::size_t offset, const std::string& text) {
  std::memcpy(bytes.data() + offset, text.data(), std::min(text.size(), kTextBytes));
}

HandleRecord decode(std::span<const std::byte> bytes) {
  HandleRecord record;
  record.incarnation = load_le<std::uint64_t>(bytes, 0);
  record.pid = load_le<std::uint32_t>(bytes, 8);
  record.uid = load_le<std::uint32_t>(bytes, 12);
  record.opened_at_ms = load_le<std::int64_t>(bytes, 16);
  record.acks_durable = load_le<std::uint16_t>(bytes, 24);
  record.acks_indexed = load_le<std::uint16_t>(bytes, 26);
  record.flags = load_le<std::uint32_t>(bytes, 28);
  record.segment = load_id(bytes, 32);
  record.durable_end = load_le<std::uint64_t>(bytes, 48);
  record.indexed_end = load_le<std::uint64_t>(bytes, 56);
  record.singles_begun = load_le<std::uint64_t>(bytes, 64);
  record.singles_indexed = load_le<std::uint64_t>(bytes, 72);
  record.name = text_field(bytes, 80);
  record.host = text_field(bytes, 104);
  return record;
}

std::array<std::byte, kHandleRecordBytes> encode(const HandleRecord& record) {
  std::array<std::byte, kHandleRecordBytes> bytes{};
  store_le(bytes, 0, record.incarnation);
  store_le(bytes, 8, record.pid);
  store_le(bytes, 12, record.uid);
  store_le(bytes, 16, record.opened_at_ms);
  store_le(bytes, 24, record.acks_durable);
  store_le(bytes, 26, record.acks_indexed);
  store_le(bytes, 28, record.flags);
  store_id(bytes, 32, record.segment);
  store_le(bytes, 48, record.durable_end);
  store_le(bytes, 56, record.indexed_end);
  store_le(bytes, 64, record.singles_begun);
  store_le(bytes, 72, record.singles_indexed);
  put_text(bytes, 80, record.name);
  put_text(bytes, 104, record.host);
  return bytes;
}

}  // namespace

HandleTable::HandleTable(std::unique_ptr<File> file) : file_(std::move(file)) {}

std::vector<HandleTable::Slot> HandleTable::read(std::uint32_t high_water) {
  std::vector<std::byte> bytes(std::size_t{high_water} * kHandleRecordBytes);
  bytes.resize(file_->read_at(bytes, 0) / kHandleRecordBytes * kHandleRecordBytes);
  std::vector<Slot> slots;
  for (std::size_t at = 0; at < bytes.size(); at += kHandleRecordBytes) {
    HandleRecord record = decode(std::span(bytes).subspan(at, kHandleRecordBytes));
    if (record.incarnation == 0) continue;
    slots.push_back({static_cast<std::uint32_t>(at / kHandleRecordBytes), std::move(record)});
  }
  return slots;
}

HandleRecord HandleTable::read_one(std::uint32_t slot) {
  std::array<std::byte, kHandleRecordBytes> bytes{};
  file_->read_at(bytes, record_offset(slot));
  return decode(bytes);
}

bool HandleTable::is_alive(std::uint32_t slot) {
  if (own_ == slot) return true;  // F_OFD_GETLK does not report our own lock
  return file_->is_locked_by_another(layout::kSlotLockBase + slot, 1);
}

std::uint32_t HandleTable::take(std::uint32_t high_water, HandleRecord record,
                                const std::function<void(const Slot&)>& reap) {
  SPOOLMQ_CHECK(!own_);
  for (std::uint32_t slot = 0; slot < layout::kMaxSlots; ++slot) {
    if (!file_->try_lock(layout::kSlotLockBase + slot, 1, LockKind::kExclusive)) continue;
    try {
      if (slot < high_water) {
        if (HandleRecord previous = read_one(slot); previous.incarnation != 0) {
          reap({slot, std::move(previous)});
        }
      }
      write_record(slot, record);
    } catch (...) {
      release_lock(*file_, layout::kSlotLockBase + slot);
      throw;
    }
    own_ = slot;
    incarnation_ = record.incarnation;
    const std::lock_guard guard(mutex_);
    record_ = std::move(record);
    return std::max(high_water, slot + 1);
  }
  throw Error(ErrorCode::kOsResource, "open", "handles", "all 16384 slots are taken");
}

bool HandleTable::reap(std::uint32_t slot, const std::function<void(const Slot&)>& reap) {
  if (own_ == slot) return false;
  if (!file_->try_lock(layout::kSlotLockBase + slot, 1, LockKind::kExclusive)) return false;
  struct Unlock {
    File& file;
    std::uint32_t slot;
    ~Unlock() { release_lock(file, layout::kSlotLockBase + slot); }
  } unlock{*file_, slot};
  HandleRecord record = read_one(slot);
  if (record.incarnation == 0) return false;
  reap({slot, std::move(record)});
  return true;
}

void HandleTable::clear_reaped(std::uint32_t slot, std::uint64_t incarnation) {
  if (read_one(slot).incarnation == incarnation) write_record(slot, {});
}

void HandleTable::give_back() {
  if (!own_ || !file_) return;
  write_record(*own_, {});
  release_lock(*file_, layout::kSlotLockBase + *own_);
  own_.reset();
}

void HandleTable::write_record(std::uint32_t slot, const HandleRecord& record) {
  file_->write_at(encode(record), record_offset(slot));
}

void HandleTable::write_field(std::size_t offset, std::uint64_t value) {
  SPOOLMQ_CHECK(own_);
  std::byte bytes[8];
  store_le(bytes, 0, value);
  file_->write_at(bytes, record_offset(*own_) + offset);
}

layout::HandleRecord HandleTable::own() {
  const std::lock_guard guard(mutex_);
  return record_;
}

void HandleTable::publish_segment(const MessageId& segment, std::uint64_t durable_end,
                                  std::uint64_t indexed_end) {
  SPOOLMQ_CHECK(own_);
  const std::lock_guard guard(mutex_);
  // In this order a reader that catches it half-way sees the old file with no more than it has, or
  // the new one with nothing.
  write_field(48, 0);
  file_->write_at(std::as_bytes(std::span(segment.bytes())), record_offset(*own_) + 32);
  write_field(56, indexed_end);
  write_field(48, durable_end);
  record_.segment = segment;
  record_.durable_end = durable_end;
  record_.indexed_end = indexed_end;
}

void HandleTable::publish_durable_end(std::uint64_t durable_end) {
  const std::lock_guard guard(mutex_);
  write_field(48, durable_end);
  record_.durable_end = durable_end;
}

void HandleTable::publish_indexed_end(std::uint64_t indexed_end) {
  const std::lock_guard guard(mutex_);
  write_field(56, indexed_end);
  record_.indexed_end = indexed_end;
}

void HandleTable::publish_singles_begun(std::uint64_t count) {
  const std::lock_guard guard(mutex_);
  write_field(64, count);
  record_.singles_begun = count;
}

void HandleTable::publish_singles_indexed(std::uint64_t count) {
  const std::lock_guard guard(mutex_);
  write_field(72, count);
  record_.singles_indexed = count;
}

void HandleTable::publish_acks_durable(std::uint16_t count) {
  SPOOLMQ_CHECK(own_);
  std::byte bytes[2];
  store_le(bytes, 0, count);
  const std::lock_guard guard(mutex_);
  file_->write_at(bytes, record_offset(*own_) + 24);
  record_.acks_durable = count;
}

void HandleTable::set_flag(layout::HandleFlags flag) {
  const std::lock_guard guard(mutex_);
  if ((record_.flags & flag) != 0) return;
  record_.flags |= flag;
  write_flags();
}

void HandleTable::clear_flag(layout::HandleFlags flag) {
  const std::lock_guard guard(mutex_);
  if ((record_.flags & flag) == 0) return;
  record_.flags &= ~static_cast<std::uint32_t>(flag);
  write_flags();
}

void HandleTable::write_flags() {
  std::byte bytes[4];
  store_le(bytes, 0, record_.flags);
  file_->write_at(bytes, record_offset(*own_) + 28);
}

void HandleTable::write_indexed_end_of(std::uint32_t slot, std::uint64_t indexed_end) {
  std::byte bytes[8];
  store_le(bytes, 0, indexed_end);
  file_->write_at(bytes, record_offset(slot) + 56);
}

void HandleTable::write_acks_indexed_of(std::uint32_t slot, std::uint16_t count) {
  std::byte bytes[2];
  store_le(bytes, 0, count);
  file_->write_at(bytes, record_offset(slot) + 26);
}

void HandleTable::abandon_after_fork() {
  own_.reset();
  if (File* file = file_.release(); file != nullptr && file->descriptor() >= 0) {
    ::close(file->descriptor());
  }
}

}  // namespace spoolmq
