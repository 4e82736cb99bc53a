#include "adapters/box_out.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "adapters/answer_line.h"
#include "adapters/bridge_queue.h"
#include "adapters/whole_body.h"
#include "core/log.h"
#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kLookEveryMs = 500;  // whether the kernel's queue is still there
constexpr std::int64_t kNever = INT64_MAX;
constexpr std::size_t kMostAnswersAtOnce = 256;

}  // namespace

BoxOut::BoxOut(const std::string& queue, const BoxSettings& settings, AdapterPlace place)
    : PolledAdapter(*place.clock),
      settings_(settings),
      place_(std::move(place)),
      queue_(open_bridge_queue(place_, queue)),
      box_(settings_.open(clock())),
      answers_(settings_.open_answers ? settings_.open_answers(clock()) : nullptr),
      outflow_(queue_, place_, settings_.window) {}

BoxOut::~BoxOut() {
  // It went into the kernel just now: it is not to go there again.
  if (!putting_.is_nil() && box_->give_up() && !answers_) outflow_.settle(putting_, Verdict::kAck);
}

PolledAdapter::Step BoxOut::step() {
  if (answers_) read_answers();
  put_all();
  const std::int64_t late_boot_ms = give_up_late();
  outflow_.flush();
  const std::int64_t due_boot_ms = std::min(outflow_.extend_due(), late_boot_ms);
  if (place_.once && outflow_.unsettled() == 0 && outflow_.is_queue_empty()) return {.over = true};
  return {.next_boot_ms = std::min(due_boot_ms, clock().boot_ms() + kLookEveryMs)};
}

void BoxOut::put_all() {
  while (!putting_.is_nil() || load_next()) {
    if (box_->put(body_, rank_) != MessageBox::Put::kDone) return;
    const MessageId done = std::exchange(putting_, MessageId());
    body_.clear();
    if (answers_) {
      begin_patience(done);
    } else {
      outflow_.settle(done, Verdict::kAck);
    }
  }
}

// Unless the peer was faster than we were with noticing that the kernel has it.
void BoxOut::begin_patience(const MessageId& id) {
  const auto [first, last] = unanswered_.equal_range(id.text());
  const auto found =
      std::find_if(first, last, [](const auto& one) { return one.second == kNever; });
  if (found != last) found->second = clock().boot_ms() + settings_.answer_within_ms;
}

// False: none is there now.
bool BoxOut::load_next() {
  while (Delivery* const delivery = outflow_.next()) {
    const Message& message = delivery->message();
    const MessageId id = message.id;
    const std::string tag = answers_ ? id.text() + " " : "";
    std::string why;
    const auto rank = box_->rank_of(message, why);
    const std::size_t most = box_->most_bytes();
    if (!rank) {
      outflow_.settle(id, Verdict::kReject, why);
    } else if (message.body_size() + tag.size() > most) {
      outflow_.settle(id, Verdict::kReject,
                      std::to_string(message.body_size() + tag.size()) + " bytes are more than " +
                          std::string(box_->size_limit()) + ", " + std::to_string(most));
    } else if (load(*delivery, tag)) {
      rank_ = *rank;
      putting_ = id;
      if (answers_) unanswered_.emplace(id.text(), kNever);
      return true;
    }
  }
  return false;
}

bool BoxOut::load(const Delivery& delivery, const std::string& tag) {
  try {
    body_ = tag + whole_body(delivery);
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    outflow_.settle(delivery.message().id, Verdict::kReject, error.why());
    return false;
  }
}

// ---- Answers

void BoxOut::read_answers() {
  for (std::size_t i = 0; i < kMostAnswersAtOnce; ++i) {
    const auto item = answers_->take();
    if (!item) return;
    std::string_view line = item->body;
    while (line.ends_with('\n') || line.ends_with('\0')) line.remove_suffix(1);
    apply(line);
  }
  interrupt();  // there may be more
}

void BoxOut::apply(std::string_view line) {
  const std::size_t blank = std::min(line.find(' '), line.size());
  const std::string tag(line.substr(0, blank));
  const auto answer = parse_answer(line.substr(std::min(blank + 1, line.size())));
  const auto found = unanswered_.find(tag);
  if (!answer || found == unanswered_.end()) {
    // Of a bridge that ended before it came, or of nothing that we sent: its message goes again.
    log::warn("an answer to nothing that waits for one",
              {{"adapter", place_.name}, {"tag", printable(tag.substr(0, 64))}});
    return;
  }
  unanswered_.erase(found);
  const MessageId id = MessageId::parse(tag).value();
  outflow_.settle(id, answer->verdict, answer->text);
  heed(answer->verdict, place_, "the peer says: " + answer->text);
}

std::int64_t BoxOut::give_up_late() {
  const std::int64_t now_ms = clock().boot_ms();
  std::int64_t next_ms = INT64_MAX;
  for (auto one = unanswered_.begin(); one != unanswered_.end();) {
    if (one->second > now_ms) {
      next_ms = std::min(next_ms, one->second);
      ++one;
      continue;
    }
    outflow_.settle(MessageId::parse(one->first).value(), Verdict::kNack, "no answer in time");
    one = unanswered_.erase(one);
  }
  return next_ms;
}

void BoxOut::gather(std::vector<pollfd>& waited) {
  if (!putting_.is_nil()) {
    box_->gather(MessageBox::Want::kRoom, waited);
  } else {
    waited.push_back({outflow_.descriptor(), POLLIN, 0});
  }
  if (answers_) answers_->gather(MessageBox::Want::kMessage, waited);
}

}  // namespace spoolmq::adapters
