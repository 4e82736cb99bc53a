#include "adapters/fifo_in.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "adapters/fifo_pair.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kBrokenOffMs = 200;
constexpr std::size_t kMostBytesPerStep = 1 << 20;
// A pipe's 64 KiB of empty lines, by what the intake holds at a time, and some more.
constexpr int kMostRounds = 512;
// Of answers that wait for their reader: then nothing more is read.
constexpr std::size_t kMostWaitingAnswerBytes = 64 << 10;

Queue open_queue(const AdapterPlace& place, const std::string& queue) {
  OpenOptions options;
  options.name = place.name;
  return place.root->open_queue(queue, options);
}

}  // namespace

FifoIn::FifoIn(const std::string& queue, FifoSettings settings, AdapterPlace place)
    : PolledAdapter(*place.clock),
      settings_(std::move(settings)),
      place_(std::move(place)),
      queue_(open_queue(place_, queue)),
      intake_(queue_, place_) {}

FifoIn::~FifoIn() {
  if (!frames_ || !frames_->is_inside()) return;
  log::warn("what was there of an unfinished message is lost",
            {{"adapter", place_.name}, {"fifo", settings_.fifo.path}});
}

PolledAdapter::Step FifoIn::step() {
  send_on();  // what a full queue did not take the last time
  look_at_paths();
  const std::int64_t now_ms = clock().boot_ms();
  if (!is_open() && !open()) return {now_ms + kLookForReaderMs, false};
  if (input_->is_broken_off()) {
    if (now_ms < resume_boot_ms_) return {resume_boot_ms_, false};
    input_->resume();
  }
  if (settings_.answers) {
    if (!answers_end_.is_open()) find_reader_of_answers();
    if (!answers_end_.is_open()) return {now_ms + kLookForReaderMs, false};
    if (!write_answers()) {
      close("nobody reads the answers any more");
      return {now_ms + kLookForReaderMs, false};
    }
  }
  const Progress progress = ending_ ? Progress::kWaiting : take_in();
  send_on();
  if (settings_.answers && (!write_answers() || input_->is_broken_off())) {
    close("the exchange broke off");
    return {clock().boot_ms() + kLookForReaderMs, false};
  }
  if (progress == Progress::kEnded) ending_ = true;
  if (ending_ && answers_.is_done()) {
    end_exchange();
    if (place_.once) return {0, true};
  }
  if (progress == Progress::kMore) return {0, false};
  return {input_ && input_->is_broken_off() ? resume_boot_ms_ : look_boot_ms_, false};
}

void FifoIn::gather(std::vector<pollfd>& waited) {
  if (!is_open() || input_->is_broken_off()) return;
  if (!settings_.answers) {
    waited.push_back({input_->descriptor(), POLLIN, 0});
    return;
  }
  // A hang-up is told even of what is not asked for: what is not to be read now is left out.
  if (!answers_end_.is_open()) return;
  if (!ending_ && answers_.lines().size() < kMostWaitingAnswerBytes) {
    waited.push_back({input_->descriptor(), POLLIN, 0});
  }
  const short room = answers_.lines().empty() ? short{0} : short{POLLOUT};
  waited.push_back({answers_end_.number(), room, 0});
}

// ---- The FIFOs

void FifoIn::look_at_paths() {
  const std::int64_t now_ms = clock().boot_ms();
  if (now_ms < look_boot_ms_) return;
  look_boot_ms_ = now_ms + kLookAtPathMs;
  if (!is_open()) return;
  if (file_->is_at_path() && (!answers_file_ || answers_file_->is_at_path())) return;
  if (!settings_.answers) take_in_rest();
  close("another file has its path now, or none");
}

void FifoIn::take_in_rest() {
  Progress progress = Progress::kMore;
  for (int i = 0; i < kMostRounds && progress == Progress::kMore; ++i) {
    if (input_->is_broken_off()) return;
    progress = take_in();
    send_on();
  }
  if (progress != Progress::kEnded) end_stream();
  send_on();
}

bool FifoIn::open() {
  file_.emplace(FifoFile::open(settings_.fifo));
  if (settings_.answers) {
    if (!open_with_answers()) return false;
  } else {
    input_.emplace(*file_, file_->open_reader());
  }
  frames_.emplace(settings_.framing);
  return true;
}

bool FifoIn::open_with_answers() {
  answers_file_.emplace(FifoFile::open(*settings_.answers));
  std::optional<FifoEnds> ends = open_fifo_pair(*file_, *answers_file_);
  if (!ends) {
    if (!std::exchange(told_of_before_, true)) {
      log::warn("a writer that was there before must first close it",
                {{"adapter", place_.name}, {"fifo", settings_.fifo.path}});
    }
    return false;
  }
  told_of_before_ = false;
  input_.emplace(*file_, std::move(ends->read));
  answers_end_ = std::move(ends->write);
  return true;
}

void FifoIn::close(std::string_view why) {
  log::info("closed", {{"adapter", place_.name}, {"fifo", settings_.fifo.path}, {"why", why}});
  input_.reset();
  frames_.reset();
  answers_end_.close();
  answers_.clear();
  ending_ = false;
  reader_was_there_ = false;
}

// Who read the answers of an exchange that is over meets their end, as long as no other has begun.
void FifoIn::find_reader_of_answers() {
  input_->forget_ended();
  std::optional<Descriptor> end = answers_file_->open_writer();
  if (!end) {
    reader_was_there_ = false;
  } else if (!reader_was_there_ || input_->has_bytes()) {
    answers_end_ = std::move(*end);
  }
}

bool FifoIn::write_answers() {
  pollfd reader{answers_end_.number(), 0, 0};
  if (::poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR) != 0) return false;
  while (!answers_.lines().empty()) {
    const std::string_view lines = answers_.lines();
    const ssize_t written = ::write(answers_end_.number(), lines.data(), lines.size());
    if (written >= 0) {
      answers_.wrote(static_cast<std::size_t>(written));
    } else if (errno == EPIPE) {
      return false;
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      throw Error::from_errno(errno, "answer", answers_file_->path());
    }
  }
  return true;
}

void FifoIn::end_exchange() {
  ending_ = false;
  answers_end_.close();
  reader_was_there_ = true;
}

// ---- Messages

FifoIn::Progress FifoIn::take_in() {
  for (std::size_t taken = 0; taken < kMostBytesPerStep;) {
    if (take_frames()) return Progress::kMore;
    if (input_->is_broken_off()) return Progress::kWaiting;
    if (answers_.lines().size() >= kMostWaitingAnswerBytes) return Progress::kWaiting;
    std::string_view bytes;
    switch (input_->read(bytes)) {
      case FifoInput::Got::kNothing:
        return Progress::kWaiting;
      case FifoInput::Got::kBytes:
        frames_->feed(bytes);
        taken += bytes.size();
        break;
      case FifoInput::Got::kEnded:
        end_stream();
        return Progress::kEnded;
    }
  }
  return Progress::kMore;
}

bool FifoIn::take_frames() {
  std::string body;
  while (!intake_.is_full()) {
    const Found found = frames_->next(body);
    if (found == Found::kNothing) return false;
    note(found, body);
    if (found == Found::kBroken) {
      break_off();
      return false;
    }
  }
  return true;
}

// What the last of the writers left without an end is not glued to what the next one writes.
void FifoIn::end_stream() {
  std::string body;
  const Found found = frames_->next_at_end(body);
  if (found != Found::kNothing) note(found, body);
  frames_.emplace(settings_.framing);
}

void FifoIn::note(Found found, std::string& body) {
  if (found == Found::kTooLong) {
    refuse("a message is longer than " + std::to_string(settings_.framing.most_bytes) + " bytes");
  } else if (found == Found::kBroken) {
    refuse(frames_->why());
  } else {
    if (settings_.answers) answers_.expect();
    intake_.add(
        received_message(settings_.format, std::exchange(body, {}), "fifo:" + settings_.fifo.path));
  }
}

void FifoIn::refuse(std::string_view why) {
  if (place_.counters != nullptr) place_.counters->refused.fetch_add(1, std::memory_order_relaxed);
  if (place_.on_refused) place_.on_refused(settings_.fifo.path, std::string(why));
  if (settings_.answers) answers_.refuse(why);
}

void FifoIn::break_off() {
  input_->break_off();
  frames_.emplace(settings_.framing);
  resume_boot_ms_ = clock().boot_ms() + kBrokenOffMs;
}

void FifoIn::send_on() {
  for (const Intake::Taken& taken : intake_.flush()) {
    if (settings_.answers) answers_.told(taken);
  }
}

}  // namespace spoolmq::adapters
