#include "adapters/out_connection.h"

#include <array>
#include <utility>

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kEnoughWaiting = 64 << 10;  // bytes to be written; then none are put
constexpr std::size_t kReadBytes = 16 << 10;
constexpr std::size_t kKeptBytes = 1 << 20;  // of a buffer that a large message needed

}  // namespace

OutConnection::OutConnection(std::unique_ptr<Stream> stream, Rules rules)
    : stream_(std::move(stream)), rules_(rules), answers_({FrameKind::kLine, kMostAnswerBytes}) {}

bool OutConnection::has_room() const {
  return failure_.empty() && !finishes_ && unwritten() < kEnoughWaiting;
}

bool OutConnection::put(const MessageId& id, std::string_view body) {
  const std::size_t before = buffer_.size();
  if (!append_frame(buffer_, rules_.framing, body)) return false;
  ids_.push_back(id);
  if (!rules_.answers) ends_.push_back(buffer_.size() - before);
  return true;
}

std::vector<OutConnection::Settled> OutConnection::move() {
  std::vector<Settled> settled;
  if (failure_.empty()) write(settled);
  // Of a connection that nothing can be written to any more: why, the other side may have said.
  do {
    read(settled);
  } while (!failure_.empty() && has_more_);
  return settled;
}

void OutConnection::write(std::vector<Settled>& settled) {
  while (unwritten() > 0) {
    const Transfer sent = stream_->write_some(std::string_view(buffer_).substr(written_));
    if (sent.moved == Moved::kLater) break;
    if (sent.moved != Moved::kDone) {
      fail(stream_->why());
      has_more_ = true;
      break;
    }
    progress_ = true;
    written_ += sent.bytes;
    after_end_ += sent.bytes;
    while (!ends_.empty() && after_end_ >= ends_.front()) {
      after_end_ -= ends_.front();
      ends_.pop_front();
      settled.push_back({ids_.front(), {}});
      ids_.pop_front();
    }
  }
  if (unwritten() == 0 && buffer_.capacity() > kKeptBytes) std::string().swap(buffer_);
  if (unwritten() == 0 || written_ >= kEnoughWaiting) buffer_.erase(0, std::exchange(written_, 0));
}

void OutConnection::read(std::vector<Settled>& settled) {
  std::array<char, kReadBytes> bytes;
  const Transfer got = stream_->read_some(bytes);
  has_more_ = got.moved == Moved::kDone && !got.is_all;
  if (got.moved == Moved::kEnd) {
    fail("the other side has ended");
  } else if (got.moved == Moved::kFailed) {
    fail(stream_->why());
  } else if (got.moved == Moved::kDone && rules_.answers) {
    answers_.feed(std::string_view(bytes.data(), got.bytes));
    take_answers(settled);
  }
}

void OutConnection::take_answers(std::vector<Settled>& settled) {
  std::string line;
  while (true) {
    const Found found = answers_.next(line);
    if (found == Found::kNothing) return;
    const auto answer = found == Found::kFrame ? parse_answer(line) : std::nullopt;
    if (!answer || ids_.empty()) {
      fail(answer ? "it answered what was not asked" : "it sent a line that is no answer");
      has_more_ = false;
      return;
    }
    progress_ = true;
    settled.push_back({ids_.front(), *answer});
    ids_.pop_front();
  }
}

// The first reason stays.
void OutConnection::fail(const std::string& why) {
  if (failure_.empty()) failure_ = why;
}

bool OutConnection::finish() {
  finishes_ = true;
  if (unwritten() > 0 || !failure_.empty()) return false;
  switch (stream_->finish_writing()) {
    case Moved::kDone:
      finished_ = true;
      return true;
    case Moved::kLater:
      return false;
    default:
      fail(stream_->why());
      return false;
  }
}

short OutConnection::events() const {
  const bool writes = unwritten() > 0 || (finishes_ && !finished_);
  return static_cast<short>(stream_->events(Direction::kRead) |
                            (writes ? stream_->events(Direction::kWrite) : 0));
}

}  // namespace spoolmq::adapters
