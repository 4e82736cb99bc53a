#pragma once
// A message queue of the kernel's (POSIX or System V): it holds whole messages, each with a rank,
// which is the priority of the one kind and the type of the other. Nothing here waits: a bridge
// polls. Belongs to one thread.

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spoolmq/message.h"

namespace spoolmq::adapters {

struct BoxItem {
  std::string body;
  std::int64_t rank = 0;
  bool is_cut = false;  // it was longer than the bridge's max-bytes: only its beginning
};

class MessageBox {
 public:
  MessageBox() = default;
  MessageBox(const MessageBox&) = delete;
  MessageBox& operator=(const MessageBox&) = delete;
  virtual ~MessageBox() = default;

  // The next message, which is in the kernel no more; nullopt: none is there now, gather() then
  // tells when. Throws Error(kNotFound) once the queue was removed and nothing is left in it.
  virtual std::optional<BoxItem> take() = 0;

  enum class Put : std::uint8_t {
    kDone,   // it is the kernel's now
    kLater,  // full: call again with the same message when gather()'s descriptor says so
  };
  // `body` is within most_bytes(). Throws Error, likewise.
  virtual Put put(std::string_view body, std::int64_t rank) = 0;
  // Gives up what put() answered with kLater. True: it had become the kernel's meanwhile.
  virtual bool give_up() { return false; }

  // Of one message, as the kernel has it now.
  [[nodiscard]] virtual std::size_t most_bytes() = 0;
  // Which limit most_bytes() is, for people.
  [[nodiscard]] virtual std::string_view size_limit() const = 0;

  enum class Want : std::uint8_t { kMessage, kRoom };
  virtual void gather(Want want, std::vector<pollfd>& waited) = 0;

  // How a rank stands in a message of ours, and comes out of it again. nullopt: `why` tells.
  virtual void set_rank(Message& message, std::int64_t rank) const = 0;
  [[nodiscard]] virtual std::optional<std::int64_t> rank_of(const Message& message,
                                                            std::string& why) const = 0;
  // Of an answer to a message with this tag.
  [[nodiscard]] virtual std::int64_t answer_rank(std::string_view tag) const = 0;
};

}  // namespace spoolmq::adapters
