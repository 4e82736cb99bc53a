#include "adapters/fifo_out.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "adapters/answer_line.h"
#include "adapters/fifo_pair.h"
#include "adapters/whole_body.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kFilledBytes = 64 << 10;  // to be written: then nothing more is fetched
constexpr std::int64_t kLongestLookAfterMs = 50;
constexpr std::int64_t kLookIntoQueueMs = 50;
constexpr std::int64_t kLastChanceMs = 1000;
constexpr int kLastLookMs = 50;

Queue open_queue(const AdapterPlace& place, const std::string& queue) {
  OpenOptions options;
  options.name = place.name;
  return place.root->open_queue(queue, options);
}

}  // namespace

FifoOut::FifoOut(const std::string& queue, FifoSettings settings, AdapterPlace place)
    : PolledAdapter(*place.clock),
      settings_(std::move(settings)),
      place_(std::move(place)),
      queue_(open_queue(place_, queue)) {}

FifoOut::~FifoOut() {
  if (!outflow_) return;
  try {
    end_frame();
    if (settings_.answers) return;
    // From here on it is between the pipe and its reader, who is there.
    const std::uint64_t written = is_reader_there() ? sent() : 0;
    for (const OnItsWay& one : on_its_way_) {
      if (one.end <= written) outflow_->settle(one.id, Verdict::kAck);
    }
  } catch (const std::exception& error) {
    log::warn("could not end what was under way",
              {{"adapter", place_.name}, {"why", error.what()}});
  }
}

PolledAdapter::Step FifoOut::step() {
  look_at_paths();
  const std::int64_t now_ms = clock().boot_ms();
  if (!outflow_ && !find_reader()) {
    if (place_.once && is_drained(queue_)) return {0, true};
    return {now_ms + kLookForReaderMs, false};
  }
  fill();
  write_on();
  const bool is_there = is_reader_there();  // before the last look at what it has read and said
  bool goes_on = true;
  if (settings_.answers) {
    goes_on = settle_answered();
  } else {
    settle_read();
  }
  outflow_->flush();
  if (!is_there || !goes_on) {
    if (is_there || !leave()) close(is_there ? "the answers were closed" : "the reader has gone");
    return {clock().boot_ms() + kLookForReaderMs, false};
  }
  std::int64_t next_ms = std::min(outflow_->extend_due(), look_boot_ms_);
  if (settings_.answer_timeout_ms > 0 && !on_its_way_.empty()) {
    next_ms = std::min(next_ms, first_since_boot_ms_ + settings_.answer_timeout_ms);
  }
  if (!settings_.answers && !on_its_way_.empty()) {
    next_ms = std::min(next_ms, clock().boot_ms() + look_after_ms_);
  }
  if (place_.once && outflow_->unsettled() == 0) {
    if (outflow_->is_queue_empty()) return {0, true};
    next_ms = std::min(next_ms, clock().boot_ms() + kLookIntoQueueMs);
  }
  return {next_ms, false};
}

void FifoOut::gather(std::vector<pollfd>& waited) {
  if (!outflow_) return;
  const short room = rest() == 0 ? short{0} : short{POLLOUT};
  waited.push_back({end_.number(), room, 0});
  if (rest() < kFilledBytes) waited.push_back({outflow_->descriptor(), POLLIN, 0});
  if (answers_) waited.push_back({answers_->descriptor(), POLLIN, 0});
}

// ---- The reader

bool FifoOut::find_reader() {
  if (settings_.answers) {
    if (!open_answers_and_find_reader()) return false;
    answer_lines_.emplace(FrameRules{FrameKind::kLine, kMostAnswerBytes});
  } else if (end_.is_open()) {
    if (!is_reader_there()) return false;
  } else {
    if (!file_) file_.emplace(FifoFile::open(settings_.fifo));
    std::optional<Descriptor> end = file_->open_writer();
    // What is in the pipe is of before, when another process of ours may have been cut off.
    if (!end || unread_bytes(end->number()) > 0) return false;
    end_ = std::move(*end);
  }
  outflow_.emplace(queue_, place_, settings_.window);
  return true;
}

bool FifoOut::open_answers_and_find_reader() {
  if (answers_) {
    answers_->forget_ended();
    if (answers_->has_bytes()) {
      close("an answer that nothing waits for");
      return false;
    }
    std::optional<Descriptor> end = file_->open_writer();
    if (end) end_ = std::move(*end);
    return end_.is_open();
  }
  if (!file_) {
    file_.emplace(FifoFile::open(settings_.fifo));
    answers_file_.emplace(FifoFile::open(*settings_.answers));
  }
  std::optional<FifoEnds> ends = open_fifo_pair(*answers_file_, *file_);
  if (!ends) {
    if (!std::exchange(told_of_before_, true)) {
      log::warn("a reader that was there before must first close it",
                {{"adapter", place_.name}, {"fifo", settings_.fifo.path}});
    }
    return false;
  }
  told_of_before_ = false;
  answers_.emplace(*answers_file_, std::move(ends->read));
  end_ = std::move(ends->write);
  return end_.is_open();
}

void FifoOut::look_at_paths() {
  const std::int64_t now_ms = clock().boot_ms();
  if (now_ms < look_boot_ms_) return;
  look_boot_ms_ = now_ms + kLookAtPathMs;
  if (!file_) return;
  if (file_->is_at_path() && (!answers_file_ || answers_file_->is_at_path())) return;
  close("another file has its path now, or none");
  file_.reset();
  answers_file_.reset();
}

// A reader that comes in this moment does not meet the end of a FIFO in which nothing is left.
bool FifoOut::leave() {
  const bool is_between = on_its_way_.empty() || on_its_way_.front().begin == sent();
  if (settings_.answers || !is_between || unread_bytes(end_.number()) > 0) return false;
  forget_stream();
  return true;
}

void FifoOut::forget_stream() {
  outflow_.reset();
  bytes_.clear();
  written_ = 0;
  on_its_way_.clear();
  queued_ = 0;
}

// Nothing is left in the pipe for the next reader, who would not know where in a message it begins:
// with both ends closed the kernel drops it. Only then what is under way is ready again.
void FifoOut::close(std::string_view why) {
  log::info("closed", {{"adapter", place_.name}, {"fifo", settings_.fifo.path}, {"why", why}});
  end_.close();
  answers_.reset();
  answer_lines_.reset();
  forget_stream();
}

bool FifoOut::is_reader_there() const {
  pollfd reader{end_.number(), 0, 0};
  return ::poll(&reader, 1, 0) <= 0 || (reader.revents & POLLERR) == 0;
}

// ---- Messages

void FifoOut::fill() {
  while (rest() < kFilledBytes) {
    const Delivery* const delivery = outflow_->next();
    if (delivery == nullptr) return;
    const MessageId id = delivery->message().id;
    const std::optional<std::string> body = whole_body(*delivery, settings_.framing.most_bytes);
    const std::size_t before = bytes_.size();
    if (!body) {
      outflow_->settle(id, Verdict::kReject,
                       oversize(delivery->message().body_size(), settings_.framing.most_bytes));
    } else if (!append_frame(bytes_, settings_.framing.kind, *body)) {
      outflow_->settle(id, Verdict::kReject,
                       "its framing cannot tell where it ends: the end of a frame is in it");
    } else {
      if (on_its_way_.empty()) first_since_boot_ms_ = clock().boot_ms();
      const std::uint64_t begin = queued_;
      queued_ += bytes_.size() - before;
      on_its_way_.push_back({id, begin, queued_});
      look_after_ms_ = 1;
    }
  }
}

void FifoOut::write_on() {
  while (rest() > 0) {
    const ssize_t taken = ::write(end_.number(), bytes_.data() + written_, rest());
    if (taken >= 0) {
      written_ += static_cast<std::size_t>(taken);
    } else if (errno == EAGAIN || errno == EPIPE) {  // a reader that has gone is seen by the caller
      return;
    } else if (errno != EINTR) {
      throw Error::from_errno(errno, "write", file_->path());
    }
  }
  bytes_.clear();
  written_ = 0;
}

// Nothing tells when a reader reads: it is looked at after 1 ms, then less and less often.
void FifoOut::settle_read() {
  const std::uint64_t read = sent() - unread_bytes(end_.number());
  look_after_ms_ = std::min(look_after_ms_ * 2, kLongestLookAfterMs);
  for (; !on_its_way_.empty() && on_its_way_.front().end <= read; on_its_way_.pop_front()) {
    outflow_->settle(on_its_way_.front().id, Verdict::kAck);
    look_after_ms_ = 1;
  }
}

// ---- Answers

bool FifoOut::settle_answered() {
  const bool goes_on = take_answers();
  refuse_late_answer();
  return goes_on;
}

bool FifoOut::take_answers() {
  std::string line;
  while (true) {
    std::string_view bytes;
    const FifoInput::Got got = answers_->read(bytes);
    if (got == FifoInput::Got::kNothing) return true;
    if (got == FifoInput::Got::kEnded) {
      if (answer_lines_->next_at_end(line) == Found::kFrame) take_answer(line);
      return false;
    }
    answer_lines_->feed(bytes);
    for (Found found{}; (found = answer_lines_->next(line)) != Found::kNothing;) {
      take_answer(found == Found::kFrame ? std::string_view(line) : std::string_view());
    }
  }
}

void FifoOut::take_answer(std::string_view line) {
  const auto broken = [this](const std::string& why) {
    outflow_->flush();
    return Error(ErrorCode::kUnavailable, "read answers", answers_file_->path(), why);
  };
  const std::optional<Answer> answer = parse_answer(line);
  if (!answer) throw broken("a line begins with none of ok, again, no, down, stop");
  if (on_its_way_.empty() || on_its_way_.front().end > sent()) {
    throw broken("an answer that nothing waits for");
  }
  outflow_->settle(on_its_way_.front().id, answer->verdict, answer->text);
  on_its_way_.pop_front();
  first_since_boot_ms_ = clock().boot_ms();
  if (answer->verdict == Verdict::kPause) {
    throw broken("down: " + answer->text);
  }
  if (answer->verdict == Verdict::kStop) {
    outflow_->flush();
    throw Error(ErrorCode::kConfiguration, "hand on", file_->path(), "stop: " + answer->text);
  }
}

void FifoOut::refuse_late_answer() {
  if (settings_.answer_timeout_ms == 0 || on_its_way_.empty()) return;
  if (clock().boot_ms() < first_since_boot_ms_ + settings_.answer_timeout_ms) return;
  const std::string why = "no answer within " + std::to_string(settings_.answer_timeout_ms) + " ms";
  outflow_->settle(on_its_way_.front().id, Verdict::kNack, why);
  outflow_->flush();
  throw Error(ErrorCode::kUnavailable, "hand on", file_->path(), why);
}

// ---- The end

// Of the frame of which the beginning is in the pipe already.
void FifoOut::end_frame() {
  const auto torn = std::ranges::find_if(
      on_its_way_, [this](const OnItsWay& one) { return one.begin < sent() && sent() < one.end; });
  if (torn == on_its_way_.end()) return;
  bytes_.resize(written_ + (torn->end - sent()));
  queued_ = torn->end;
  const std::int64_t until_boot_ms = clock().boot_ms() + kLastChanceMs;
  while (rest() > 0 && is_reader_there() && clock().boot_ms() < until_boot_ms) {
    write_on();
    pollfd room{end_.number(), POLLOUT, 0};
    if (rest() > 0) static_cast<void>(::poll(&room, 1, kLastLookMs));
  }
  if (rest() == 0) return;
  log::warn("a message was cut off for its reader",
            {{"adapter", place_.name}, {"fifo", settings_.fifo.path}});
}

}  // namespace spoolmq::adapters
