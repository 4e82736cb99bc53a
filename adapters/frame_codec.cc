#include "adapters/frame_codec.h"

#include <algorithm>
#include <limits>

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kMostLengthDigits = 19;  // the largest count that fits 63 bits
constexpr std::size_t kKeptBytes = 64 << 10;   // of a buffer that was larger once

constexpr char end_of(FrameKind kind) { return kind == FrameKind::kLine ? '\n' : '\0'; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

void FrameReader::feed(std::string_view bytes) {
  if (!why_.empty()) return;
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    searched_ -= std::min(searched_, begin_);
    begin_ = 0;
    if (buffer_.empty() && buffer_.capacity() > kKeptBytes) std::string().swap(buffer_);
  }
  buffer_.append(bytes);
}

Found FrameReader::next(std::string& body) {
  if (!why_.empty()) return Found::kBroken;
  switch (rules_.kind) {
    case FrameKind::kLine:
    case FrameKind::kNull:
      return next_delimited(end_of(rules_.kind), body);
    case FrameKind::kNetstring:
      return next_decimal(':', ",", body);
    case FrameKind::kLength:
      return next_counted(body);
    case FrameKind::kOctetCount:
      return next_decimal(' ', "", body);
  }
  return broken("unknown framing");
}

Found FrameReader::next_at_end(std::string& body) {
  const Found found = next(body);
  if (found != Found::kNothing || !is_inside()) return found;
  if (rules_.kind != FrameKind::kLine && rules_.kind != FrameKind::kNull) {
    return broken("it ended inside a frame");
  }
  const bool skipped = skipping_;
  skipping_ = false;
  if (!skipped) body.assign(rest());
  begin_ = searched_ = buffer_.size();
  return skipped ? Found::kTooLong : Found::kFrame;
}

Found FrameReader::next_delimited(char end, std::string& body) {
  const std::size_t found = buffer_.find(end, std::max(begin_, searched_));
  if (found == std::string::npos) {
    searched_ = buffer_.size();
    if (skipping_ || buffer_.size() - begin_ > rules_.most_bytes) {
      skipping_ = true;
      begin_ = buffer_.size();
    }
    return Found::kNothing;
  }
  const std::string_view frame = std::string_view(buffer_).substr(begin_, found - begin_);
  const bool fits = !skipping_ && frame.size() <= rules_.most_bytes;
  if (fits) body.assign(frame);
  skipping_ = false;
  begin_ = searched_ = found + 1;
  return fits ? Found::kFrame : Found::kTooLong;
}

Found FrameReader::next_decimal(char separator, std::string_view trailer, std::string& body) {
  const std::string_view rest = this->rest();
  const auto digits =
      static_cast<std::size_t>(std::ranges::find_if_not(rest, is_digit) - rest.begin());
  if (digits > kMostLengthDigits) return broken("a length has more than 19 digits");
  if (digits == rest.size()) return Found::kNothing;
  if (digits == 0 || rest[digits] != separator) {
    return broken(separator == ':' ? "a length and a colon are missing"
                                   : "a length and a blank are missing");
  }
  if (rest[0] == '0' && digits > 1) return broken("a length begins with a zero");
  std::uint64_t length = 0;
  for (const char digit : rest.substr(0, digits)) {
    length = length * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  const Found found = take(digits + 1, length, trailer.size(), body);
  if (found != Found::kFrame) return found;
  const std::size_t behind = begin_ - trailer.size();
  if (std::string_view(buffer_).substr(behind, trailer.size()) == trailer) return found;
  return broken("the comma behind a body is missing");
}

Found FrameReader::next_counted(std::string& body) {
  const std::string_view rest = this->rest();
  if (rest.size() < kLengthBytes) return Found::kNothing;
  std::uint64_t length = 0;
  for (const char byte : rest.substr(0, kLengthBytes)) {
    length = length << 8 | static_cast<unsigned char>(byte);
  }
  return take(kLengthBytes, length, 0, body);
}

Found FrameReader::take(std::size_t header_bytes, std::uint64_t length, std::size_t trailer_bytes,
                        std::string& body) {
  if (length > rules_.most_bytes) return broken(too_long());
  if (rest().size() < header_bytes + length + trailer_bytes) return Found::kNothing;
  body.assign(rest().substr(header_bytes, length));
  begin_ += header_bytes + length + trailer_bytes;
  return Found::kFrame;
}

Found FrameReader::broken(std::string_view why) {
  why_ = why;
  std::string().swap(buffer_);
  begin_ = searched_ = 0;
  return Found::kBroken;
}

std::string FrameReader::too_long() const {
  return "a frame is longer than " + std::to_string(rules_.most_bytes) + " bytes";
}

bool append_frame(std::string& out, FrameKind kind, std::string_view body) {
  switch (kind) {
    case FrameKind::kLine:
    case FrameKind::kNull: {
      const char end = end_of(kind);
      if (kind == FrameKind::kLine && body.ends_with(end)) body.remove_suffix(1);
      if (body.find(end) != std::string_view::npos) return false;
      out.append(body).push_back(end);
      return true;
    }
    case FrameKind::kNetstring:
      out.append(std::to_string(body.size())).append(":").append(body).append(",");
      return true;
    case FrameKind::kOctetCount:
      out.append(std::to_string(body.size())).append(" ").append(body);
      return true;
    case FrameKind::kLength: {
      if (body.size() > std::numeric_limits<std::uint32_t>::max()) return false;
      for (int shift = 24; shift >= 0; shift -= 8) {
        out.push_back(static_cast<char>(body.size() >> shift & 0xffU));
      }
      out.append(body);
      return true;
    }
  }
  return false;
}

}  // namespace spoolmq::adapters
