#include "adapters/in_connection.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "adapters/answer_line.h"
#include "core/text.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostUnreadAnswers = 64 << 10;  // bytes; then nothing more is read
constexpr std::size_t kMostFramesAhead = 1024;        // likewise, without an answer yet
constexpr std::int64_t kAnswerPatienceMs = 60'000;    // of a peer that ended and does not read
constexpr std::int64_t kLingerMs = 5'000;
constexpr std::size_t kMostDiscarded = 64 << 20;
constexpr std::int64_t kNever = INT64_MAX;

static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT);

std::int64_t after(std::int64_t since_ms, std::int64_t limit_ms) {
  return limit_ms == 0 ? kNever : since_ms + limit_ms;
}

Message stamp_of(const Peer& peer) {
  Message message;
  message.from.name = peer.name;
  if (peer.is_local) {
    // A process that we do not see has no number here; that of the receiving one keeps the user's.
    message.from.uid = peer.user;
    message.from.pid = peer.process != 0 ? static_cast<std::uint32_t>(peer.process)
                                         : static_cast<std::uint32_t>(::getpid());
  } else {
    message.headers.emplace_back("peer", peer.address);
  }
  return message;
}

}  // namespace

InConnection::InConnection(std::unique_ptr<Stream> stream, Peer peer,
                           const SocketInSettings& settings, std::int64_t now_boot_ms)
    : settings_(settings),
      stream_(std::move(stream)),
      peer_(std::move(peer)),
      stamp_(stamp_of(peer_)),
      reader_(settings.frames),
      since_boot_ms_(now_boot_ms) {}

void InConnection::advance(const Taking& taking) {
  may_read_ = true;
  if (state_ == State::kHandshake) shake_hands(taking);
  if (state_ != State::kOver && has_frames_) take_frames(taking);
  if (state_ == State::kLingering && may_read_) discard(taking);
  if (reads()) read(taking);
  write_answers(taking.now_boot_ms);
}

void InConnection::shake_hands(const Taking& taking) {
  switch (stream_->open()) {
    case Moved::kDone:
      if (std::string subject = stream_->subject(); !subject.empty()) {
        stamp_.headers.emplace_back("tls-subject", printable(subject));
      }
      state_ = State::kOpen;
      since_boot_ms_ = taking.now_boot_ms;
      break;
    case Moved::kLater:
      may_read_ = false;
      break;
    default:
      taking.refused("TLS: " + stream_->why());
      stream_->shut();  // behind TLS's own word of what is wrong
      linger(taking.now_boot_ms);
  }
}

bool InConnection::reads() const {
  return state_ == State::kOpen && may_read_ && !has_frames_ && unwritten() < kMostUnreadAnswers &&
         waiting_.size() < kMostFramesAhead;
}

void InConnection::read(const Taking& taking) {
  const Transfer got = stream_->read_some(taking.buffer);
  switch (got.moved) {
    case Moved::kDone:
      may_read_ = !got.is_all;
      break;
    case Moved::kLater:
      may_read_ = false;
      return;
    case Moved::kEnd:
      may_read_ = false;
      end(taking);
      return;
    case Moved::kFailed:
      drop(taking);
      return;
  }
  since_boot_ms_ = taking.now_boot_ms;
  reader_.feed(std::string_view(taking.buffer.data(), got.bytes));
  has_frames_ = true;
  take_frames(taking);
}

// Until the next is not whole, or nobody has room for it.
void InConnection::take_frames(const Taking& taking) {
  std::string body;
  while (has_frames_) {
    if (!taking.has_room()) return;
    const bool at_end = peer_ended_ && settings_.takes_unended;
    switch (at_end ? reader_.next_at_end(body) : reader_.next(body)) {
      case Found::kFrame:
        put(taking, std::move(body));
        frame_since_boot_ms_ = 0;
        break;
      case Found::kTooLong: {
        const std::string why =
            "longer than " + std::to_string(settings_.frames.most_bytes) + " bytes";
        taking.refused(why);
        if (settings_.answers) waiting_.push_back(answer_line(Verdict::kReject, why));
        frame_since_boot_ms_ = 0;
        break;
      }
      case Found::kNothing:
        has_frames_ = false;
        break;
      case Found::kBroken: {
        const std::string why = reader_.why();
        break_off(taking, answer_line(Verdict::kReject, why), why);
        return;
      }
    }
  }
  if (peer_ended_ && reader_.is_inside()) {
    // One that was killed and one that did not end its last line look the same from here.
    constexpr std::string_view kWhy = "the connection ended inside a message";
    break_off(taking, answer_line(Verdict::kReject, kWhy), std::string(kWhy));
    return;
  }
  if (!reader_.is_inside()) frame_since_boot_ms_ = 0;
  if (reader_.is_inside() && frame_since_boot_ms_ == 0) frame_since_boot_ms_ = taking.now_boot_ms;
}

void InConnection::put(const Taking& taking, std::string body) {
  Message message = stamp_;
  message.body = std::move(body);
  if (settings_.answers) waiting_.emplace_back();
  taking.put(std::move(message));
}

// The peer sends no more; what it sent is taken, and answered.
void InConnection::end(const Taking& taking) {
  peer_ended_ = true;
  state_ = State::kAnswering;
  has_frames_ = true;
  take_frames(taking);
}

void InConnection::break_off(const Taking& taking, const std::string& answer,
                             const std::string& why) {
  taking.refused(why);
  if (settings_.answers) waiting_.push_back(answer);
  has_frames_ = false;
  lingers_ = !peer_ended_;
  state_ = State::kAnswering;
  since_boot_ms_ = taking.now_boot_ms;
}

// Nothing goes either way any more. Frames that came whole are good all the same.
void InConnection::drop(const Taking& taking) {
  if (reader_.is_inside()) {
    taking.refused("the connection broke inside a message: " + stream_->why());
  }
  state_ = State::kOver;
}

void InConnection::answer(const std::string& line) {
  if (!settings_.answers) return;
  const auto oldest = std::ranges::find_if(waiting_, &std::string::empty);
  if (oldest != waiting_.end()) *oldest = line;
}

void InConnection::write_answers(std::int64_t now_boot_ms) {
  if (state_ != State::kOpen && state_ != State::kAnswering) return;
  while (!waiting_.empty() && !waiting_.front().empty()) {
    answers_ += waiting_.front();
    waiting_.pop_front();
  }
  while (unwritten() > 0) {
    const Transfer sent = stream_->write_some(std::string_view(answers_).substr(written_));
    if (sent.moved == Moved::kLater) break;
    if (sent.moved != Moved::kDone) {
      state_ = State::kOver;
      return;
    }
    written_ += sent.bytes;
    since_boot_ms_ = now_boot_ms;
  }
  if (unwritten() == 0 || written_ >= kMostUnreadAnswers)
    answers_.erase(0, std::exchange(written_, 0));
  if (state_ == State::kAnswering && !has_frames_ && waiting_.empty() && unwritten() == 0) {
    finish(now_boot_ms);
  }
}

void InConnection::finish(std::int64_t now_boot_ms) {
  switch (stream_->finish_writing()) {
    case Moved::kLater:
      return;
    case Moved::kFailed:
      state_ = State::kOver;
      return;
    default:
      state_ = State::kOver;
      if (lingers_) linger(now_boot_ms);
  }
}

void InConnection::linger(std::int64_t now_boot_ms) {
  state_ = State::kLingering;
  since_boot_ms_ = now_boot_ms;
  may_read_ = true;
}

void InConnection::discard(const Taking& taking) {
  const Transfer got = stream_->discard_some(taking.buffer);
  discarded_ += got.bytes;
  const bool is_over = got.moved == Moved::kEnd || got.moved == Moved::kFailed;
  if (is_over || discarded_ > kMostDiscarded) state_ = State::kOver;
  may_read_ = got.moved == Moved::kDone && !got.is_all;
}

void InConnection::refuse_for_memory(const Taking& taking) {
  if (state_ != State::kOpen) return;
  constexpr std::string_view kWhy = "no memory for more unfinished messages";
  break_off(taking, answer_line(Verdict::kNack, kWhy), std::string(kWhy));
  reader_ = FrameReader(settings_.frames);
  write_answers(taking.now_boot_ms);
}

bool InConnection::has_more() const {
  return state_ != State::kOver &&
         (has_frames_ || reads() || (state_ == State::kHandshake && may_read_));
}

void InConnection::restart_times(std::int64_t now_boot_ms) {
  if (state_ != State::kOpen) return;
  since_boot_ms_ = now_boot_ms;
  if (frame_since_boot_ms_ != 0) frame_since_boot_ms_ = now_boot_ms;
}

std::int64_t InConnection::deadline_boot_ms() const {
  switch (state_) {
    case State::kHandshake:
      return since_boot_ms_ + settings_.handshake_ms;
    case State::kOpen: {
      const bool is_ours = !waiting_.empty() || has_frames_;  // it waits for us
      const std::int64_t idle_ms = is_ours ? kNever : after(since_boot_ms_, settings_.idle_ms);
      const std::int64_t frame_ms =
          frame_since_boot_ms_ == 0 ? kNever : after(frame_since_boot_ms_, settings_.frame_ms);
      return std::min(idle_ms, frame_ms);
    }
    case State::kAnswering:
      return waiting_.empty() && !has_frames_ ? since_boot_ms_ + kAnswerPatienceMs : kNever;
    case State::kLingering:
      return since_boot_ms_ + kLingerMs;
    case State::kOver:
      break;
  }
  return kNever;
}

void InConnection::expire(const Taking& taking) {
  if (state_ == State::kHandshake) {
    taking.refused("TLS: no handshake in time");
  } else if (state_ == State::kOpen && reader_.is_inside()) {
    constexpr std::string_view kWhy = "the message took too long to come";
    break_off(taking, answer_line(Verdict::kReject, kWhy), std::string(kWhy));
    write_answers(taking.now_boot_ms);
    return;
  }
  state_ = State::kOver;
}

std::uint32_t InConnection::events() const {
  unsigned events = 0;
  const bool writes = unwritten() > 0 || (state_ == State::kAnswering && waiting_.empty());
  if (state_ == State::kLingering) return EPOLLIN;
  if (state_ == State::kHandshake ||
      (state_ == State::kOpen && !has_frames_ && unwritten() < kMostUnreadAnswers &&
       waiting_.size() < kMostFramesAhead)) {
    events |= static_cast<unsigned>(stream_->events(Direction::kRead));
  }
  if (writes && !has_frames_) events |= static_cast<unsigned>(stream_->events(Direction::kWrite));
  return events;
}

}  // namespace spoolmq::adapters
