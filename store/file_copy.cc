#include "store/file_copy.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/checksum.h"
#include "core/names.h"

namespace spoolmq {
namespace {

constexpr std::size_t kPieceBytes = 1 << 20;

}  // namespace

void copy_file(File& from, std::uint64_t length, File& to) {
  if (to.clone_from(from)) {
    if (to.status().size > length) to.truncate(length);
  } else {
    std::vector<std::byte> piece(
        static_cast<std::size_t>(std::clamp<std::uint64_t>(length, 1, kPieceBytes)));
    for (std::uint64_t at = 0; at < length;) {
      const std::size_t wanted =
          static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), length - at));
      const std::size_t got = from.read_at(std::span(piece).first(wanted), at);
      if (got == 0) break;
      to.write_at(std::span(piece).first(got), at);
      at += got;
    }
  }
  to.sync_data();
}

void copy_named(Dir& from, std::string_view name, QueueDir& to, Dir& into) {
  const std::unique_ptr<File> original = from.open(name, Access::kRead);
  if (original) copy_file(*original, kWholeFile, *to.create(into, name, IfExists::kFail));
}

void copy_kept_bytes(Dir& from, QueueDir& to) {
  const std::unique_ptr<Dir> kept = from.open_dir(names::kCorrupt);
  if (!kept) return;
  std::vector<std::string> files;
  kept->list([&](std::string_view name) {
    if (!names::parse_index_file(name)) files.emplace_back(name);
    return true;
  });
  if (files.empty()) return;
  const std::unique_ptr<Dir> into = to.made(names::kCorrupt);
  for (const std::string& name : files) {
    const auto status = kept->status(name);
    if (status && status->kind == FileKind::kRegular) copy_named(*kept, name, to, *into);
  }
  into->sync();
}

FileDigest digest_file(File& file) {
  FileDigest digest;
  ChecksumStream sum;
  std::vector<std::byte> piece(kPieceBytes);
  while (const std::size_t got = file.read_at(piece, digest.bytes)) {
    sum.add(std::span(piece).first(got));
    digest.bytes += got;
  }
  digest.checksum = sum.value();
  return digest;
}

}  // namespace spoolmq
