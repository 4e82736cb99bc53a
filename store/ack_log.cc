#include "store/ack_log.h"

#include <algorithm>
#include <optional>

#include "core/bytes.h"
#include "core/checksum.h"
#include "core/names.h"

namespace spoolmq {
namespace {

constexpr std::uint64_t kSeed = 0x314b434151505153;  // "SPQACK1"
constexpr std::size_t kChecksumAt = AckLog::kEntryBytes - 8;
constexpr std::uint64_t kFileBytes = AckLog::kEntries * AckLog::kEntryBytes;

void encode_ack(const AckLog::Entry& entry, std::span<std::byte> bytes) {
  store_id(bytes, 0, entry.receipt.id);
  store_id(bytes, 16, entry.file);
  store_le(bytes, 32, entry.offset);
  store_le(bytes, 40, entry.deliveries);
  store_le(bytes, 48, entry.receipt.token);
  store_le(bytes, kChecksumAt, checksum(bytes.first(kChecksumAt), kSeed));
}

std::optional<AckLog::Entry> decode_ack(std::span<const std::byte> bytes) {
  if (load_le<std::uint64_t>(bytes, kChecksumAt) != checksum(bytes.first(kChecksumAt), kSeed)) {
    return std::nullopt;
  }
  AckLog::Entry entry;
  entry.receipt = {load_id(bytes, 0), load_le<std::uint64_t>(bytes, 48)};
  entry.file = load_id(bytes, 16);
  entry.offset = load_le<std::uint64_t>(bytes, 32);
  entry.deliveries = load_le<std::int64_t>(bytes, 40);
  return entry;
}

std::uint64_t place_of(std::uint64_t number) { return number % AckLog::kEntries; }

// Appends to `entries` those that verify, of `count` places in a row.
void read_places(File& file, std::uint64_t place, std::uint64_t count,
                 std::vector<AckLog::Entry>& entries) {
  std::vector<std::byte> bytes(count * AckLog::kEntryBytes);
  const std::size_t got = file.read_at(bytes, place * AckLog::kEntryBytes);
  for (std::size_t at = 0; at + AckLog::kEntryBytes <= got; at += AckLog::kEntryBytes) {
    if (auto entry = decode_ack(std::span(bytes).subspan(at, AckLog::kEntryBytes))) {
      entries.push_back(*entry);
    }
  }
}

}  // namespace

void AckLog::create(std::uint32_t slot) {
  std::unique_ptr<File> file = dir_.create(dir_.dir(), names::acks_file(slot), IfExists::kOpen);
  // Written, not only allocated: later syncs have nothing but the entries to write.
  file->write_at(std::vector<std::byte>(kFileBytes), 0);
  syncs_.time([&] { file->sync(); });
  syncs_.time([&] { dir_.dir().sync(); });
  slot_ = slot;
  file_ = std::move(file);
}

void AckLog::write(std::uint64_t number, std::span<const Entry> entries) {
  std::vector<std::byte> bytes(entries.size() * kEntryBytes);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    encode_ack(entries[i], std::span(bytes).subspan(i * kEntryBytes, kEntryBytes));
  }
  write_bytes(number, bytes);
}

void AckLog::wipe(std::uint64_t number) {
  write_bytes(number, std::vector<std::byte>(kEntryBytes));
}

void AckLog::write_bytes(std::uint64_t number, std::span<const std::byte> bytes) {
  const std::uint64_t place = place_of(number);
  const std::size_t fits = std::min<std::size_t>(bytes.size(), (kEntries - place) * kEntryBytes);
  file_->write_at(bytes.first(fits), place * kEntryBytes);
  if (fits < bytes.size()) file_->write_at(bytes.subspan(fits), 0);
  syncs_.time([&] { file_->sync_data(); });
}

void AckLog::remove() {
  file_.reset();
  dir_.dir().unlink(names::acks_file(slot_));
}

std::vector<AckLog::Entry> AckLog::read(Dir& queue, std::uint32_t slot, std::uint64_t number,
                                        std::uint64_t count) {
  std::vector<Entry> entries;
  const std::unique_ptr<File> file = queue.open(names::acks_file(slot), Access::kRead);
  if (!file) return entries;
  const std::uint64_t place = place_of(number);
  count = std::min(count, kEntries);
  const std::uint64_t first = std::min(count, kEntries - place);
  read_places(*file, place, first, entries);
  if (first < count) read_places(*file, 0, count - first, entries);
  return entries;
}

std::vector<AckLog::Entry> AckLog::read_all(File& file) {
  std::vector<Entry> entries;
  read_places(file, 0, kEntries, entries);
  return entries;
}

}  // namespace spoolmq
