#include "adapters/piece_reader.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/check.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

PieceReader::PieceReader(BodySource source, std::size_t keep)
    : source_(std::move(source)), keep_(keep), buffer_(kWindowBytes) {}

// ---- The bytes that come next

bool PieceReader::at_end() {
  if (!begun_) {
    begun_ = true;
    had_byte_order_mark_ = take_if(kByteOrderMark);
    begin_piece();
  }
  if (at_ != end_) return false;
  drop_taken();
  return !fill();
}

std::string_view PieceReader::window() {
  if (at_end()) return {};
  return std::string_view(buffer_.data(), end_).substr(at_);
}

bool PieceReader::sees(std::string_view literal) {
  SPOOLMQ_CHECK(literal.size() <= kWindowBytes);
  if (at_end()) return false;
  if (buffer_.size() - at_ < literal.size()) drop_taken();
  while (end_ - at_ < literal.size()) {
    if (!fill()) return false;
  }
  return std::string_view(buffer_.data(), end_).substr(at_).starts_with(literal);
}

bool PieceReader::take_if(std::string_view literal) {
  const bool found = sees(literal);
  if (found) take(literal.size());
  return found;
}

bool PieceReader::take_through(char terminator) {
  while (!at_end()) {
    const std::string_view bytes = window();
    const std::size_t found = bytes.find(terminator);
    take(found == std::string_view::npos ? bytes.size() : found + 1);
    if (found != std::string_view::npos) return true;
  }
  return false;
}

bool PieceReader::take_through(std::string_view terminator) {
  const auto last_of = [&](std::string_view bytes) {
    return bytes.substr(bytes.size() - std::min(bytes.size(), terminator.size()));
  };
  std::string last;  // of the bytes taken here, as many as the terminator has
  while (!at_end()) {
    const std::string_view bytes = window();
    const std::size_t found = bytes.find(terminator.back());
    const std::size_t taken = found == std::string_view::npos ? bytes.size() : found + 1;
    last += last_of(bytes.substr(0, taken));
    last = std::string(last_of(last));
    take(taken);
    if (last == terminator) return true;
  }
  return false;
}

void PieceReader::take_rest() {
  while (!at_end()) take(window().size());
}

bool PieceReader::fill() {
  if (ended_) return false;
  const std::size_t got = source_(std::span(buffer_).subspan(end_));
  SPOOLMQ_CHECK(got <= buffer_.size() - end_);
  end_ += got;
  ended_ = got == 0;
  return !ended_;
}

void PieceReader::drop_taken() {
  settle();
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(at_),
            buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
  window_offset_ += at_;
  end_ -= at_;
  at_ = settled_ = 0;
}

// ---- The piece

void PieceReader::settle() {
  const std::string_view taken(buffer_.data() + settled_, at_ - settled_);
  line_ += static_cast<std::uint64_t>(std::ranges::count(taken, '\n'));
  piece_ += taken.substr(0, keep_ - piece_.size());
  piece_size_ += taken.size();
  settled_ = at_;
}

void PieceReader::begin_piece() {
  settle();
  piece_.clear();
  piece_size_ = 0;
  piece_offset_ = offset();
  piece_line_ = line_;
}

std::uint64_t PieceReader::piece_size() {
  settle();
  return piece_size_;
}

std::string_view PieceReader::piece() {
  settle();
  return piece_;
}

SplitRecord PieceReader::record(std::uint64_t size) {
  SplitRecord made{.number = ++records_,
                   .offset = piece_offset_,
                   .line = piece_line_,
                   .body = std::move(piece_),
                   .bad = std::nullopt};
  if (made.body.size() > size) made.body.resize(static_cast<std::size_t>(size));
  piece_ = std::string();
  begin_piece();
  return made;
}

SplitRecord PieceReader::good_record(std::size_t end) { return record(piece_size() - end); }

SplitRecord PieceReader::bad_record(std::string why, std::size_t end) {
  const std::uint64_t size = piece_size() - end;
  if (size > kMaxShownBadBytes) {
    why += "; kept are the first " + std::to_string(kMaxShownBadBytes) + " of its " +
           std::to_string(size) + " bytes";
  }
  SplitRecord made = record(std::min<std::uint64_t>(size, kMaxShownBadBytes));
  made.body.shrink_to_fit();
  made.bad = std::move(why);
  return made;
}

}  // namespace spoolmq::adapters
