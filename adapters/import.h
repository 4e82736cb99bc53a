#pragma once
// One pass over a directory: every regular file in it that is finished becomes a message of the
// queue, once, oldest first. Symbolic links, directories and devices are not looked at.
// After a cut anywhere, the next pass goes on: no file is lost, none is imported twice (the ids are
// in imports.db before the send, and the queue knows an id for 7 days).
// Headers of a message: name, path (relative to the directory), mtime (UTC), mode (octal), owner
// (uid). Bytes of a name that are not UTF-8 are shown as '?' in them.
// Throws Error. Not thread-safe; passes over the same directory may run at the same time.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/import_identity.h"
#include "core/clock.h"
#include "core/file_system.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

enum class AfterImport : std::uint8_t { kRemove, kKeep, kMoveToDone };

struct ImportOptions {
  std::chrono::milliseconds quiet_for{2'000};  // younger files are left
  std::vector<std::string> include;            // shell patterns; none: every name
  std::vector<std::string> exclude;
  AfterImport after = AfterImport::kRemove;
  Dir* done = nullptr;    // for kMoveToDone; on the directory's file system
  Dir* errors = nullptr;  // for files that the queue refuses; null: they stay. Likewise
  // After an imported file's message is durable, before the file goes.
  std::function<void(const MessageId& id, const std::string& name, std::uint64_t size)> on_imported;
  std::function<void(const std::string& name, const Error& why)> on_refused;
};

struct ImportReport {
  std::size_t imported = 0;
  std::size_t refused = 0;          // by the queue, as bad data
  std::size_t left_unfinished = 0;  // the name looks temporary
  std::size_t left_unsettled = 0;   // open for writing, too young, or changed while it was read
  std::size_t left_unreadable = 0;  // no permission
  std::optional<Error> stopped;     // the queue takes no more now: the rest was not tried
  [[nodiscard]] std::size_t left() const {
    return left_unfinished + left_unsettled + left_unreadable;
  }
};

ImportReport import_pass(Queue& queue, Dir& source, ImportIdentity& identity, const Clock& clock,
                         const ImportOptions& options);

}  // namespace spoolmq::adapters
