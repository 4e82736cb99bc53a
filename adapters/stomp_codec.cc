#include "adapters/stomp_codec.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/text.h"
#include "core/utf8.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostCommandBytes = 32;
constexpr std::string_view kBlanks = " \t\r";
constexpr std::string_view kNoFrame = "what comes is not a STOMP frame";

// Frames whose headers are never escaped, and may come before a version is known.
bool is_handshake(std::string_view command) {
  return command == "CONNECT" || command == "STOMP" || command == "CONNECTED";
}

bool may_have_body(std::string_view command) {
  return command == "SEND" || command == "MESSAGE" || command == "ERROR";
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool is_utf8_text(std::string_view text) {
  while (!text.empty()) {
    const Utf8Char next = front_utf8(text);
    if (next.length == 0) return false;
    text.remove_prefix(next.length);
  }
  return true;
}

std::optional<std::uint64_t> parse_length(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

// ---- Decoding

StompFound StompDecoder::next(StompFrame& frame) {
  if (!why_.empty()) return StompFound::kBroken;
  if (!has_head_) {
    if (!has_command_) skip_padding();
    const StompFound head = read_head();
    if (head != StompFound::kFrame) {
      drop_taken();
      return head;
    }
  }
  const StompFound body = read_body(frame);
  drop_taken();
  return body;
}

// What was taken is given up once it is the larger part, so that each byte is moved about once.
void StompDecoder::drop_taken() {
  if (begin_ < buffer_.size() - begin_) return;
  buffer_.erase(0, begin_);
  searched_ -= begin_;
  begin_ = 0;
}

StompFound StompDecoder::broken(std::string_view why) {
  why_ = why;
  if (const std::string* const receipt = frame_.header("receipt")) broken_receipt_ = *receipt;
  buffer_.clear();
  begin_ = searched_ = 0;
  return StompFound::kBroken;
}

void StompDecoder::skip_padding() {
  while (begin_ < buffer_.size()) {
    if (buffer_[begin_] == '\n') {
      ++begin_;
    } else if (buffer_[begin_] == '\r' && begin_ + 1 < buffer_.size() &&
               buffer_[begin_ + 1] == '\n') {
      begin_ += 2;
    } else {
      break;
    }
  }
  searched_ = std::max(searched_, begin_);
}

StompDecoder::Line StompDecoder::take_line(std::string_view& line) {
  const std::size_t end = buffer_.find('\n', searched_);
  // As soon as it is told from a stream of something else that never ends a line: whether its end
  // came along makes no difference.
  const std::size_t line_bytes = (end == std::string::npos ? buffer_.size() : end) - begin_;
  if (!has_command_ && line_bytes > kMostCommandBytes) return Line::kForeign;
  if (end == std::string::npos) {
    searched_ = buffer_.size();
    return head_bytes_ + buffered_bytes() > limits_.head_bytes ? Line::kTooLong : Line::kMissing;
  }
  line = std::string_view(buffer_).substr(begin_, end - begin_);
  head_bytes_ += line.size() + 1;
  begin_ = searched_ = end + 1;
  if (head_bytes_ > limits_.head_bytes) return Line::kTooLong;
  const bool may_end_in_cr = !version_ || *version_ == StompVersion::k12;
  if (may_end_in_cr && line.ends_with('\r')) line.remove_suffix(1);
  return Line::kLine;
}

// kFrame: the whole head was read.
StompFound StompDecoder::read_head() {
  while (true) {
    std::string_view line;
    switch (take_line(line)) {
      case Line::kMissing:
        return StompFound::kNothing;
      case Line::kForeign:
        return broken(kNoFrame);
      case Line::kTooLong:
        return broken("the head of a frame is longer than " + std::to_string(limits_.head_bytes) +
                      " bytes");
      case Line::kLine:
        break;
    }
    if (version_ == StompVersion::k10) line = trimmed(line);
    if (line.empty() && has_command_) break;
    if (!(has_command_ ? read_header(line) : read_command(line))) return StompFound::kBroken;
  }
  return end_head() ? StompFound::kFrame : StompFound::kBroken;
}

bool StompDecoder::read_command(std::string_view line) {
  const bool is_word =
      !line.empty() && std::ranges::all_of(line, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!is_word) {
    broken(kNoFrame);
    return false;
  }
  frame_.command = line;
  has_command_ = true;
  return true;
}

bool StompDecoder::read_header(std::string_view line) {
  if (frame_.headers.size() >= limits_.headers) {
    broken("a frame has more than " + std::to_string(limits_.headers) + " headers");
    return false;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) {
    broken(colon == 0 ? "a header has no name" : "a header has no colon");
    return false;
  }
  std::string_view name = line.substr(0, colon);
  std::string_view value = line.substr(colon + 1);
  if (version_ == StompVersion::k10) {
    name = trimmed(name);
    value = trimmed(value);
  }
  if (line.find('\0') != std::string_view::npos || !is_utf8_text(line)) {
    broken("a header is not UTF-8 text");
    return false;
  }
  std::optional<std::string> plain_name = unescaped(name);
  std::optional<std::string> plain_value = unescaped(value);
  if (!plain_name || !plain_value) {
    broken("a header has an unknown escape");
    return false;
  }
  frame_.headers.push_back({*std::move(plain_name), *std::move(plain_value)});
  return true;
}

// nullopt: an escape that the version does not know.
std::optional<std::string> StompDecoder::unescaped(std::string_view text) {
  if (!version_ || *version_ == StompVersion::k10 || is_handshake(frame_.command)) {
    return std::string(text);
  }
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      plain += text[i];
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    if (text[i] == 'n') {
      plain += '\n';
    } else if (text[i] == 'c') {
      plain += ':';
    } else if (text[i] == '\\') {
      plain += '\\';
    } else if (text[i] == 'r' && *version_ == StompVersion::k12) {
      plain += '\r';
    } else {
      return std::nullopt;
    }
  }
  return plain;
}

bool StompDecoder::end_head() {
  body_bytes_.reset();
  if (const std::string* const length = frame_.header("content-length")) {
    body_bytes_ = parse_length(trimmed(*length));
    if (!body_bytes_) {
      broken("content-length is not a number");
      return false;
    }
    if (*body_bytes_ > limits_.body_bytes) {
      broken("content-length is more than " + std::to_string(limits_.body_bytes) + " bytes");
      return false;
    }
    if (*body_bytes_ > 0 && !may_have_body(frame_.command)) {
      broken(frame_.command + " cannot have a body");
      return false;
    }
  }
  has_head_ = true;
  searched_ = begin_;
  return true;
}

StompFound StompDecoder::read_body(StompFrame& frame) {
  std::size_t end = std::string::npos;
  if (body_bytes_) {
    if (buffered_bytes() <= *body_bytes_) return StompFound::kNothing;
    end = begin_ + static_cast<std::size_t>(*body_bytes_);
    if (buffer_[end] != '\0') return broken("there is no NUL behind content-length bytes");
  } else {
    end = buffer_.find('\0', searched_);
    const std::size_t so_far = (end == std::string::npos ? buffer_.size() : end) - begin_;
    if (so_far > 0 && !may_have_body(frame_.command)) {
      return broken(frame_.command + " cannot have a body");
    }
    if (so_far > limits_.body_bytes) {
      return broken("the body is longer than " + std::to_string(limits_.body_bytes) + " bytes");
    }
    searched_ = buffer_.size();
    if (end == std::string::npos) return StompFound::kNothing;
  }
  frame_.body.assign(buffer_, begin_, end - begin_);
  begin_ = searched_ = end + 1;
  frame = std::exchange(frame_, {});
  has_command_ = has_head_ = false;
  head_bytes_ = 0;
  return StompFound::kFrame;
}

// ---- Encoding

namespace {

void append_escaped(std::string& out, std::string_view text, StompVersion version) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == ':') {
      out += "\\c";
    } else if (c == '\\') {
      out += "\\\\";
    } else if (c == '\r' && version == StompVersion::k12) {
      out += "\\r";
    } else {
      out += c == '\0' ? ' ' : c;
    }
  }
}

void append_plain(std::string& out, std::string_view text, char instead_of_colon) {
  for (const char c : text) {
    const bool has_no_place = c == '\n' || c == '\r' || c == '\0';
    out += has_no_place ? ' ' : c == ':' ? instead_of_colon : c;
  }
}

}  // namespace

void append_stomp(std::string& out, const StompFrame& frame, StompVersion version) {
  const bool is_plain = version == StompVersion::k10 || is_handshake(frame.command);
  out += frame.command;
  out += '\n';
  for (const StompHeader& header : frame.headers) {
    if (header.name == "content-length") continue;
    if (is_plain) {
      append_plain(out, header.name, '_');
      out += ':';
      append_plain(out, header.value, ':');
    } else {
      append_escaped(out, header.name, version);
      out += ':';
      append_escaped(out, header.value, version);
    }
    out += '\n';
  }
  if (may_have_body(frame.command)) {
    out += "content-length:" + std::to_string(frame.body.size()) + '\n';
  }
  out += '\n';
  out += frame.body;
  out += '\0';
  out += '\n';
}

}  // namespace spoolmq::adapters
