#pragma once
// The directory corrupt/ of a queue: bytes that nobody can make sense of are not thrown away, but
// put there, each beside NAME.reason. What is there already stays as it is. Thread-safe as its
// QueueDir is; two processes that keep the same bytes write the same.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/file_system.h"
#include "store/queue_dir.h"
#include "store/spool_scan.h"

namespace spoolmq {

// Of one thing not more than this is kept.
inline constexpr std::size_t kMostBytesKept = 64 << 20;

// Durable on return. Nothing is kept of no bytes.
void keep_aside(QueueDir& dir, const std::string& name, std::span<const std::byte> bytes,
                std::string_view reason);

// Of a spool file: corrupt/UUID.KIND-OFFSET, without the zeros at its end; nothing of zeros alone,
// which is what a disk shows of blocks that it never wrote.
// False: they could not be kept, on a full disk, say, which keeps nobody from going on. Logged.
bool try_keep_range_aside(QueueDir& dir, File& file, const MessageId& id, std::string_view kind,
                          ByteRange range);

// Ranges of a spool file that do not verify, without the parts that are acknowledged and may be
// punched out (`acked`, ascending): a record may have been there of which nothing else is known.
void keep_damaged_aside(QueueDir& dir, File& file, const MessageId& id,
                        const std::vector<ByteRange>& damaged, const std::vector<ByteRange>& acked);

}  // namespace spoolmq
