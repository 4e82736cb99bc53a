#pragma once
// One pass that turns the messages of a queue into files of a directory, in the order of delivery,
// until the queue has none or the limit is reached. A file appears under its name complete and
// synced, or not at all; its message is acknowledged after that is durable. A message that comes
// again because a pass was cut short does not appear twice (export_identity.h).
// Throws Error. Not thread-safe; passes may run at the same time.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/export_identity.h"
#include "adapters/export_name.h"
#include "core/file_system.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

enum class IfTaken : std::uint8_t {
  kFail,     // the message stays in the queue and is counted
  kSuffix,   // stem.1.ext, stem.2.ext, …
  kReplace,  // the older file goes
  kSkip,     // the older file stays; the message is acknowledged
};

struct ExportOptions {
  NameTemplate name = NameTemplate::parse(kDefaultNameTemplate);
  IfTaken if_taken = IfTaken::kFail;
  std::uint32_t mode = 0644;         // exactly these permission bits
  std::optional<std::size_t> limit;  // of messages exported or skipped
  // After the message is acknowledged.
  std::function<void(const MessageId& id, const std::string& name)> on_exported;
  std::function<void(const MessageId& id, const std::string& name, std::string_view why)> on_left;
};

struct ExportReport {
  std::size_t exported = 0;
  std::size_t skipped = 0;
  std::size_t left = 0;
  bool stopped = false;  // too many were left: the rest was not tried
};

ExportReport export_pass(Queue& queue, Dir& target, ExportIdentity& identity,
                         const ExportOptions& options);

}  // namespace spoolmq::adapters
