#include "cli/last_messages.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

namespace spoolmq::cli {
namespace {

constexpr std::int64_t kBeforeFirst = -1;
constexpr std::int64_t kGrowth = 4;  // of the stretch that is looked at, where much of it is gone
constexpr std::int64_t kLongestStretch = INT64_MAX / kGrowth;

// The sequence of the first row behind `sequence`.
std::optional<std::int64_t> first_behind(Queue& queue, std::int64_t sequence) {
  const std::vector<MessageStatus> rows = queue.scan({{}, sequence, 1});
  if (rows.empty()) return std::nullopt;
  return rows.front().sequence;
}

// kBeforeFirst: there is none.
std::int64_t last_sequence(Queue& queue) {
  std::int64_t known = kBeforeFirst;  // of a row
  std::int64_t end = 1;               // no row is behind it
  while (const auto found = first_behind(queue, end)) {
    known = *found;
    end = known > kLongestStretch ? INT64_MAX : known * 2;
  }
  while (known < end) {
    const std::int64_t middle = known + (end - known) / 2;
    if (const auto found = first_behind(queue, middle)) {
      known = *found;
    } else {
      end = middle;
    }
  }
  return known;
}

// The last `most` ids behind `sequence`.
std::deque<MessageId> ids_behind(Queue& queue, std::int64_t sequence, std::size_t most) {
  std::deque<MessageId> ids;
  ScanOptions options;
  options.after_sequence = sequence;
  while (true) {
    const std::vector<MessageStatus> page = queue.scan(options);
    if (page.empty()) return ids;
    options.after_sequence = page.back().sequence;
    for (const MessageStatus& row : page) {
      if (row.state == State::kCorrupt) continue;
      ids.push_back(row.id);
      if (ids.size() > most) ids.pop_front();
    }
  }
}

}  // namespace

LastMessages find_last_messages(Queue& queue, std::size_t count) {
  const std::size_t wanted = count + 1;  // and the one in front of them
  const std::int64_t last = last_sequence(queue);
  auto stretch = static_cast<std::int64_t>(wanted);
  while (true) {
    const std::int64_t from = std::max(last - stretch, kBeforeFirst);
    const std::deque<MessageId> ids = ids_behind(queue, from, wanted);
    if (ids.size() < wanted && from != kBeforeFirst) {
      stretch = std::min(stretch, kLongestStretch) * kGrowth;
      continue;
    }
    LastMessages found;
    if (!ids.empty()) found.last = ids.back();
    if (ids.size() == wanted) found.before = ids.front();
    return found;
  }
}

}  // namespace spoolmq::cli
