#include "adapters/stomp_client_session.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "core/text.h"
#include "core/units.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kEnoughWaiting = 256 << 10;  // bytes to be written; then none are put
constexpr std::size_t kReadBytes = 64 << 10;
constexpr std::size_t kKeptBytes = 1 << 20;  // of a buffer that a large message needed
constexpr std::size_t kMostErrorBytes = 500;
// A peer may be late: twice what was agreed on, and some time for the machine.
constexpr std::int64_t kSlackMs = 1000;

std::pair<std::int64_t, std::int64_t> parse_beats(const StompFrame& connected) {
  const std::string* const text = connected.header("heart-beat");
  if (text == nullptr) return {0, 0};
  const std::size_t comma = text->find(',');
  if (comma == std::string::npos) return {0, 0};
  const auto first = parse_integer(text->substr(0, comma));
  const auto second = parse_integer(text->substr(comma + 1));
  if (!first || !second || *first < 0 || *second < 0) return {0, 0};
  return {*first, *second};
}

std::optional<StompVersion> parse_version(const StompFrame& connected) {
  const std::string* const text = connected.header("version");
  if (text == nullptr) return StompVersion::k10;
  for (const auto version : {StompVersion::k10, StompVersion::k11, StompVersion::k12}) {
    if (*text == stomp_version_text(version)) return version;
  }
  return std::nullopt;
}

}  // namespace

std::string stomp_error_text(const StompFrame& error) {
  const std::string* const message = error.header("message");
  std::string text = message == nullptr ? std::string() : *message;
  std::string_view body = error.body;
  body = body.substr(0, std::min(body.find('\r'), body.find('\n')));
  if (!body.empty() && body != text) text.append(text.empty() ? "" : ": ").append(body);
  if (text.empty()) text = "no reason was given";
  if (text.size() > kMostErrorBytes) text.resize(kMostErrorBytes);
  return printable(text);
}

StompClientSession::StompClientSession(std::unique_ptr<Stream> stream, const Hello& hello,
                                       StompLimits limits, std::int64_t now_boot_ms)
    : stream_(std::move(stream)),
      decoder_(limits),
      offered_ms_(hello.heart_beat_ms),
      written_boot_ms_(now_boot_ms),
      read_boot_ms_(now_boot_ms) {
  StompFrame connect{"CONNECT", {}, {}};
  connect.add("accept-version", "1.0,1.1,1.2");
  connect.add("host", hello.vhost);
  if (!hello.login.empty()) {
    connect.add("login", hello.login);
    connect.add("passcode", hello.passcode);
  }
  const std::string beat = std::to_string(offered_ms_);
  connect.add("heart-beat", beat + "," + beat);
  append_stomp(buffer_, connect, version_);
}

// ---- Until CONNECTED

Moved StompClientSession::open(std::int64_t now_boot_ms) {
  if (!stream_open_) {
    const Moved moved = stream_->open();
    if (moved == Moved::kLater) return moved;
    if (moved != Moved::kDone) {
      fail("TLS: " + stream_->why());
      return Moved::kFailed;
    }
    stream_open_ = true;
  }
  static_cast<void>(move(now_boot_ms, Reading::kYes));
  if (!failure_.empty()) return Moved::kFailed;
  return connected_ ? Moved::kDone : Moved::kLater;
}

void StompClientSession::take_connected(const StompFrame& frame) {
  const auto version = parse_version(frame);
  if (!version) return fail("it agreed on a version that was not offered");
  connected_ = true;
  version_ = *version;
  decoder_.set_version(*version);
  if (const std::string* const server = frame.header("server")) server_ = printable(*server);
  if (offered_ms_ == 0) return;
  const auto [sends_ms, wants_ms] = parse_beats(frame);
  if (wants_ms != 0) beat_out_ms_ = std::max(offered_ms_, wants_ms);
  if (sends_ms != 0) beat_in_ms_ = std::max(offered_ms_, sends_ms);
}

// ---- Connected

void StompClientSession::put(const StompFrame& frame) { append_stomp(buffer_, frame, version_); }

bool StompClientSession::has_room() const {
  return failure_.empty() && unwritten() < kEnoughWaiting;
}

std::vector<StompFrame> StompClientSession::move(std::int64_t now_boot_ms, Reading reading) {
  std::vector<StompFrame> frames;
  if (failure_.empty()) beat(now_boot_ms);
  if (failure_.empty()) write(now_boot_ms);
  // Of a session that nothing can be written to any more: why, the other side may have said.
  const bool broke = !failure_.empty() && !error_;
  if (reading == Reading::kNo && !broke) {
    read_boot_ms_ = now_boot_ms;
    return frames;
  }
  do {
    read(now_boot_ms, frames);
  } while (broke && has_more_);
  if (failure_.empty()) check_silence(now_boot_ms);
  return frames;
}

void StompClientSession::write(std::int64_t now_boot_ms) {
  while (unwritten() > 0) {
    const Transfer sent = stream_->write_some(std::string_view(buffer_).substr(written_));
    if (sent.moved == Moved::kLater) break;
    if (sent.moved != Moved::kDone) {
      fail(stream_->why());
      break;
    }
    written_ += sent.bytes;
    written_boot_ms_ = now_boot_ms;
  }
  if (unwritten() == 0 && buffer_.capacity() > kKeptBytes) std::string().swap(buffer_);
  if (unwritten() == 0 || written_ >= kEnoughWaiting) buffer_.erase(0, std::exchange(written_, 0));
}

void StompClientSession::read(std::int64_t now_boot_ms, std::vector<StompFrame>& frames) {
  std::array<char, kReadBytes> bytes;
  const Transfer got = stream_->read_some(bytes);
  has_more_ = got.moved == Moved::kDone && !got.is_all;
  if (got.moved == Moved::kEnd) {
    fail("the other side has ended");
  } else if (got.moved == Moved::kFailed) {
    fail(stream_->why());
  } else if (got.moved == Moved::kDone) {
    read_boot_ms_ = now_boot_ms;
    decoder_.feed(std::string_view(bytes.data(), got.bytes));
    take_frames(frames);
  }
}

void StompClientSession::take_frames(std::vector<StompFrame>& frames) {
  StompFrame frame;
  while (!error_) {
    const StompFound found = decoder_.next(frame);
    if (found == StompFound::kNothing) return;
    if (found == StompFound::kBroken) {
      has_more_ = false;
      return fail("it sent what is no frame: " + decoder_.why());
    }
    if (frame.command == "ERROR") {
      take_error(std::move(frame));
    } else if (!connected_ && frame.command == "CONNECTED") {
      take_connected(frame);
    } else if (connected_ && (frame.command == "MESSAGE" || frame.command == "RECEIPT")) {
      frames.push_back(std::move(frame));
    } else {
      has_more_ = false;
      return fail("it sent a frame " + printable(frame.command) + " that has no place here");
    }
  }
}

// Whatever broke the stream before: this tells more.
void StompClientSession::take_error(StompFrame frame) {
  has_more_ = false;
  failure_ = stomp_error_text(frame);
  error_ = std::move(frame);
}

// The first reason stays.
void StompClientSession::fail(std::string_view why) {
  if (failure_.empty()) failure_ = why.empty() ? "it broke" : why;
}

// ---- Heart-beats

// Early by a third, so that a late step is no silence. What waits to be written is a beat, too.
void StompClientSession::beat(std::int64_t now_boot_ms) {
  if (!connected_ || beat_out_ms_ == 0 || unwritten() > 0) return;
  if (now_boot_ms - written_boot_ms_ >= beat_out_ms_ * 2 / 3) buffer_ += '\n';
}

void StompClientSession::check_silence(std::int64_t now_boot_ms) {
  if (!connected_ || beat_in_ms_ == 0) return;
  const std::int64_t longest_ms = 2 * beat_in_ms_ + kSlackMs;
  if (now_boot_ms - read_boot_ms_ < longest_ms) return;
  fail("no heart-beat within " + format_duration(std::chrono::milliseconds{longest_ms}));
}

std::int64_t StompClientSession::next_boot_ms() const {
  std::int64_t next_ms = INT64_MAX;
  if (beat_out_ms_ != 0 && unwritten() == 0) {
    next_ms = std::min(next_ms, written_boot_ms_ + beat_out_ms_ * 2 / 3);
  }
  if (beat_in_ms_ != 0) next_ms = std::min(next_ms, read_boot_ms_ + 2 * beat_in_ms_ + kSlackMs);
  return next_ms;
}

short StompClientSession::events(Reading reading) const {
  if (!stream_open_) return stream_->events(Direction::kRead);
  const bool reads = reading == Reading::kYes;
  return static_cast<short>((reads ? stream_->events(Direction::kRead) : 0) |
                            (unwritten() > 0 ? stream_->events(Direction::kWrite) : 0));
}

}  // namespace spoolmq::adapters
