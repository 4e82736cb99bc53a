#pragma once
// Sends one file as many messages, a record each (split.h). Their ids follow from the file's and
// the record's number, so that whatever a cut leaves may be sent again from the start: the queue
// drops what it has. Bad records go to the errors directory, the rest goes on.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "adapters/import_refusals.h"
#include "adapters/import_send.h"
#include "adapters/import_settings.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

// An id of its own for record `number` of the file with that id: the time is the file's, the rest
// a hash (XXH3-64) of both.
MessageId record_id(const MessageId& file, std::uint64_t number);

struct SplitSent {
  std::uint64_t records = 0;       // now durable in the queue
  std::optional<MessageId> first;  // of those
  std::uint64_t settled = 0;       // up to this number every record is: sent, or put aside
  std::uint64_t refused = 0;       // put aside
  std::optional<Error> stopped;    // the queue takes no more now
};
// `entry.large` is read to its end; records up to `entry.claim.records` were settled before and are
// passed over. `entry.outcome` becomes kSent, kChanged or kUnreadable unless it stopped.
SplitSent send_split(Queue& queue, ImportEntry& entry, const ImportSettings& settings,
                     ImportRefusals& refusals,
                     const std::function<void(const std::string& what, const Error& why)>& refused);

}  // namespace spoolmq::adapters
