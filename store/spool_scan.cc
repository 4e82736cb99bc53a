#include "store/spool_scan.h"

#include <algorithm>
#include <optional>

namespace spoolmq {
namespace {

using record::kAlignment;
using record::kGroupHeaderBytes;

constexpr std::uint64_t kWindowBytes = 1 << 20;

std::vector<std::byte> read_range(File& file, ByteRange range) {
  std::vector<std::byte> bytes(range.end - range.begin);
  bytes.resize(file.read_at(bytes, range.begin));
  return bytes;
}

// How far the file can be read, at most to `limit`. Not by fstat(2) where a read tells as much:
// since Linux 6.13 a file that was looked at gets a time of its own with its next write (multigrain
// timestamps), and then its writer's next sync has an inode to write, too.
std::uint64_t readable_end(File& file, std::uint64_t limit) {
  std::byte last{};
  if (limit > 0 && file.read_at({&last, 1}, limit - 1) == 1) return limit;
  return std::min(limit, file.status().size);
}

bool only_zeros(File& file, ByteRange range) {
  for (std::uint64_t at = range.begin; at < range.end; at += kWindowBytes) {
    const std::vector<std::byte> bytes =
        read_range(file, {at, std::min(at + kWindowBytes, range.end)});
    if (std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{0}; })) {
      return false;
    }
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
  Scanner(File& file, const MessageId& id, std::uint64_t limit)
      : file_(file), id_(id), limit_(limit) {}

  std::optional<Group> group_at(std::uint64_t at) {
    if (at + kGroupHeaderBytes > limit_) return std::nullopt;
    std::byte bytes[kGroupHeaderBytes];
    if (file_.read_at(bytes, at) < sizeof bytes) return std::nullopt;
    const auto header = record::decode_group_header(bytes, id_, at);
    if (!header || at + kGroupHeaderBytes + header->length > limit_) return std::nullopt;
    return Group{at, *header};
  }

  std::optional<Group> next_group_after(std::uint64_t at) {
    for (std::uint64_t window = at; window < limit_; window += kWindowBytes) {
      const std::vector<std::byte> bytes =
          read_range(file_, {window, std::min(window + kWindowBytes + kGroupHeaderBytes, limit_)});
      for (std::size_t i = 0; i + kGroupHeaderBytes <= bytes.size() && i < kWindowBytes;
           i += kAlignment) {
        const auto one = std::span(bytes).subspan(i, kGroupHeaderBytes);
        if (record::decode_group_header(one, id_, window + i)) {
          if (const auto group = group_at(window + i)) return group;
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
    const std::vector<std::byte> bytes = read_range(file_, range);
    Found found;
    std::vector<ScannedRecord>& records = found.records;
    std::uint64_t bad_from = range.begin;
    const auto close_damage = [&](std::uint64_t up_to) {
      if (up_to > bad_from) found.damaged.push_back({bad_from, up_to});
    };
    std::size_t at = 0;
    while (at < bytes.size()) {
      const std::uint64_t offset = range.begin + at;
      auto decoded = record::decode(std::span(bytes).subspan(at), id_, offset);
      if (!decoded) {
        const auto header = record::decode_header(std::span(bytes).subspan(at), id_, offset);
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
  File& file_;
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
  return header && header->use == record::FileUse::kSingle &&
         !only_zeros(file, {record::kFileHeaderBytes, file.status().size});
}

ScanResult scan_segment(File& file, const MessageId& id, std::uint64_t from, std::uint64_t limit,
                        std::uint64_t promised_end,
                        const std::function<void(ScannedRecord&&)>& visit) {
  limit = readable_end(file, limit);
  promised_end = std::min(promised_end, limit);
  Scanner scanner(file, id, limit);
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
        result.has_tail = !only_zeros(file, {at, limit});
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
