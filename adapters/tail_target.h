#pragma once
// Where a tail adapter's bytes go: a program, a FIFO, or the clients of a socket. Belongs to the
// adapter's thread; nothing here blocks but wait(). What it throws leaves it usable: the adapter
// pauses and calls attend() again.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "adapters/tail_piece.h"
#include "adapters/tail_settings.h"
#include "core/clock.h"

namespace spoolmq::adapters {

// Between two pieces of one message nobody joins.
enum class At : std::uint8_t { kMessage, kInside };

class TailTarget {
 public:
  virtual ~TailTarget() = default;
  // Opens what is to be opened, sees who came and who went, writes what waits and is taken.
  virtual void attend(At at) = 0;
  // Another piece may be put.
  [[nodiscard]] virtual bool has_room() const = 0;
  // Takes it, in exchange for some other; writes what is taken at once.
  virtual void put(TailPiece& piece) = 0;
  // Bytes wait for somebody.
  [[nodiscard]] virtual bool is_behind() const = 0;
  // attend() would find something that is not about room.
  [[nodiscard]] virtual bool has_news() = 0;
  // Until attend() has something to do, at most so long.
  virtual void wait(Milliseconds longest) = 0;
  [[nodiscard]] virtual std::size_t messages_waiting() const = 0;
  virtual TailMoved take_moved() = 0;
};

struct TargetPlace {
  std::string adapter;  // for the log
  const Clock* clock = nullptr;
};

std::unique_ptr<TailTarget> make_command_target(const CommandPlace& place, TargetPlace given);
std::unique_ptr<TailTarget> make_fifo_target(const FifoPlace& place, TargetPlace given);
// `hold_for_first`: nothing has room before the first client is there.
enum class Hold : std::uint8_t { kNo, kForFirst };
std::unique_ptr<TailTarget> make_socket_target(const SocketPlace& place, TargetPlace given,
                                               Hold hold);

}  // namespace spoolmq::adapters
