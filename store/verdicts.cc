#include "store/verdicts.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "core/bytes.h"
#include "core/names.h"

namespace spoolmq {
namespace {

enum Kind : std::uint32_t { kAckedRanges = 1, kMessage = 2, kMark = 3 };
constexpr std::size_t kEntryOverhead = 16;
constexpr std::size_t kLongestPayload = 1 << 20;
constexpr std::uint32_t kMostKinds = 64;  // room to evolve; most garbage is not below it
constexpr std::size_t kMostRangesPerEntry = 4096;

template <typename T>
void put(std::string& to, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  to.append(bytes, sizeof bytes);
}

void put(std::string& to, const MessageId& id) {
  for (const std::uint8_t byte : id.bytes()) to += static_cast<char>(byte);
}

std::string encode_entry(std::uint32_t kind, const std::string& payload, std::uint64_t offset) {
  std::string entry;
  put(entry, kind);
  put(entry, static_cast<std::uint32_t>(payload.size()));
  entry += payload;
  put(entry,
      static_cast<std::uint64_t>(XXH3_64bits_withSeed(entry.data(), entry.size(), offset + 1)));
  return entry;
}

// Those that FORMAT.md names. Whatever else stands there is no verdict, and no state of a row.
std::optional<RowState> verdict_of(std::uint32_t number) {
  for (const RowState state :
       {RowState::kReady, RowState::kHeld, RowState::kDead, RowState::kArchived}) {
    if (number == static_cast<std::uint32_t>(state)) return state;
  }
  return std::nullopt;
}

// Ranges with nothing in them acknowledge nothing.
void read_ranges(std::span<const std::byte> payload, Verdicts::Known& known) {
  for (std::size_t i = MessageId::kBytes; i + 16 <= payload.size(); i += 16) {
    const ByteRange range{load_le<std::uint64_t>(payload, i),
                          load_le<std::uint64_t>(payload, i + 8)};
    if (range.begin < range.end) known.acked[load_id(payload, 0)].push_back(range);
  }
}

void read_message(std::span<const std::byte> payload, Verdicts::Known& known) {
  if (payload.size() < 56) return;
  const auto state = verdict_of(load_le<std::uint32_t>(payload, 16));
  if (!state) return;
  Verdicts::OfMessage verdict;
  verdict.state = *state;
  verdict.due_ms = load_le<std::int64_t>(payload, 24);
  verdict.counters = {load_le<std::int64_t>(payload, 32), load_le<std::int64_t>(payload, 40),
                      load_le<std::int64_t>(payload, 48)};
  for (const std::byte b : payload.subspan(56)) verdict.reason += static_cast<char>(b);
  known.messages[load_id(payload, 0)] = std::move(verdict);
}

std::string message_payload(const MessageId& id, const Verdicts::OfMessage& verdict) {
  std::string payload;
  put(payload, id);
  put(payload, static_cast<std::uint32_t>(verdict.state));
  put(payload, std::uint32_t{0});
  put(payload, verdict.due_ms);
  put(payload, verdict.counters.deliveries);
  put(payload, verdict.counters.failures);
  put(payload, verdict.counters.redrives);
  payload += verdict.reason.substr(0, 4096);
  return payload;
}

// The entry that begins at `at`; false if none does that verifies.
bool read_entry(File& file, std::uint64_t at, std::uint64_t size, std::vector<std::byte>& entry) {
  std::byte head[8];
  if (file.read_at(head, at) < sizeof head) return false;
  const auto kind = load_le<std::uint32_t>(head, 0);
  const auto length = load_le<std::uint32_t>(head, 4);
  if (kind == 0 || kind > kMostKinds || length > kLongestPayload) return false;
  if (at + kEntryOverhead + length > size) return false;
  entry.resize(kEntryOverhead + length);
  if (file.read_at(entry, at) < entry.size()) return false;
  return load_le<std::uint64_t>(entry, 8 + length) ==
         XXH3_64bits_withSeed(entry.data(), 8 + length, at + 1);
}

}  // namespace

std::vector<ByteRange> merged(std::vector<ByteRange> ranges, std::uint64_t gap) {
  std::sort(ranges.begin(), ranges.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.begin < b.begin; });
  std::vector<ByteRange> out;
  for (const ByteRange& range : ranges) {
    if (!out.empty() && range.begin <= out.back().end + gap) {
      out.back().end = std::max(out.back().end, range.end);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

bool Verdicts::Known::is_acked(const MessageId& file, std::uint64_t offset) const {
  const auto found = acked.find(file);
  if (found == acked.end()) return false;
  const auto after =
      std::upper_bound(found->second.begin(), found->second.end(), offset,
                       [](std::uint64_t at, const ByteRange& range) { return at < range.begin; });
  return after != found->second.begin() && offset < std::prev(after)->end;
}

Verdicts::Known Verdicts::load() {
  Known known;
  const std::unique_ptr<File> file = dir_.dir().open(names::kVerdicts, Access::kRead);
  if (!file) return known;
  const std::uint64_t size = file->status().size;
  std::vector<std::byte> entry;
  for (std::uint64_t at = 0; at + kEntryOverhead <= size;) {
    if (!read_entry(*file, at, size, entry)) {
      ++at;  // damaged: the next whole entry may begin anywhere
      continue;
    }
    const auto kind = load_le<std::uint32_t>(entry, 0);
    const std::size_t length = entry.size() - kEntryOverhead;
    const auto payload = std::span<const std::byte>(entry).subspan(8, length);
    if (kind == kAckedRanges) {
      read_ranges(payload, known);
    } else if (kind == kMessage) {
      read_message(payload, known);
    } else if (kind == kMark && length == 16) {
      known.generation = load_le<std::uint64_t>(payload, 0);
      known.transaction = load_le<std::uint64_t>(payload, 8);
    }
    ++known.entries;
    at += entry.size();
    known.valid_bytes = at;
  }
  for (auto& [id, ranges] : known.acked) ranges = merged(std::move(ranges), 0);
  return known;
}

void Verdicts::Batch::acked(const MessageId& file, const std::vector<ByteRange>& ranges) {
  for (std::size_t i = 0; i < ranges.size(); i += kMostRangesPerEntry) {
    std::string payload;
    put(payload, file);
    for (std::size_t j = i; j < std::min(i + kMostRangesPerEntry, ranges.size()); ++j) {
      put(payload, ranges[j].begin);
      put(payload, ranges[j].end);
    }
    entries_.push_back({kAckedRanges, std::move(payload)});
  }
}

void Verdicts::Batch::message(const MessageId& id, const OfMessage& verdict) {
  entries_.push_back({kMessage, message_payload(id, verdict)});
}

void Verdicts::Batch::mark(std::uint64_t generation, std::uint64_t transaction) {
  std::string payload;
  put(payload, generation);
  put(payload, transaction);
  entries_.push_back({kMark, std::move(payload)});
}

namespace {
// Bytes that stand at `at` of the file, entry after entry.
template <typename Entries>
std::string encode_all(const Entries& entries, std::uint64_t at) {
  std::string bytes;
  for (const auto& entry : entries) {
    bytes += encode_entry(entry.kind, entry.payload, at + bytes.size());
  }
  return bytes;
}
}  // namespace

void Verdicts::append(const Batch& batch) {
  std::unique_ptr<File> file = dir_.dir().open(names::kVerdicts, Access::kReadWrite);
  if (!file || file->status().size == 0) file = make();
  const FileStatus status = file->status();
  std::uint64_t end = status.size;
  if (status.inode != known_inode_ || status.size != known_end_) {
    // Behind an entry that a kill or a power cut has torn, nothing would ever be read.
    end = load().valid_bytes;
    if (end < status.size) file->truncate(end);
  }
  const std::string bytes = encode_all(batch.entries_, end);
  file->write_at(as_bytes(bytes), end);
  file->sync_data();
  known_inode_ = status.inode;
  known_end_ = end + bytes.size();
}

// Its name is durable before anything is in it; an empty one may be what a failed sync left.
std::unique_ptr<File> Verdicts::make() {
  dir_.dir().unlink(names::kVerdicts);
  std::unique_ptr<File> file = dir_.create(dir_.dir(), names::kVerdicts, IfExists::kFail);
  dir_.dir().sync();
  return file;
}

void Verdicts::compact(const std::function<bool(const MessageId&)>& file_exists,
                       const std::function<bool(const MessageId&)>& message_exists) {
  const Known known = load();
  Batch kept;
  for (const auto& [file, ranges] : known.acked) {
    if (file_exists(file)) kept.acked(file, ranges);
  }
  for (const auto& [id, verdict] : known.messages) {
    if (message_exists(id)) kept.message(id, verdict);
  }
  kept.mark(known.generation, known.transaction);
  const std::string temporary = std::string(names::kVerdicts) + ".new";
  dir_.dir().unlink(temporary);
  const std::unique_ptr<File> file = dir_.create(dir_.dir(), temporary, IfExists::kFail);
  file->write_at(as_bytes(encode_all(kept.entries_, 0)), 0);
  file->sync();
  dir_.dir().rename_over(temporary, dir_.dir(), names::kVerdicts);
  dir_.dir().sync();
}

std::uint64_t Verdicts::size() {
  const auto status = dir_.dir().status(names::kVerdicts);
  return status ? status->size : 0;
}

}  // namespace spoolmq
