#include "adapters/forward_adapter.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <utility>

#include "adapters/forward_frame.h"
#include "adapters/whole_body.h"
#include "core/log.h"
#include "core/text.h"
#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kLookMs = 100;
constexpr std::int64_t kFarewellMs = 1000;
constexpr std::string_view kLastReceipt = "last";

// Words by which brokers refuse one message, whatever else they would take.
constexpr auto kTooLarge =
    std::to_array<std::string_view>({"too large", "too big", "larger than", "size limit",
                                     "max size", "maximum size", "exceed", "length is more than"});
constexpr auto kNoDestination = std::to_array<std::string_view>(
    {"unknown destination", "invalid destination", "no such queue", "not a queue", "queue name"});

bool has_any(std::string_view text, std::span<const std::string_view> words) {
  return std::ranges::any_of(
      words, [text](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

}  // namespace

ForwardAdapter::ForwardAdapter(const std::string& queue, ForwardSettings settings,
                               AdapterPlace place)
    : PolledAdapter(*place.clock),
      settings_(std::move(settings)),
      place_(std::move(place)),
      queue_(place_.root->open_queue(queue, {.name = place_.name})),
      link_(settings_, place_, "forward") {}

// Whoever ends us in order would otherwise have everything sent twice that is on its way.
ForwardAdapter::~ForwardAdapter() {
  try {
    const std::int64_t until_ms = clock().boot_ms() + kFarewellMs;
    while (session_ != nullptr && !under_way_.empty()) {
      now_ms_ = clock().boot_ms();
      settle(session_->move(now_ms_, Reading::kYes));
      if (under_way_.empty() || !session_->failure().empty() || now_ms_ >= until_ms) break;
      pollfd waited{session_->descriptor(), session_->events(Reading::kYes), 0};
      static_cast<void>(::poll(&waited, 1, static_cast<int>(until_ms - now_ms_)));
    }
  } catch (const std::exception& error) {
    log::warn("could not wait for the last receipts",
              {{"adapter", place_.name}, {"why", error.what()}});
  }
}

PolledAdapter::Step ForwardAdapter::step() {
  now_ms_ = clock().boot_ms();
  session_ = link_.session(now_ms_);
  if (session_ == nullptr) return {.next_boot_ms = link_.next_boot_ms(), .undecided = true};
  if (!outflow_) {
    outflow_.emplace(queue_, place_, settings_.window);
    progress_ms_ = now_ms_;
  }
  return hand_on();
}

void ForwardAdapter::gather(std::vector<pollfd>& waited) {
  if (session_ == nullptr) return link_.gather(waited);
  waited.push_back({session_->descriptor(), session_->events(Reading::kYes), 0});
  if (has_room()) waited.push_back({outflow_->descriptor(), POLLIN, 0});
}

// ---- In a session

PolledAdapter::Step ForwardAdapter::hand_on() {
  fill();
  settle(session_->move(now_ms_, Reading::kYes));
  outflow_->flush();
  // All was confirmed before it said that it leaves.
  if (left_ || (leaving_ && !session_->failure().empty())) return {.over = true};
  if (!session_->failure().empty()) {
    end_session();
    return {.next_boot_ms = link_.next_boot_ms(), .undecided = true};
  }
  check_silence();
  if (session_ == nullptr) return {.next_boot_ms = link_.next_boot_ms(), .undecided = true};
  end_if_all_is_done();
  std::int64_t next_ms = std::min(outflow_->extend_due(), session_->next_boot_ms());
  if (place_.once && !leaving_) next_ms = std::min(next_ms, look_ms_);
  if (!under_way_.empty()) next_ms = std::min(next_ms, progress_ms_ + settings_.answer_ms);
  return {.next_boot_ms = session_->has_more() ? 0 : next_ms, .undecided = !link_.is_proven()};
}

bool ForwardAdapter::has_room() const {
  return session_->has_room() && !leaving_ && (singly_ == 0 || under_way_.empty());
}

void ForwardAdapter::fill() {
  while (has_room()) {
    Delivery* const delivery = outflow_->next();
    if (delivery == nullptr) return;
    if (under_way_.empty()) progress_ms_ = now_ms_;
    put(*delivery);
  }
}

void ForwardAdapter::put(Delivery& delivery) {
  const MessageId id = delivery.message().id;
  std::string why;
  try {
    ForwardFrame made = forward_frame(delivery.message(), queue_.name(), settings_,
                                      stomp_broker(session_->server()), clock().wall_ms());
    why = std::move(made.why);
    if (why.empty()) {
      if (std::optional<std::string> body = whole_body(delivery, settings_.most_bytes)) {
        made.frame.body = std::move(*body);
        session_->put(made.frame);
        under_way_.insert(id);
      } else {
        why = oversize(delivery.message().body_size(), settings_.most_bytes);
      }
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    why = error.why();
  }
  if (!why.empty()) outflow_->settle(id, Verdict::kReject, why);
}

void ForwardAdapter::settle(const std::vector<StompFrame>& frames) {
  for (const StompFrame& frame : frames) {
    const std::string* const receipt = frame.header("receipt-id");
    if (leaving_ && receipt != nullptr && *receipt == kLastReceipt) {
      left_ = true;
      continue;
    }
    const auto id = receipt == nullptr ? std::nullopt : MessageId::parse(*receipt);
    if (frame.command != "RECEIPT" || !id || under_way_.erase(*id) == 0) {
      log::warn("the broker confirmed what was not sent",
                {{"adapter", place_.name}, {"address", link_.address()}});
      continue;
    }
    outflow_->settle(*id, Verdict::kAck);
    progress_ms_ = now_ms_;
    link_.prove();
    if (singly_ > 0) --singly_;
  }
}

// ---- Ends of it

void ForwardAdapter::end_session() {
  const std::string why = session_->failure();
  if (session_->error() != nullptr) judge_error(*session_->error());
  lost(why);
}

// Most of what a broker says in an ERROR will pass, or is for an operator to mend: then it is an
// outage like any other. Some is about one message, and will be the same for ever.
void ForwardAdapter::judge_error(const StompFrame& error) {
  const std::string* const receipt = error.header("receipt-id");
  std::optional<MessageId> id = receipt == nullptr ? std::nullopt : MessageId::parse(*receipt);
  if (!id && under_way_.size() == 1) id = *under_way_.begin();
  const std::string text = stomp_error_text(error);
  const std::string words = ascii_lower(text);
  const bool is_final = has_any(words, kTooLarge) ||
                        (settings_.destination.has_header() && has_any(words, kNoDestination));
  if (!is_final || under_way_.empty()) return;
  link_.prove();  // it works; what it was asked to do was wrong
  if (id && under_way_.erase(*id) > 0) {
    outflow_->settle(*id, Verdict::kReject, "the broker refuses it: " + text);
  } else {
    singly_ = under_way_.size();
  }
}

void ForwardAdapter::lost(const std::string& why) {
  session_ = nullptr;
  under_way_.clear();
  outflow_.reset();
  link_.lost(now_ms_, why);
}

void ForwardAdapter::check_silence() {
  if (under_way_.empty()) {
    progress_ms_ = now_ms_;
    link_.prove_by_lasting(now_ms_);
  }
  if (now_ms_ - progress_ms_ < settings_.answer_ms) return;
  lost("no receipt within " + format_duration(std::chrono::milliseconds{settings_.answer_ms}));
}

void ForwardAdapter::end_if_all_is_done() {
  if (!place_.once || leaving_ || now_ms_ < look_ms_) return;
  look_ms_ = now_ms_ + kLookMs;
  if (!under_way_.empty() || outflow_->unsettled() > 0 || !outflow_->is_queue_empty()) return;
  leaving_ = true;
  StompFrame bye{"DISCONNECT", {}, {}};
  bye.add("receipt", kLastReceipt);
  session_->put(bye);
}

}  // namespace spoolmq::adapters
