#pragma once
// STOMP frames in a stream of bytes, for both roles (server and client). Strict: what is not a
// frame breaks the stream, and nothing behind it is trusted. Pure; a decoder belongs to one thread.
//
//   frame     COMMAND EOL, headers NAME ":" VALUE EOL, EOL, body, NUL
//   between   any number of EOL: padding and heart-beats
//   EOL       LF; CR LF in 1.2, and before a version is agreed on
//   escapes   1.1: \n \c \\   1.2: \r too   1.0, and CONNECT STOMP CONNECTED in any: none
//   blanks    1.0: trimmed around names and values; otherwise part of them
//
// The memory that a decoder needs follows from the bytes that came, never from a content-length.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/stomp_frame.h"

namespace spoolmq::adapters {

struct StompLimits {
  std::size_t headers = 1000;
  std::size_t head_bytes = 64 << 10;  // of the command and all headers, as they came
  std::size_t body_bytes = 10 << 20;
};

enum class StompFound : std::uint8_t {
  kNothing,  // more bytes are needed
  kFrame,
  kBroken,  // why() tells; nothing more comes of this stream
};

class StompDecoder {
 public:
  explicit StompDecoder(StompLimits limits) : limits_(limits) {}

  // Agreed on by CONNECTED: of the frames that next() returns from now on.
  void set_version(StompVersion version) { version_ = version; }

  void feed(std::string_view bytes) { buffer_ += bytes; }
  // The next of what was fed; `frame` is set with kFrame.
  StompFound next(StompFrame& frame);

  // A frame has begun that is not whole yet.
  [[nodiscard]] bool is_inside() const {
    return has_command_ || has_head_ || begin_ < buffer_.size();
  }
  // Of what was fed and not taken.
  [[nodiscard]] std::size_t buffered_bytes() const { return buffer_.size() - begin_; }
  [[nodiscard]] const std::string& why() const { return why_; }
  // Of the frame that broke the stream, where its head was read that far, so that an answer can
  // name it: the value of `receipt`. Empty: none was read.
  [[nodiscard]] const std::string& broken_receipt() const { return broken_receipt_; }

 private:
  enum class Line : std::uint8_t { kMissing, kLine, kTooLong, kForeign };

  Line take_line(std::string_view& line);
  void skip_padding();
  StompFound read_head();
  bool read_command(std::string_view line);
  bool read_header(std::string_view line);
  std::optional<std::string> unescaped(std::string_view text);
  bool end_head();
  StompFound read_body(StompFrame& frame);
  StompFound broken(std::string_view why);
  void drop_taken();

  StompLimits limits_;
  std::optional<StompVersion> version_;  // not agreed on yet
  std::string buffer_;
  std::size_t begin_ = 0;     // what is before it was taken
  std::size_t searched_ = 0;  // no end of the line or body between begin_ and here
  StompFrame frame_;          // being read
  bool has_command_ = false;
  bool has_head_ = false;
  std::size_t head_bytes_ = 0;
  std::optional<std::uint64_t> body_bytes_;  // content-length
  std::string why_;                          // not empty: broken
  std::string broken_receipt_;
};

// Appends the frame, its NUL and an LF that every client takes for padding. Every frame but
// CONNECT, STOMP and CONNECTED is escaped as `version` says; what 1.0 cannot say (an LF, blanks
// around a value, a colon in a name) becomes a blank, is lost, becomes "_". content-length is
// written where there is a body, and none of the frame's own.
void append_stomp(std::string& out, const StompFrame& frame, StompVersion version);

}  // namespace spoolmq::adapters
