#pragma once
// The bytes of a spool file that one message has for itself, binary or XML (FORMAT.md sections 3
// and 5). Such a file is sealed as soon as it is written.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/file_system.h"
#include "core/names.h"
#include "spoolmq/message.h"
#include "store/index.h"

namespace spoolmq {

struct OwnFile {
  MessageId file;
  names::SpoolKind kind = names::SpoolKind::kBinary;  // or kXml
  std::uint64_t incarnation = 0;                      // of the handle that writes it
  std::int64_t made_at_ms = 0;
};

// Appends the whole file to `bytes`, which is empty; returns where the message's record is.
Location encode_own_file(const OwnFile& made, const Message& message, std::uint16_t flags,
                         std::vector<std::byte>& bytes);

struct OwnMessage {
  Message message;
  std::uint16_t flags = 0;  // record::RecordFlags
  Location at;
};
// nullopt: it does not verify.
std::optional<OwnMessage> read_own_file(File& file, const MessageId& id, names::SpoolKind kind);

}  // namespace spoolmq
