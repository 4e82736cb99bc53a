#include "store/spool_scan.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>

namespace spoolmq {
namespace {

using record::kAlignment;
using record::kGroupHeaderBytes;

constexpr std::uint64_t kWindowBytes = 1 << 20;

// What of a file is looked at, front to back, by few reads. Below `limit` nothing changes any more;
// not one byte behind it is read.
class Window {
 public:
  Window(File& file, std::uint64_t limit) : file_(file), limit_(limit) {}

  // Those bytes, or as many of them as there are; until the next call.
  std::span<const std::byte> read(ByteRange range) {
    range.end = std::min(range.end, limit_);
    if (range.begin >= range.end) return {};
    if (range.begin < begin_ || range.end > begin_ + size_) fill(range);
    const std::uint64_t from = range.begin - begin_;
    if (from >= size_) return {};
    return {bytes_.get() + from, std::min<std::size_t>(size_ - from, range.end - range.begin)};
  }

  // How far the file can be read, at most to the limit, by who begins at `from`. Not by fstat(2)
  // where a read tells as much: since Linux 6.13 a file that was looked at gets a time of its own
  // with its next write (multigrain timestamps), and then its writer's next sync has an inode to
  // write, too.
  std::uint64_t readable_end(std::uint64_t from) {
    if (limit_ <= from) return limit_;
    const std::uint64_t begin = limit_ - from <= kWindowBytes ? from : limit_ - 1;
    if (read({begin, limit_}).size() == limit_ - begin) return limit_;
    return std::min(limit_, file_.status().size);
  }

 private:
  void fill(ByteRange range) {
    const std::uint64_t end = std::min(std::max(range.end, range.begin + kWindowBytes), limit_);
    if (end - range.begin > room_) {
      room_ = end - range.begin;
      bytes_ = std::make_unique_for_overwrite<std::byte[]>(room_);
    }
    begin_ = range.begin;
    size_ = file_.read_at({bytes_.get(), end - range.begin}, range.begin);
  }

  File& file_;
  const std::uint64_t limit_;
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t room_ = 0;
  std::uint64_t begin_ = 0;  // of what is in `bytes_`, in the file
  std::size_t size_ = 0;
};

bool only_zeros(Window& window, ByteRange range) {
  for (std::uint64_t at = range.begin; at < range.end; at += kWindowBytes) {
    const auto bytes = window.read({at, std::min(at + kWindowBytes, range.end)});
    if (!std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; })) return false;
  }
  return true;
}

struct Group {
  std::uint64_t at = 0;
  record::GroupHeader header;
  [[nodiscard]] std::uint64_t begin() const { return at + kGroupHeaderBytes; }
  [[nodiscard]] std::uint64_t end() const { return begin() + header.length; }
};

class Scanner {
 public:
  Scanner(Window& window, const MessageId& id, std::uint64_t limit)
      : window_(window), id_(id), limit_(limit) {}

  std::optional<Group> group_at(std::uint64_t at) {
    return group_of(window_.read({at, at + kGroupHeaderBytes}), at);
  }

  std::optional<Group> next_group_after(std::uint64_t at) {
    for (std::uint64_t from = at; from < limit_; from += kWindowBytes) {
      const auto bytes = window_.read({from, from + kWindowBytes + kGroupHeaderBytes});
      for (std::size_t i = 0; i + kGroupHeaderBytes <= bytes.size() && i < kWindowBytes;
           i += kAlignment) {
        if (const auto group = group_of(bytes.subspan(i, kGroupHeaderBytes), from + i)) {
          return group;
        }
      }
    }
    return std::nullopt;
  }

  // Every record of the range that verifies, and what lies between them.
  struct Found {
    std::vector<ScannedRecord> records;
    std::vector<ByteRange> damaged;
    std::vector<std::pair<MessageId, Location>> corrupt;
  };
  Found records_in(ByteRange range) {
    const std::span<const std::byte> bytes = window_.read(range);
    Found found;
    std::vector<ScannedRecord>& records = found.records;
    std::uint64_t bad_from = range.begin;
    const auto close_damage = [&](std::uint64_t up_to) {
      if (up_to > bad_from) found.damaged.push_back({bad_from, up_to});
    };
    std::size_t at = 0;
    while (at < bytes.size()) {
      const std::uint64_t offset = range.begin + at;
      auto decoded = record::decode(bytes.subspan(at), id_, offset);
      if (!decoded) {
        const auto header = record::decode_header(bytes.subspan(at), id_, offset);
        if (header && at + header->size <= bytes.size()) {
          found.corrupt.push_back(
              {header->id, {id_, names::SpoolKind::kBinary, offset, header->size}});
          at += header->size;
        } else {
          at += kAlignment;
        }
        continue;
      }
      close_damage(offset);
      const std::size_t size = decoded->size;
      records.push_back({{id_, names::SpoolKind::kBinary, offset, size},
                         std::move(decoded->message),
                         decoded->flags});
      at += size;
      bad_from = range.begin + at;
    }
    close_damage(range.end);
    return found;
  }

 private:
  std::optional<Group> group_of(std::span<const std::byte> bytes, std::uint64_t at) const {
    if (bytes.size() < kGroupHeaderBytes) return std::nullopt;
    const auto header = record::decode_group_header(bytes, id_, at);
    if (!header || at + kGroupHeaderBytes + header->length > limit_) return std::nullopt;
    return Group{at, *header};
  }

  Window& window_;
  const MessageId& id_;
  const std::uint64_t limit_;
};

}  // namespace

Location own_record_of(const MessageId& id, std::uint64_t file_size) {
  constexpr std::uint64_t kAt = record::kFileHeaderBytes + kGroupHeaderBytes;
  return {id, names::SpoolKind::kBinary, kAt, file_size > kAt ? file_size - kAt : 0};
}

bool is_own_file(File& file, const MessageId& id) {
  std::byte bytes[record::kFileHeaderBytes] = {};
  file.read_at(bytes, 0);
  const auto header = record::decode_file_header(bytes, id);
  if (!header || header->use != record::FileUse::kSingle) return false;
  const std::uint64_t size = file.status().size;
  Window window(file, size);
  return !only_zeros(window, {record::kFileHeaderBytes, size});
}

ScanResult scan_segment(File& file, const MessageId& id, std::uint64_t from, std::uint64_t limit,
                        std::uint64_t promised_end,
                        const std::function<void(ScannedRecord&&)>& visit) {
  Window window(file, limit);
  limit = window.readable_end(from);
  promised_end = std::min(promised_end, limit);
  Scanner scanner(window, id, limit);
  ScanResult result;
  result.valid_end = from;
  while (result.valid_end < limit) {
    const std::uint64_t at = result.valid_end;
    Scanner::Found found;
    std::uint64_t end = 0;
    if (const auto group = scanner.group_at(at)) {
      found = scanner.records_in({group->begin(), group->end()});
      end = group->end();
      if (!found.damaged.empty() && at >= promised_end && !scanner.next_group_after(end)) {
        result.has_tail = true;  // the last group, and not all of it arrived
        break;
      }
    } else {
      const auto next = scanner.next_group_after(at + kAlignment);
      if (!next && at >= promised_end) {
        result.has_tail = !only_zeros(window, {at, limit});
        break;
      }
      end = next ? next->at : limit;
      found = scanner.records_in({at, end});
    }
    for (ScannedRecord& record : found.records) visit(std::move(record));
    result.damaged.insert(result.damaged.end(), found.damaged.begin(), found.damaged.end());
    result.corrupt.insert(result.corrupt.end(), found.corrupt.begin(), found.corrupt.end());
    result.valid_end = end;
  }
  return result;
}

}  // namespace spoolmq
