#include "store/own_file.h"

#include <span>
#include <utility>

#include "core/record_codec.h"
#include "core/xml_codec.h"
#include "store/spool_scan.h"

namespace spoolmq {

Location encode_own_file(const OwnFile& made, const Message& message, std::uint16_t flags,
                         std::vector<std::byte>& bytes) {
  Location at{made.file, made.kind, 0, 0};
  if (made.kind == names::SpoolKind::kXml) {
    const std::string text = xml::encode(message, flags);
    const auto encoded = as_bytes(text);
    bytes.assign(encoded.begin(), encoded.end());
    at.length = bytes.size();
    return at;
  }
  bytes.resize(record::kFileHeaderBytes + record::kGroupHeaderBytes);
  record::encode_file_header(
      {made.file, made.incarnation, made.made_at_ms, record::FileUse::kSingle}, bytes);
  at.offset = bytes.size();
  record::encode(message, flags, made.file, at.offset, bytes);
  at.length = bytes.size() - at.offset;
  record::encode_group_header(
      {1, 1, at.length}, made.file, record::kFileHeaderBytes,
      std::span(bytes).subspan(record::kFileHeaderBytes, record::kGroupHeaderBytes));
  return at;
}

std::optional<OwnMessage> read_own_file(File& file, const MessageId& id, names::SpoolKind kind) {
  const std::uint64_t size = file.status().size;
  if (kind == names::SpoolKind::kXml) {
    if (size > xml::kMaxFileBytes) return std::nullopt;
    std::vector<std::byte> bytes(size);
    bytes.resize(file.read_at(bytes, 0));
    auto decoded = xml::decode({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    auto* const good = std::get_if<xml::Decoded>(&decoded);
    if (good == nullptr) return std::nullopt;
    return OwnMessage{std::move(good->message), good->flags, {id, kind, 0, bytes.size()}};
  }
  std::optional<OwnMessage> found;
  scan_segment(file, id, record::kFileHeaderBytes, size, size, [&](ScannedRecord&& one) {
    found = OwnMessage{std::move(one.message), one.flags, one.at};
  });
  return found;
}

}  // namespace spoolmq
