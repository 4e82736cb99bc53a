#pragma once
// Messages in a stream of bytes. Pure; belongs to one thread.
//   line      body LF                       no LF in the body; the last one may lack its end
//   null      body NUL                      no NUL in the body; likewise
//   netstring LENGTH ":" body ","           decimal, no leading zeros
//   (cr.yp.to/proto/netstrings.txt) length    4 bytes, big-endian; body octet-count LENGTH " " body
//   decimal, no leading zeros (RFC 6587 section 3.4.1)
// A frame above the limit: line and null skip to its end and go on; in the others nothing behind
// it can be trusted to be a beginning, so the stream is broken. What memory a reader needs follows
// from the bytes that came, never from a length that was only declared.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace spoolmq::adapters {

enum class FrameKind : std::uint8_t { kLine, kNull, kNetstring, kLength, kOctetCount };
// In the order of FrameKind: the values of the key `framing`.
inline constexpr std::array<std::string_view, 5> kFrameWords{"line", "null", "netstring", "length",
                                                             "octet-count"};

inline constexpr std::size_t kDefaultMostFrameBytes = 10 << 20;

struct FrameRules {
  FrameKind kind = FrameKind::kLine;
  std::size_t most_bytes = kDefaultMostFrameBytes;  // of a body
};

enum class Found : std::uint8_t {
  kNothing,  // more bytes are needed
  kFrame,
  kTooLong,  // a frame above the limit was skipped; the stream goes on behind it
  kBroken,   // why() tells; nothing more comes of this stream
};

class FrameReader {
 public:
  explicit FrameReader(FrameRules rules) : rules_(rules) {}

  void feed(std::string_view bytes);
  // The next of what was fed; `body` is set with kFrame.
  Found next(std::string& body);
  // Likewise, when nothing more will come: a last line or record without its end is a frame; what a
  // counted frame lacks makes it kBroken, and is not delivered.
  Found next_at_end(std::string& body);

  // A frame has begun that is not whole yet.
  [[nodiscard]] bool is_inside() const { return skipping_ || begin_ < buffer_.size(); }
  // Of what was fed and not taken.
  [[nodiscard]] std::size_t buffered_bytes() const { return buffer_.size() - begin_; }
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  Found next_delimited(char end, std::string& body);
  Found next_decimal(char separator, std::string_view trailer, std::string& body);
  Found next_counted(std::string& body);
  Found take(std::size_t header_bytes, std::uint64_t length, std::size_t trailer_bytes,
             std::string& body);
  Found broken(std::string_view why);
  [[nodiscard]] std::string_view rest() const { return std::string_view(buffer_).substr(begin_); }
  [[nodiscard]] std::string too_long() const;

  FrameRules rules_;
  std::string buffer_;
  std::size_t begin_ = 0;     // what is before it was taken
  std::size_t searched_ = 0;  // no end byte between begin_ and here
  bool skipping_ = false;     // to the end of a frame above the limit
  std::string why_;           // not empty: broken
};

// Appends the frame of `body`. False, and nothing appended: a body with such a byte in it has none.
// In kLine a body's own LF at its end is the end of its line.
bool append_frame(std::string& out, FrameKind kind, std::string_view body);

}  // namespace spoolmq::adapters
