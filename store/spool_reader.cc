#include "store/spool_reader.h"

#include <algorithm>
#include <numeric>

#include "core/record_codec.h"
#include "core/xml_codec.h"
#include "store/large_body.h"

namespace spoolmq {
namespace {

constexpr std::size_t kOpenFiles = 16;
constexpr std::uint64_t kReadTogetherBytes = 1 << 20;

// Blocks that were allocated and never reached the device read as zeros; a record never does.
bool is_blank(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

std::shared_ptr<File> SpoolReader::open(const Location& at) {
  {
    const std::lock_guard guard(mutex_);
    const auto found = std::find_if(open_.begin(), open_.end(),
                                    [&](const auto& entry) { return entry.first == at.file; });
    if (found != open_.end()) {
      open_.splice(open_.begin(), open_, found);
      return open_.front().second;
    }
  }
  Dir* const shard = dir_.existing_shard(at.file.shard());
  if (shard == nullptr) return nullptr;
  std::shared_ptr<File> file = shard->open(names::spool_file(at.file, at.kind), Access::kRead);
  if (!file) return nullptr;
  const std::lock_guard guard(mutex_);
  open_.emplace_front(at.file, file);
  if (open_.size() > kOpenFiles) open_.pop_back();
  return file;
}

void SpoolReader::forget(const MessageId& file) {
  const std::lock_guard guard(mutex_);
  open_.remove_if([&](const auto& entry) { return entry.first == file; });
}

Loaded SpoolReader::load(const MessageId& id, const Location& at) {
  const Wanted wanted{id, at};
  return std::move(load(std::span(&wanted, 1)).front());
}

Loaded SpoolReader::load_xml(const MessageId& id, const Location& at) {
  Dir* const shard = dir_.existing_shard(at.file.shard());
  if (shard == nullptr) return Damage::kMissing;
  const auto bytes = read_file(*shard, names::spool_file(at.file, at.kind), xml::kMaxFileBytes);
  if (!bytes) return Damage::kMissing;
  auto decoded = xml::decode(*bytes);
  auto* const good = std::get_if<xml::Decoded>(&decoded);
  if (good == nullptr) return is_blank(as_bytes(*bytes)) ? Damage::kMissing : Damage::kChecksum;
  if (good->message.id != id) return Damage::kOther;
  return std::move(good->message);
}

std::vector<Loaded> SpoolReader::load(std::span<const Wanted> wanted) {
  std::vector<Loaded> loaded(wanted.size(), Damage::kMissing);
  std::vector<std::size_t> order(wanted.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const Location& left = wanted[a].at;
    const Location& right = wanted[b].at;
    return left.file != right.file ? left.file < right.file : left.offset < right.offset;
  });
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < order.size();) {
    const Location& first = wanted[order[i]].at;
    if (first.kind == names::SpoolKind::kXml) {
      loaded[order[i]] = load_xml(wanted[order[i]].id, first);
      ++i;
      continue;
    }
    std::size_t last = i;
    std::uint64_t end = first.offset + first.length;
    while (last + 1 < order.size()) {
      const Location& next = wanted[order[last + 1]].at;
      // A group header may stand between two records.
      if (next.file != first.file || next.offset > end + record::kGroupHeaderBytes ||
          next.offset + next.length - first.offset > kReadTogetherBytes) {
        break;
      }
      end = next.offset + next.length;
      ++last;
    }
    const std::shared_ptr<File> file = open(first);
    bytes.resize(end - first.offset);
    const std::size_t got = file ? file->read_at(bytes, first.offset) : 0;
    for (; i <= last; ++i) {
      const Wanted& one = wanted[order[i]];
      const std::uint64_t from = one.at.offset - first.offset;
      if (!file || from + one.at.length > got) continue;
      auto decoded =
          record::decode(std::span(bytes).subspan(from, one.at.length), one.at.file, one.at.offset);
      if (!decoded) {
        const bool blank = is_blank(std::span(bytes).subspan(from, one.at.length));
        loaded[order[i]] = blank ? Damage::kMissing : Damage::kChecksum;
      } else if (decoded->message.id != one.id) {
        loaded[order[i]] = Damage::kOther;
      } else {
        loaded[order[i]] = std::move(decoded->message);
      }
    }
  }
  return loaded;
}

std::unique_ptr<BodyReader> SpoolReader::open_body(const MessageId& file, const LargeBody& body) {
  Dir* const shard = dir_.existing_shard(file.shard());
  const std::string name = names::spool_file(file, names::SpoolKind::kBody);
  std::unique_ptr<File> bytes = shard != nullptr ? shard->open(name, Access::kRead) : nullptr;
  if (!bytes) {
    throw Error(ErrorCode::kNotFound, "open the body", name, "it is gone");
  }
  return read_large_body(std::move(bytes), body, name);
}

std::vector<std::byte> SpoolReader::raw(const Location& at, std::uint64_t longest) {
  const std::shared_ptr<File> file = open(at);
  if (!file) return {};
  const std::uint64_t size = file->status().size;
  const std::uint64_t begin = std::min(at.offset, size);
  std::uint64_t length = at.kind == names::SpoolKind::kXml ? size : at.length;
  length = std::min({length, size - begin, longest});
  std::vector<std::byte> bytes(length);
  bytes.resize(file->read_at(bytes, begin));
  return bytes;
}

}  // namespace spoolmq
