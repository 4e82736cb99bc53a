#include "cli/record_reader.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace spoolmq::cli {
namespace {
constexpr std::size_t kReadBytes = 256 << 10;
}

RecordReader::RecordReader(Source source, char end, std::size_t limit)
    : source_(std::move(source)), end_(end), limit_(limit) {}

void RecordReader::fill() {
  buffer_.erase(0, start_);
  searched_ -= start_;
  start_ = 0;
  const std::size_t had = buffer_.size();
  buffer_.resize(had + kReadBytes);
  const std::size_t count = source_.read(std::span(buffer_).subspan(had));
  buffer_.resize(had + count);
  ended_ = count == 0;
}

void RecordReader::drop(std::size_t count) {
  start_ += count;
  searched_ = start_;
}

Next RecordReader::next(std::string& record, Patience patience) {
  SPOOLMQ_CHECK(!in_long_);
  while (true) {
    const std::size_t found = buffer_.find(end_, searched_);
    const bool whole = found != std::string::npos;
    const std::size_t length = (whole ? found : buffer_.size()) - start_;
    if (length > limit_) {
      record.assign(buffer_, start_, limit_);
      drop(limit_);
      in_long_ = true;
      return Next::kLong;
    }
    if (whole || (ended_ && length > 0)) {
      record.assign(buffer_, start_, length);
      drop(whole ? length + 1 : length);
      return Next::kRecord;
    }
    if (ended_) return Next::kEnd;
    searched_ = buffer_.size();
    if (patience == Patience::kNoWait && source_.would_wait()) return Next::kNotYet;
    fill();
  }
}

std::size_t RecordReader::read_rest(std::span<char> into) {
  if (!in_long_) return 0;
  if (start_ == buffer_.size() && !ended_) fill();
  const std::size_t found = buffer_.find(end_, start_);
  const std::size_t stop = std::min(found, buffer_.size());
  const std::size_t count = std::min(into.size(), stop - start_);
  if (count == 0) {
    drop(found == std::string::npos ? 0 : 1);
    in_long_ = false;
    return 0;
  }
  buffer_.copy(into.data(), count, start_);
  drop(count);
  return count;
}

}  // namespace spoolmq::cli
