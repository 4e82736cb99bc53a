#include "adapters/dead_letters.h"

#include <algorithm>
#include <utility>

#include "adapters/dead_letter_name.h"
#include "adapters/free_name.h"
#include "adapters/side_directory.h"
#include "core/id_source.h"
#include "core/log.h"
#include "core/text.h"
#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kPage = 1000;
constexpr std::size_t kPagesPerTurn = 10;
constexpr std::size_t kLoadsPerTurn = 500;
constexpr std::size_t kGonePerTurn = 500;
constexpr std::size_t kLettersTogether = 64;
constexpr std::uint64_t kLetterBytesTogether = 8 << 20;
// One that died while another was deleted leaves the counters as they were.
constexpr std::int64_t kWalkAnywayMs = 60'000;
constexpr std::int64_t kStrangeTemporaryMs = 24 * 3'600'000;
constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::size_t kPieceBytes = 256 << 10;

std::string file_temporary(const ExportRow& row) { return export_temporary(row.id, row.nonce); }

std::string reason_temporary(const ExportRow& row) {
  return export_temporary(row.id, row.nonce, ExportPart::kChecksum);
}

std::string reason_name(const ExportRow& row) { return row.name + std::string(kReasonSuffix); }

}  // namespace

DeadLetters::DeadLetters(Queue& queue, std::string source, Dir& errors, ExportIdentity& identity,
                         const Clock& clock)
    : queue_(queue),
      source_(std::move(source)),
      errors_(errors),
      identity_(identity),
      clock_(clock) {}

DeadLetters::Turn DeadLetters::turn(const std::function<bool()>& keep_going) {
  Turn turn;
  // What an error left half-way is found again: by its row, or as a leftover.
  if (!letters_.empty()) {
    drop_batch();
    started_ = false;
    walking_ = false;
    walked_.reset();
  }
  if (!started_) {
    remove_leftovers();
    gone_ = identity_.ids();
    started_ = true;
  }
  if (!gone_.empty()) {
    forget_gone();
    turn.more = true;
    return turn;
  }
  if (!walking_) {
    const StateCount dead = queue_.stats().of(State::kDead);
    const bool same = walked_ && walked_->messages == dead.messages && walked_->bytes == dead.bytes;
    if (same && clock_.boot_ms() < walk_anyway_boot_ms_) return turn;
    begin_walk(dead);
  }
  walk(turn, keep_going);
  turn.more = walking_ || !gone_.empty();
  return turn;
}

// ---- The walk over all dead messages, in pieces

void DeadLetters::begin_walk(const StateCount& dead) {
  walking_ = true;
  ++walk_;
  cursor_ = -1;
  walked_ = dead;
  walk_anyway_boot_ms_ = clock_.boot_ms() + kWalkAnywayMs;
}

void DeadLetters::walk(Turn& turn, const std::function<bool()>& keep_going) {
  loads_ = 0;
  for (std::size_t i = 0; i < kPagesPerTurn && loads_ < kLoadsPerTurn; ++i) {
    const std::vector<MessageStatus> page = queue_.scan({{State::kDead}, cursor_, kPage});
    bool stopped = false;
    for (const MessageStatus& status : page) {
      stopped = loads_ >= kLoadsPerTurn || !look_at(status, keep_going);
      if (stopped) break;
      cursor_ = status.sequence;
      if (letters_.size() >= kLettersTogether || letter_bytes_ >= kLetterBytesTogether) {
        turn.returned += place_all();
      }
    }
    turn.returned += place_all();
    if (stopped) return;
    if (page.size() < kPage) return end_walk();
  }
}

void DeadLetters::end_walk() {
  walking_ = false;
  for (auto one = looked_.begin(); one != looked_.end();) {
    if (one->second.walk == walk_) {
      ++one;
      continue;
    }
    gone_.push_back(one->first);
    one = looked_.erase(one);
  }
}

void DeadLetters::remember(const MessageStatus& status) {
  looked_[status.id] = {status.counters.redrives, walk_};
}

// The rows of messages that are not dead any more, or were requeued since.
void DeadLetters::forget_gone() {
  std::vector<MessageId> forgotten;
  for (std::size_t i = 0; i < kGonePerTurn && !gone_.empty(); ++i) {
    const MessageId id = gone_.back();
    gone_.pop_back();
    const std::optional<ExportRow> row = identity_.find(id);
    if (!row) continue;
    const std::optional<MessageStatus> status = queue_.status(id);
    if (status && status->state == State::kDead && status->counters.redrives == row->redrives) {
      continue;
    }
    undo(*row);
    forgotten.push_back(id);
  }
  if (forgotten.empty()) return;
  errors_.sync();
  identity_.update({}, forgotten);
}

// Temporaries without a row: written right before a cut. Other queues and imports may use the same
// directory, so only what is surely ours goes, or what has been there for a day.
void DeadLetters::remove_leftovers() {
  std::vector<std::pair<std::string, MessageId>> temporaries;
  errors_.list([&](std::string_view name) {
    if (const auto id = parse_export_temporary(name)) temporaries.emplace_back(name, *id);
    return true;
  });
  for (const auto& [name, id] : temporaries) {
    const std::optional<ExportRow> row = identity_.find(id);
    if (row && (name == file_temporary(*row) || name == reason_temporary(*row))) continue;
    const std::optional<Message> message = queue_.status(id) ? queue_.load(id) : std::nullopt;
    const std::string* const source = message ? message->header(kSourceHeader) : nullptr;
    const auto status = errors_.status(name);
    const bool old = status && clock_.wall_ms() - status->mtime_ns / kNsPerMs > kStrangeTemporaryMs;
    if (row || old || (source != nullptr && *source == source_)) errors_.unlink(name);
  }
}

// ---- One message

bool DeadLetters::look_at(const MessageStatus& status, const std::function<bool()>& keep_going) {
  const auto looked = looked_.find(status.id);
  if (looked != looked_.end() && looked->second.redrives == status.counters.redrives) {
    looked->second.walk = walk_;
    return true;
  }
  const std::optional<ExportRow> row = identity_.find(status.id);
  const bool recorded = row && row->redrives == status.counters.redrives;
  if (recorded && !errors_.status(file_temporary(*row))) {
    remember(status);  // brought back before
    return true;
  }
  ++loads_;
  std::optional<Message> message;
  try {
    message = queue_.load(status.id);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    log::warn("a dead message cannot be brought back",
              {{"id", status.id.text()}, {"why", error.why()}});
    remember(status);
    return true;
  }
  if (!message) return true;  // gone meanwhile
  const std::string* const source = message->header(kSourceHeader);
  if (source == nullptr || *source != source_) {
    remember(status);
    return true;
  }
  if (row && !recorded) undo(*row);
  Letter letter{
      status, std::move(*message), {status.id, 0, status.counters.redrives, {}}, recorded};
  if (recorded) letter.row = *row;
  if (!recorded) {
    choose_name(letter);
    letter.row.nonce = random_bits();
    letters_.push_back(std::move(letter));
    return write(letters_.back(), keep_going);
  }
  names_.insert(letter.row.name);
  letters_.push_back(std::move(letter));
  return true;
}

void DeadLetters::choose_name(Letter& letter) {
  const std::string wanted = dead_letter_name(letter.message);
  auto name = take_free_name(wanted, numbered_letter_name,
                             [this](const std::string& free) { return is_free(free); });
  if (!name) refuse_name(wanted);
  names_.insert(*name);
  letter.row.name = std::move(*name);
}

void DeadLetters::refuse_name(const std::string& name) const {
  throw Error(ErrorCode::kCannotCreate, "bring back", errors_.path() + "/" + name,
              "every numbered name is taken");
}

bool DeadLetters::is_free(const std::string& name) {
  return !names_.contains(name) && !errors_.status(name) &&
         !errors_.status(name + std::string(kReasonSuffix));
}

// Both temporaries; false: told to end, and nothing is left of them.
bool DeadLetters::write(Letter& letter, const std::function<bool()>& keep_going) {
  const std::string temporary = file_temporary(letter.row);
  const std::unique_ptr<File> file =
      errors_.create(temporary, file_mode_in(errors_), IfExists::kFail);
  const std::unique_ptr<BodyReader> body = queue_.open_body(letter.message);
  const auto drop = [&] {
    errors_.unlink(temporary);
    names_.erase(letter.row.name);
    letters_.pop_back();
  };
  std::vector<char> piece(std::min<std::size_t>(kPieceBytes, letter.message.body_size() + 1));
  std::uint64_t offset = 0;
  try {
    while (const std::size_t got = body->read(piece)) {
      if (keep_going && !keep_going()) {
        drop();
        return false;
      }
      file->write_at(as_bytes({piece.data(), got}), offset);
      offset += got;
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    log::warn("a dead message cannot be brought back",
              {{"id", letter.row.id.text()}, {"why", error.why()}});
    remember(letter.status);
    drop();
    return true;
  }
  file->sync();
  const std::unique_ptr<File> reason =
      errors_.create(reason_temporary(letter.row), file_mode_in(errors_), IfExists::kFail);
  reason->write_at(as_bytes(reason_text(letter)), 0);
  reason->sync();
  letter_bytes_ += offset;
  letter.message.body = {};
  return true;
}

std::string DeadLetters::reason_text(const Letter& letter) const {
  const MessageStatus& status = letter.status;
  std::string text;
  const auto line = [&](std::string_view key, std::string_view value) {
    text.append(key).append(": ").append(printable(value)).append("\n");
  };
  const auto header = [&](std::string_view name) {
    if (const std::string* value = letter.message.header(name)) line(name, *value);
  };
  line("queue", queue_.name());
  line("id", status.id.text());
  line("reason", status.reason);
  line("deliveries", std::to_string(status.counters.deliveries));
  line("failures", std::to_string(status.counters.failures));
  line("redrives", std::to_string(status.counters.redrives));
  header(kSourceHeader);
  header("path");
  header("record");
  header("line");
  line("from", status.from.name + " (uid " + std::to_string(status.from.uid) + ", pid " +
                   std::to_string(status.from.pid) + ")");
  line("sent", format_time(status.sent_at_ms));
  if (status.expires_at_ms != 0) line("expires", format_time(status.expires_at_ms));
  line("at", format_time(clock_.wall_ms()));
  return text;
}

// ---- Names

// The temporaries' names are durable before the rows that speak of them.
std::size_t DeadLetters::place_all() {
  std::vector<ExportRow> rows;
  for (const Letter& letter : letters_) {
    if (!letter.is_recorded) rows.push_back(letter.row);
  }
  if (!rows.empty()) {
    errors_.sync();
    identity_.update(rows, {});
  }
  for (Letter& letter : letters_) place_reason(letter);
  // Nobody finds a file without its reason, whatever a power cut keeps.
  if (!letters_.empty()) errors_.sync();
  std::vector<MessageStatus> placed;
  for (Letter& letter : letters_) {
    if (place_file(letter)) placed.push_back(letter.status);
  }
  if (!letters_.empty()) errors_.sync();
  for (const MessageStatus& status : placed) remember(status);
  drop_batch();
  return placed.size();
}

void DeadLetters::drop_batch() {
  letters_.clear();
  names_.clear();
  letter_bytes_ = 0;
}

void DeadLetters::place_reason(Letter& letter) {
  const std::string reason = reason_temporary(letter.row);
  if (!errors_.status(reason)) return;  // it has its name since before a cut
  const std::string wanted = letter.row.name;
  const auto placed = take_free_name(wanted, numbered_letter_name, [&](const std::string& free) {
    if (free != letter.row.name) {  // somebody took the name since it was chosen
      letter.row.name = free;
      identity_.update({&letter.row, 1}, {});
    }
    return !errors_.status(free) && errors_.rename_new(reason, errors_, reason_name(letter.row));
  });
  if (!placed) refuse_name(wanted);
}

bool DeadLetters::place_file(Letter& letter) {
  constexpr int kMostTries = 200;  // each lost to somebody who took the name that moment
  const std::string file = file_temporary(letter.row);
  try {
    for (int tries = 1; tries <= kMostTries; ++tries) {
      if (errors_.rename_new(file, errors_, letter.row.name)) return true;
      static_cast<void>(
          errors_.rename_new(reason_name(letter.row), errors_, reason_temporary(letter.row)));
      place_reason(letter);
      errors_.sync();
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    log::warn("a temporary file has disappeared", {{"file", file}, {"for", letter.row.name}});
    errors_.unlink(reason_name(letter.row));
    identity_.update({}, {&letter.row.id, 1});
    walked_.reset();  // written again by the next walk
    return false;
  }
  refuse_name(letter.row.name);
}

// Of a message that is not to appear after all: what was half-way there.
void DeadLetters::undo(const ExportRow& row) {
  if (!errors_.status(file_temporary(row))) return;  // it has appeared
  if (!errors_.unlink(reason_temporary(row))) errors_.unlink(reason_name(row));
  errors_.unlink(file_temporary(row));
}

}  // namespace spoolmq::adapters
