#pragma once
// Sends claimed files, in their order. The ids were durable before, so whatever a cut leaves may be
// sent again.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "adapters/import_identity.h"
#include "adapters/import_settings.h"
#include "core/file_system.h"
#include "spoolmq/message.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

enum class SendOutcome : std::uint8_t {
  kNotTried,
  kKnown,       // the claim found it done or kept: nothing was sent
  kSent,        // its message is durable
  kChanged,     // somebody wrote to the file while it was read: nothing was sent
  kUnreadable,  // nothing was sent
  kRefused,
};

struct ImportEntry {
  ImportClaim claim;  // a link may move the file's time of change: then `file` has the new one
  Message message;
  std::unique_ptr<File> large;  // read while it is sent; null: the message has the body
  SendOutcome outcome = SendOutcome::kNotTried;
  std::optional<Error> refusal;  // where the outcome is kRefused
};

// Headers that tell where the message comes from; no body. `head`: the file's first bytes.
Message message_of(const std::string& path, const FileStatus& status, std::string_view source,
                   std::string_view head, std::int64_t wall_ms, const ImportSettings& settings);

// One of them never holds up the others.
void log_unreadable(const std::string& path, const Error& error);

// Whatever the queue's setting: the file is removed for good once its message is sent.
SendOptions durably();

// Many small entries or a single large one; each gets its outcome. Returns why the queue takes no
// more (Error kTryAgain), if so; other errors are thrown.
std::optional<Error> send_entries(Queue& queue, std::span<ImportEntry> entries,
                                  const ImportSettings& settings);

}  // namespace spoolmq::adapters
