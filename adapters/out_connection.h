#pragma once
// The connection of a socket-out: frames on their way out, and what comes back. It knows messages
// by their ids alone. Belongs to one thread; nothing here blocks.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/answer_line.h"
#include "adapters/frame_codec.h"
#include "adapters/stream.h"
#include "spoolmq/id.h"

namespace spoolmq::adapters {

class OutConnection {
 public:
  struct Rules {
    FrameKind framing = FrameKind::kLine;
    bool answers = false;
  };
  OutConnection(std::unique_ptr<Stream> stream, Rules rules);

  // False: the body has no such frame, and nothing was taken.
  bool put(const MessageId& id, std::string_view body);
  // So little waits to be written that another one may be put.
  [[nodiscard]] bool has_room() const;

  struct Settled {
    MessageId id;
    Answer answer;
  };
  // What was answered, or, without answers, taken by the kernel whole; in order. What follows a
  // failure is told by failure().
  std::vector<Settled> move();
  // Empty: the connection is good. One that the other side ended is not.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  // Bytes went out or answers came since it was asked.
  bool take_progress() { return std::exchange(progress_, false); }

  // All was put: our side is shut once it is written. True: that is done.
  bool finish();
  [[nodiscard]] std::size_t under_way() const { return ids_.size(); }
  [[nodiscard]] bool has_more() const { return has_more_; }
  [[nodiscard]] short events() const;
  [[nodiscard]] int descriptor() const { return stream_->descriptor(); }

 private:
  void write(std::vector<Settled>& settled);
  void read(std::vector<Settled>& settled);
  void take_answers(std::vector<Settled>& settled);
  void fail(const std::string& why);
  [[nodiscard]] std::size_t unwritten() const { return buffer_.size() - written_; }

  const std::unique_ptr<Stream> stream_;
  const Rules rules_;
  std::string buffer_;
  std::size_t written_ = 0;       // of buffer_
  std::deque<MessageId> ids_;     // not settled, in order
  std::deque<std::size_t> ends_;  // without answers: how many bytes after the last end, of each
  std::size_t after_end_ = 0;     // bytes written behind the last end that was passed
  FrameReader answers_;
  bool has_more_ = false;  // to read, as far as is known
  bool progress_ = false;
  bool finishes_ = false;  // nothing more is put
  bool finished_ = false;  // our side is shut
  std::string failure_;
};

}  // namespace spoolmq::adapters
