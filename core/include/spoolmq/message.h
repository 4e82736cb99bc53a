#pragma once
// A message: what a sender hands over and a receiver gets back. A plain value; copying copies.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spoolmq/id.h"

namespace spoolmq {

// Headers keep the order they were given in; a name may occur more than once. Names are non-empty
// UTF-8 without control characters, values are any UTF-8 (control characters and NUL included).
using Header = std::pair<std::string, std::string>;
using Headers = std::vector<Header>;

// Who sent it. uid and pid are those of the sending process (not proof: the file's owner is);
// name is a claim made with --as, empty if none was made.
struct Sender {
  std::uint32_t uid = 0;
  std::uint32_t pid = 0;
  std::string name;
  bool operator==(const Sender&) const = default;
};

// A body kept in a file of its own beside the spool file, never whole in memory.
struct LargeBody {
  std::uint64_t length = 0;    // bytes
  std::uint64_t checksum = 0;  // XXH3-64 of all of them, seed 0; 0: not computed
  bool operator==(const LargeBody&) const = default;
};

inline constexpr std::uint16_t kDefaultPriority = 4;
inline constexpr std::uint16_t kMaxPriority = 32767;  // as POSIX message queues on Linux

struct Message {
  MessageId id;  // nil when sending: the queue assigns one
  Headers headers;
  std::string body;                     // any bytes; empty when large_body is set
  std::optional<LargeBody> large_body;  // set by the queue
  std::uint16_t priority = kDefaultPriority;  // 0 … kMaxPriority, larger goes first
  std::int64_t sent_at_ms = 0;                // wall clock, milliseconds since the epoch
  std::int64_t not_before_ms = 0;             // 0: at once; else wall clock: delayed until then
  std::int64_t expires_at_ms = 0;             // 0: never; else wall clock
  std::string dedupe_key;
  std::string order_key;
  std::string reply_to;
  std::string correlation_id;
  Sender from;

  // The first value of that name, compared byte for byte.
  [[nodiscard]] const std::string* header(std::string_view name) const;
  [[nodiscard]] std::uint64_t body_size() const {
    return large_body ? large_body->length : body.size();
  }
  bool operator==(const Message&) const = default;
};

// Limits of one message. Larger ones are refused with kBadData before anything is written.
inline constexpr std::size_t kMaxHeaderCount = 1024;
inline constexpr std::size_t kMaxHeaderNameBytes = 256;
inline constexpr std::size_t kMaxFieldBytes = 1 << 20;       // all headers, keys and names together
inline constexpr std::size_t kMaxKeyBytes = 1024;            // dedupe, order and correlation keys
inline constexpr std::size_t kMaxInlineBodyBytes = 64 << 20;  // ceiling of the setting body-inline

}  // namespace spoolmq
