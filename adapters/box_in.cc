#include "adapters/box_in.h"

#include <algorithm>
#include <utility>

#include "adapters/answer_line.h"
#include "adapters/bridge_queue.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMostLines = 1024;
constexpr std::size_t kMostTagBytes = 64;
constexpr std::size_t kMostHeldBytes = 8 << 20;

// The word before the first blank; empty: it has none that can be repeated.
std::string take_tag(std::string& body) {
  const std::size_t end = body.find(' ');
  if (end == std::string::npos || end == 0 || end > kMostTagBytes) return {};
  std::string tag = body.substr(0, end);
  if (!std::ranges::all_of(tag, [](char one) { return one > ' ' && one < '\x7f'; })) return {};
  body.erase(0, end + 1);
  return tag;
}

}  // namespace

BoxIn::BoxIn(const std::string& queue, const BoxSettings& settings, AdapterPlace place)
    : PolledAdapter(*place.clock),
      settings_(settings),
      place_(std::move(place)),
      queue_(open_bridge_queue(place_, queue)),
      box_(settings_.open(clock())),
      answers_(settings_.open_answers ? settings_.open_answers(clock()) : nullptr),
      intake_(queue_, place_, {settings_.window, kMostHeldBytes}) {}

BoxIn::~BoxIn() {
  try {
    answer_all(intake_.flush());
    send_answers();
  } catch (const std::exception& error) {
    log::warn("refused at the end: what was taken and is not durable goes back",
              {{"adapter", place_.name}, {"why", error.what()}});
    put_back();
  }
}

void BoxIn::put_back() {
  std::size_t lost = 0;
  for (const Intake::Gathered& one : intake_.take_back()) {
    const Kept& kept = kept_.at(one.token);
    const std::string& body = one.message.body;
    try {
      const MessageBox::Put put =
          box_->put(settings_.tagged ? kept.tag + " " + body : body, kept.rank);
      if (put != MessageBox::Put::kDone && !box_->give_up()) ++lost;
    } catch (const std::exception&) {
      ++lost;  // all of them are told together
    }
  }
  if (lost == 0) return;
  log::error("lost: neither the queue nor the kernel takes them",
             {{"adapter", place_.name}, {"messages", lost}});
}

PolledAdapter::Step BoxIn::step() {
  send_answers();
  flush();
  if (intake_.is_refused()) return {.next_boot_ms = clock().boot_ms() + Intake::kTryAgainMs};
  if (!may_take()) return {};
  const bool more = take_some();
  flush();
  send_answers();
  if (intake_.is_refused()) return {.next_boot_ms = clock().boot_ms() + Intake::kTryAgainMs};
  if (!more && lines_.empty() && place_.once) return {.over = true};
  return {.next_boot_ms = more ? 0 : INT64_MAX};
}

bool BoxIn::may_take() const { return lines_.size() < kMostLines && !intake_.is_refused(); }

// False: nothing is left there.
bool BoxIn::take_some() {
  // Bad ones fill no intake, and are counted all the same.
  for (std::size_t taken = 0; taken < settings_.window && may_take() && !intake_.is_full();
       ++taken) {
    auto item = box_->take();
    if (!item) return false;
    accept(std::move(*item));
  }
  return true;
}

void BoxIn::accept(BoxItem item) {
  Kept kept{{}, item.rank};
  if (settings_.tagged) {
    kept.tag = take_tag(item.body);
    if (kept.tag.empty()) return refuse("-", "it does not begin with a word and a blank");
  }
  if (item.is_cut) return refuse(kept.tag, "it is longer than max-bytes");
  Message message;
  message.body = std::move(item.body);
  box_->set_rank(message, item.rank);
  intake_.add(std::move(message), ++last_token_);
  kept_.emplace(last_token_, std::move(kept));
}

void BoxIn::refuse(const std::string& tag, const std::string& why) {
  if (place_.counters != nullptr) place_.counters->refused.fetch_add(1, std::memory_order_relaxed);
  if (place_.on_refused) place_.on_refused(place_.name, why);
  answer(tag, answer_line(Verdict::kReject, why));
}

void BoxIn::flush() { answer_all(intake_.try_flush()); }

void BoxIn::answer_all(const std::vector<Intake::Taken>& taken) {
  for (const Intake::Taken& one : taken) {
    const auto kept = kept_.find(one.token);
    answer(kept->second.tag, one.is_sent ? answer_line(Verdict::kAck, one.id.text())
                                         : answer_line(Verdict::kReject, one.why));
    kept_.erase(kept);
  }
}

// ---- Answers

void BoxIn::answer(const std::string& tag, std::string line) {
  if (!answers_) return;
  const std::int64_t rank = answers_->answer_rank(tag);
  lines_.push_back({settings_.tagged ? tag + " " + line : std::move(line), rank});
}

void BoxIn::send_answers() {
  while (!lines_.empty()) {
    const Line& line = lines_.front();
    if (line.text.size() > answers_->most_bytes()) {
      log::warn("an answer does not fit",
                {{"adapter", place_.name}, {"limit", answers_->size_limit()}});
    } else if (answers_->put(line.text, line.rank) != MessageBox::Put::kDone) {
      return;
    }
    lines_.pop_front();
  }
}

void BoxIn::gather(std::vector<pollfd>& waited) {
  if (may_take()) box_->gather(MessageBox::Want::kMessage, waited);
  if (!lines_.empty()) answers_->gather(MessageBox::Want::kRoom, waited);
}

}  // namespace spoolmq::adapters
