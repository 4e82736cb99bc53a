#include "adapters/stomp_connection.h"

#include <poll.h>

#include <algorithm>
#include <utility>

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kFinishMs = 10'000;  // for a client that does not read its last words
constexpr std::int64_t kLingerMs = 1'000;
constexpr std::size_t kMostDiscarded = 64 << 20;
constexpr std::int64_t kBeatSlackMs = 1'000;  // on the way, and in a busy client
constexpr std::int64_t kNever = INT64_MAX;

static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT);

}  // namespace

StompConnection::StompConnection(std::uint64_t token, std::unique_ptr<Stream> stream, Peer peer,
                                 const StompServerSettings& settings, Access& access,
                                 const Clock& clock, StompBackend& backend)
    : stream_(std::move(stream)),
      settings_(settings),
      clock_(clock),
      decoder_(settings.frames),
      session_(token, settings.session, access, clock, backend, output_, std::move(peer)),
      since_ms_(clock.boot_ms()),
      heard_ms_(since_ms_),
      said_ms_(since_ms_) {}

StompConnection::~StompConnection() { session_.drop(); }

void StompConnection::enter(State state) {
  state_ = state;
  since_ms_ = now_ms();
}

void StompConnection::advance(std::span<char> buffer) {
  may_read_ = true;
  if (state_ == State::kHandshake) shake_hands();
  if (state_ == State::kLingering) discard(buffer);
  if (state_ != State::kOpen) return;
  if (has_frames_) take_frames();
  if (reads()) read(buffer);
  look_whether_over();
}

void StompConnection::shake_hands() {
  switch (stream_->open()) {
    case Moved::kDone:
      session_.set_subject(stream_->subject());
      state_ = State::kOpen;  // whose time is that of the handshake, until CONNECT
      break;
    case Moved::kLater:
      may_read_ = false;
      break;
    default:
      why_ = "TLS: " + stream_->why();
      stream_->shut();  // behind TLS's own word of what is wrong
      enter(State::kLingering);
  }
}

bool StompConnection::reads() const {
  return state_ == State::kOpen && may_read_ && !has_frames_ && !peer_ended_ && session_.may_take();
}

void StompConnection::read(std::span<char> buffer) {
  const Transfer got = stream_->read_some(buffer);
  switch (got.moved) {
    case Moved::kDone:
      may_read_ = !got.is_all;
      heard_ms_ = now_ms();
      decoder_.feed(std::string_view(buffer.data(), got.bytes));
      break;
    case Moved::kLater:
      may_read_ = false;
      return;
    case Moved::kEnd:
    case Moved::kFailed:
      // Frames that came whole are good all the same.
      may_read_ = false;
      peer_ended_ = true;
      if (decoder_.is_inside()) why_ = "the connection ended inside a frame";
      return;
  }
  has_frames_ = true;
  take_frames();
}

void StompConnection::take_frames() {
  StompFrame frame;
  while (has_frames_ && session_.may_take()) {
    if (!has_version_ && session_.is_connected()) {
      decoder_.set_version(session_.handshake().version);
      has_version_ = true;
    }
    switch (decoder_.next(frame)) {
      case StompFound::kFrame:
        frame_since_ms_ = 0;
        session_.take(std::move(frame));
        frame = {};
        break;
      case StompFound::kNothing:
        has_frames_ = false;
        break;
      case StompFound::kBroken:
        why_ = decoder_.why();
        has_frames_ = false;
        session_.break_off(why_, decoder_.broken_receipt());
        break;
    }
  }
  if (!decoder_.is_inside()) frame_since_ms_ = 0;
  if (decoder_.is_inside() && frame_since_ms_ == 0) frame_since_ms_ = now_ms();
}

void StompConnection::look_whether_over() {
  if (state_ != State::kOpen) return;
  const bool has_asked_all = peer_ended_ && !has_frames_;
  if (has_asked_all) session_.end_input();
  if (session_.is_over() || (has_asked_all && !session_.is_awaiting())) {
    enter(State::kFinishing);
  }
}

void StompConnection::write() {
  look_whether_over();
  if (state_ != State::kOpen && state_ != State::kFinishing) return;
  while (!output_.unwritten().empty()) {
    const Transfer sent = stream_->write_some(output_.unwritten());
    if (sent.moved == Moved::kLater) break;
    if (sent.moved != Moved::kDone) {
      state_ = State::kOver;
      return;
    }
    output_.wrote(sent.bytes);
    said_ms_ = now_ms();
    if (state_ == State::kFinishing) since_ms_ = said_ms_;
  }
  session_.note_written();
  if (state_ == State::kFinishing && output_.unwritten().empty()) finish();
}

void StompConnection::finish() {
  switch (stream_->finish_writing()) {
    case Moved::kLater:
      return;
    case Moved::kFailed:
      state_ = State::kOver;
      return;
    default:
      enter(peer_ended_ ? State::kOver : State::kLingering);
      may_read_ = true;
  }
}

void StompConnection::discard(std::span<char> buffer) {
  const Transfer got = stream_->discard_some(buffer);
  discarded_ += got.bytes;
  const bool is_over = got.moved == Moved::kEnd || got.moved == Moved::kFailed;
  if (is_over || discarded_ > kMostDiscarded) state_ = State::kOver;
  may_read_ = got.moved == Moved::kDone && !got.is_all;
}

void StompConnection::break_off(std::string why) {
  why_ = std::move(why);
  session_.break_off(why_, {});
  look_whether_over();
}

void StompConnection::refuse_for_memory() {
  if (state_ != State::kOpen) return;
  break_off("there is no memory for more unfinished frames");
  decoder_ = StompDecoder(settings_.frames);
  has_frames_ = false;
}

bool StompConnection::has_more() const {
  return reads() || (state_ == State::kOpen && has_frames_ && session_.may_take()) ||
         (state_ == State::kLingering && may_read_);
}

// ---- Time

std::int64_t StompConnection::beat_due_ms() const {
  const std::int64_t every_ms = session_.handshake().heart_beat.ours_ms;
  if (every_ms == 0 || !output_.unwritten().empty()) return kNever;
  return said_ms_ + every_ms - std::min(every_ms / 4, kBeatSlackMs);
}

std::int64_t StompConnection::silence_due_ms() const {
  if (!reads() && !(state_ == State::kOpen && session_.may_take())) return kNever;
  if (!session_.is_connected()) return since_ms_ + settings_.handshake_ms;
  const std::int64_t every_ms = session_.handshake().heart_beat.theirs_ms;
  if (every_ms != 0) return heard_ms_ + 2 * every_ms + kBeatSlackMs;
  return settings_.idle_ms == 0 ? kNever : heard_ms_ + settings_.idle_ms;
}

std::int64_t StompConnection::frame_due_ms() const {
  if (frame_since_ms_ == 0 || settings_.frame_ms == 0 || !session_.may_take()) return kNever;
  return frame_since_ms_ + settings_.frame_ms;
}

std::int64_t StompConnection::deadline_boot_ms() const {
  switch (state_) {
    case State::kHandshake:
      return since_ms_ + settings_.handshake_ms;
    case State::kOpen:
      return peer_ended_ ? kNever : std::min({beat_due_ms(), silence_due_ms(), frame_due_ms()});
    case State::kFinishing:
      return since_ms_ + kFinishMs;
    case State::kLingering:
      return since_ms_ + kLingerMs;
    case State::kOver:
      break;
  }
  return kNever;
}

void StompConnection::expire() {
  const std::int64_t now = now_ms();
  if (state_ != State::kOpen) {
    if (state_ == State::kHandshake) why_ = "TLS: no handshake in time";
    state_ = State::kOver;
    return;
  }
  if (frame_due_ms() <= now) {
    break_off("the frame took too long to come");
  } else if (silence_due_ms() <= now) {
    break_off(!session_.is_connected()                         ? "no CONNECT came in time"
              : session_.handshake().heart_beat.theirs_ms != 0 ? "no heart-beat came in time"
                                                               : "nothing came for too long");
  } else if (beat_due_ms() <= now) {
    output_.bytes() += '\n';
  }
}

std::uint32_t StompConnection::events() const {
  unsigned events = 0;
  if (state_ == State::kLingering) return EPOLLIN;
  const bool wants_input =
      state_ == State::kOpen && !has_frames_ && !peer_ended_ && session_.may_take();
  if (state_ == State::kHandshake || wants_input) {
    events |= static_cast<unsigned>(stream_->events(Direction::kRead));
  }
  if (!output_.unwritten().empty() || state_ == State::kFinishing) {
    events |= static_cast<unsigned>(stream_->events(Direction::kWrite));
  }
  return events;
}

}  // namespace spoolmq::adapters
