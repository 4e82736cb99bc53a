#pragma once
// The messages of a tail as a stream of bytes, piece by piece: several short messages make a piece,
// a long one is a piece of its own, and a body kept in a file makes many. Belongs to one thread.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/tail_piece.h"
#include "adapters/tail_settings.h"
#include "spoolmq/tail.h"

namespace spoolmq::adapters {

// One message as a line of JSON, its end not included; nullopt: the body is left out.
using TailJson =
    std::function<std::string(const TailMessage& message, std::optional<std::string_view> body)>;

class TailStream {
 public:
  // `on_bad`: a message whose body was gone, or proved damaged when most of it was on its way.
  struct Rules {
    Framing framing = Framing::kLine;
    TailJson json;
    std::function<void(const MessageId& id, const std::string& why)> on_bad;
  };
  TailStream(Queue& queue, Tail tail, Rules rules);

  // False: nothing came within `longest`, or `cancelled` said so (tail.h). Throws Error.
  bool next(TailPiece& piece, Milliseconds longest, const std::function<bool()>& cancelled);
  // A message is under way: the next piece begins inside it.
  [[nodiscard]] bool is_inside() const { return large_ != nullptr; }
  [[nodiscard]] TailCounts counts() const { return tail_.counts(); }

 private:
  const TailMessage* poll_again();
  void add(TailPiece& piece, const TailMessage& message);
  void add_json(TailPiece& piece, const TailMessage& message);
  void begin_large(const TailMessage& message);
  void read_large(TailPiece& piece);
  void end_body(TailPiece& piece, char last);

  Queue& queue_;
  Tail tail_;
  const Rules rules_;
  std::unique_ptr<BodyReader> large_;  // of the message under way
  MessageId large_id_;
  char large_last_ = '\0';  // byte of it
};

}  // namespace spoolmq::adapters
