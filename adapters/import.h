#pragma once
// What an import reports while it works: each file's fate as it is decided, and what the last look
// left where it was.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "spoolmq/error.h"
#include "spoolmq/id.h"

namespace spoolmq::adapters {

struct ImportReport {
  std::size_t imported = 0;          // files, since the start
  std::size_t refused = 0;           // files or records put aside as bad data, since the start
  std::size_t without_records = 0;   // of those imported: nothing was in them to be sent
  std::size_t kept_for_records = 0;  // likewise: they stay, being all that is left of bad records
  std::size_t left_unfinished = 0;   // by the last look: the name looks temporary
  std::size_t left_unsettled = 0;   // open for writing, too young, or not unchanged for long enough
  std::size_t left_unreadable = 0;  // no permission
  std::size_t left_stuck = 0;       // imported, but may not be removed
  std::optional<Error> stopped;     // the queue takes no more now: the rest was not tried
  [[nodiscard]] std::size_t left() const {
    return left_unfinished + left_unsettled + left_unreadable + left_stuck;
  }
};

struct ImportReactions {
  // After a file's messages are durable, before the file goes. `first` is the first one's id, of a
  // file of records none where it held none, or where they were sent before a cut.
  std::function<void(const std::optional<MessageId>& first, const std::string& path,
                     std::uint64_t size)>
      on_imported;
  // `what` is the file's path, or "path, record N".
  std::function<void(const std::string& what, const Error& why)> on_refused;
};

}  // namespace spoolmq::adapters
