#pragma once
// One session in the client's role on a stream that is connected: CONNECT, CONNECTED, then frames
// both ways, heart-beats both ways. It knows frames, not messages. Belongs to one thread; nothing
// here blocks.
//
//   open() until it is kDone; put(SEND) …; for (StompFrame& one : move(now, Reading::kYes)) …
//
// An ERROR, an end of the stream and what breaks the protocol make a failure(); nothing goes
// further then. What came before it was returned.

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/stomp_codec.h"
#include "adapters/stomp_frame.h"
#include "adapters/stream.h"

namespace spoolmq::adapters {

// kNo: bytes stay where they are, so that the other side is held back; its silence means nothing.
enum class Reading : std::uint8_t { kNo, kYes };

class StompClientSession {
 public:
  struct Hello {
    std::string vhost;
    std::string login;  // empty: none, and no passcode
    std::string passcode;
    std::int64_t heart_beat_ms = 0;  // 0: none, either way
  };
  // The stream's own handshake is open()'s.
  StompClientSession(std::unique_ptr<Stream> stream, const Hello& hello, StompLimits limits,
                     std::int64_t now_boot_ms);

  // kDone: CONNECTED has come. kFailed: failure() says why.
  Moved open(std::int64_t now_boot_ms);
  [[nodiscard]] const std::string& server() const { return server_; }  // "RabbitMQ/3.10.8"
  [[nodiscard]] StompVersion version() const { return version_; }

  void put(const StompFrame& frame);
  // So little waits to be written that another one may be put.
  [[nodiscard]] bool has_room() const;
  // Writes, reads a piece, sends heart-beats that are due; MESSAGE and RECEIPT frames that came.
  std::vector<StompFrame> move(std::int64_t now_boot_ms, Reading reading);
  // move() wants to be called by then.
  [[nodiscard]] std::int64_t next_boot_ms() const;

  // Empty: the session is good.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  // The ERROR that ended it; null: something else did.
  [[nodiscard]] const StompFrame* error() const { return error_ ? &*error_ : nullptr; }

  [[nodiscard]] bool has_more() const { return has_more_; }  // to read, as far as is known
  [[nodiscard]] int descriptor() const { return stream_->descriptor(); }
  [[nodiscard]] short events(Reading reading) const;

 private:
  void write(std::int64_t now_boot_ms);
  void read(std::int64_t now_boot_ms, std::vector<StompFrame>& frames);
  void take_frames(std::vector<StompFrame>& frames);
  void take_connected(const StompFrame& frame);
  void take_error(StompFrame frame);
  void beat(std::int64_t now_boot_ms);
  void check_silence(std::int64_t now_boot_ms);
  void fail(std::string_view why);
  [[nodiscard]] std::size_t unwritten() const { return buffer_.size() - written_; }

  const std::unique_ptr<Stream> stream_;
  StompDecoder decoder_;
  const std::int64_t offered_ms_;  // heart-beats, as CONNECT says
  StompVersion version_ = StompVersion::k12;
  std::string server_;
  bool stream_open_ = false;
  bool connected_ = false;
  std::string buffer_;
  std::size_t written_ = 0;       // of buffer_
  std::int64_t beat_out_ms_ = 0;  // agreed on; 0: none
  std::int64_t beat_in_ms_ = 0;   // likewise
  std::int64_t written_boot_ms_;  // bytes went out
  std::int64_t read_boot_ms_;     // bytes came, or were not asked for
  bool has_more_ = false;
  std::optional<StompFrame> error_;
  std::string failure_;
};

// The text of an ERROR, one line, safe on a terminal.
std::string stomp_error_text(const StompFrame& error);

}  // namespace spoolmq::adapters
