#include "store/spool_list.h"

#include <algorithm>
#include <string>

#include "core/checksum.h"

namespace spoolmq {
namespace {

constexpr int kShards = 256;

void add_spool_files(Dir& shard, bool bodies, std::vector<names::SpoolName>& files) {
  shard.list([&](std::string_view entry) {
    const auto name = names::parse_spool_file(entry);
    if (name && (name->kind == names::SpoolKind::kBody) == bodies) files.push_back(*name);
    return true;
  });
}

}  // namespace

void for_each_shard(Dir& messages, const std::function<void(std::uint8_t number, Dir&)>& visit) {
  for (int number = 0; number < kShards; ++number) {
    const auto shard = static_cast<std::uint8_t>(number);
    const std::unique_ptr<Dir> dir = messages.open_dir(names::shard_directory(shard));
    if (dir) visit(shard, *dir);
  }
}

std::vector<names::SpoolName> list_spool_files(Dir& shard) {
  std::vector<names::SpoolName> files;
  add_spool_files(shard, false, files);
  add_spool_files(shard, true, files);
  std::sort(files.begin(), files.end(), [](const names::SpoolName& a, const names::SpoolName& b) {
    return a.file != b.file ? a.file < b.file : a.kind < b.kind;
  });
  return files;
}

SpoolDigest digest_spool_files(Dir& messages) {
  SpoolDigest digest;
  ChecksumStream sum;
  for_each_shard(messages, [&](std::uint8_t number, Dir& shard) {
    const std::string directory = names::shard_directory(number);
    for (const names::SpoolName& file : list_spool_files(shard)) {
      const std::string name = names::spool_file(file.file, file.kind);
      const auto status = shard.status(name);
      if (!status) continue;
      ++digest.files;
      digest.bytes += status->size;
      sum.add(as_bytes(directory + "/" + name + " " + std::to_string(status->size) + "\n"));
    }
  });
  digest.names = sum.value();
  return digest;
}

}  // namespace spoolmq
