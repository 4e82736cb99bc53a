#include "store/quarantine.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <vector>

#include "core/log.h"
#include "core/names.h"
#include "spoolmq/error.h"

namespace spoolmq {
namespace {

// Throws where they cannot be kept.
void keep_range_aside(QueueDir& dir, File& file, const MessageId& id, std::string_view kind,
                      ByteRange range) {
  std::vector<std::byte> bytes(std::min<std::uint64_t>(range.end - range.begin, kMostBytesKept));
  bytes.resize(file.read_at(bytes, range.begin));
  const auto last =
      std::find_if(bytes.rbegin(), bytes.rend(), [](std::byte b) { return b != std::byte{0}; });
  bytes.resize(static_cast<std::size_t>(std::distance(last, bytes.rend())));
  if (bytes.empty()) return;
  const std::string name = id.text() + "." + std::string(kind) + "-" + std::to_string(range.begin);
  keep_aside(dir, name, bytes,
             std::string(kind) + " in " + names::spool_file(id, names::SpoolKind::kBinary) +
                 " at byte " + std::to_string(range.begin) + "\n");
  log::warn("bytes kept aside", {{"file", id.text()}, {"as", name}, {"bytes", bytes.size()}});
}

}  // namespace

void keep_aside(QueueDir& dir, const std::string& name, std::span<const std::byte> bytes,
                std::string_view reason) {
  if (bytes.empty()) return;
  const std::unique_ptr<Dir> corrupt = dir.made(names::kCorrupt);
  const auto there = corrupt->status(name);
  if (there && there->size >= bytes.size()) return;
  dir.create(*corrupt, name + ".reason", IfExists::kOpen)->write_at(as_bytes(reason), 0);
  const std::unique_ptr<File> kept = dir.create(*corrupt, name, IfExists::kOpen);
  kept->write_at(bytes, 0);
  kept->sync();
  corrupt->sync();
}

bool try_keep_range_aside(QueueDir& dir, File& file, const MessageId& id, std::string_view kind,
                          ByteRange range) {
  try {
    keep_range_aside(dir, file, id, kind, range);
    return true;
  } catch (const Error& error) {
    log::error("bytes not kept aside",
               {{"file", id.text()}, {"from", range.begin}, {"why", error.what()}});
    return false;
  }
}

void keep_damaged_aside(QueueDir& dir, File& file, const MessageId& id,
                        const std::vector<ByteRange>& damaged,
                        const std::vector<ByteRange>& acked) {
  for (const ByteRange& range : damaged) {
    std::uint64_t begin = range.begin;
    for (const ByteRange& done : acked) {
      if (done.end <= begin || done.begin >= range.end) continue;
      if (done.begin > begin) try_keep_range_aside(dir, file, id, "damaged", {begin, done.begin});
      begin = done.end;
    }
    if (begin < range.end) try_keep_range_aside(dir, file, id, "damaged", {begin, range.end});
  }
}

}  // namespace spoolmq
