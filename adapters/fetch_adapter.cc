#include "adapters/fetch_adapter.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "adapters/fetch_message.h"
#include "core/log.h"
#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kIntakeBytes = 8 << 20;
constexpr std::string_view kSubscription = "1";
constexpr std::string_view kLastReceipt = "last";

void add_given(StompFrame& frame, const std::vector<StompHeader>& headers) {
  for (const StompHeader& given : headers) {
    std::erase_if(frame.headers,
                  [&given](const StompHeader& one) { return one.name == given.name; });
    if (!given.value.empty()) frame.headers.push_back(given);
  }
}

}  // namespace

FetchAdapter::FetchAdapter(const std::string& queue, FetchSettings settings, AdapterPlace place)
    : PolledAdapter(*place.clock),
      settings_(std::move(settings)),
      place_(std::move(place)),
      queue_(place_.root->open_queue(queue, {.name = place_.name})),
      intake_(queue_, place_, {settings_.window, kIntakeBytes},
              {IdMemory::kDurable, Intake::Refused::kBuried}),
      link_(settings_, place_, "fetch") {}

PolledAdapter::Step FetchAdapter::step() {
  now_ms_ = clock().boot_ms();
  // What an earlier session left comes first: while it is not taken, nothing else would be.
  if (session_ == nullptr) flush();
  if (session_ == nullptr && intake_.is_refused()) return on_the_way();
  session_ = link_.session(now_ms_);
  if (session_ == nullptr) return on_the_way();
  if (!subscribed_) subscribe();
  return bring_in();
}

PolledAdapter::Step FetchAdapter::on_the_way() const {
  std::int64_t next_ms = link_.next_boot_ms();
  if (intake_.is_refused()) next_ms = now_ms_ + Intake::kTryAgainMs;
  return {.next_boot_ms = next_ms, .undecided = true};
}

void FetchAdapter::gather(std::vector<pollfd>& waited) {
  if (session_ == nullptr) {
    if (!intake_.is_refused()) link_.gather(waited);
    return;
  }
  const short events = session_->events(reading());
  if (events != 0) waited.push_back({session_->descriptor(), events, 0});
}

Reading FetchAdapter::reading() const {
  return intake_.is_refused() || intake_.is_full() ? Reading::kNo : Reading::kYes;
}

// ---- In a session

void FetchAdapter::subscribe() {
  subscribed_ = true;
  quiet_since_ms_ = progress_ms_ = now_ms_;
  const StompBroker broker = stomp_broker(session_->server());
  StompFrame frame{"SUBSCRIBE", {}, {}};
  frame.add("id", kSubscription);
  frame.add("destination", settings_.destination.render(queue_.name(), {}, broker).text);
  frame.add("ack", "client-individual");
  const std::string window = std::to_string(settings_.window);
  frame.add("prefetch-count", window);
  if (broker == StompBroker::kActiveMq) frame.add("activemq.prefetchSize", window);
  if (broker == StompBroker::kRabbitMq) {
    frame.add("x-queue-type", "quorum");
    frame.add("durable", "true");
    frame.add("auto-delete", "false");
  }
  add_given(frame, settings_.headers);
  session_->put(frame);
}

PolledAdapter::Step FetchAdapter::bring_in() {
  read();
  flush();
  if (session_ == nullptr) return on_the_way();
  if (left_ || (leaving_ && !session_->failure().empty())) return {.over = true};
  if (!session_->failure().empty()) {
    lost(std::string(session_->failure()));
    return on_the_way();
  }
  check_silence();
  if (session_ == nullptr) return on_the_way();
  end_if_quiet();
  std::int64_t next_ms = session_->next_boot_ms();
  if (intake_.is_refused()) next_ms = std::min(next_ms, now_ms_ + Intake::kTryAgainMs);
  if (receipts_owed_ > 0) next_ms = std::min(next_ms, progress_ms_ + settings_.answer_ms);
  if (place_.once && !leaving_) next_ms = std::min(next_ms, quiet_since_ms_ + settings_.quiet_ms);
  const bool more = session_->has_more() && reading() == Reading::kYes;
  return {.next_boot_ms = more ? 0 : next_ms, .undecided = !link_.is_proven()};
}

// As much as is sent together.
void FetchAdapter::read() {
  do {
    take(session_->move(now_ms_, reading()));
  } while (session_->has_more() && session_->failure().empty() && reading() == Reading::kYes);
}

void FetchAdapter::take(std::vector<StompFrame> frames) {
  for (StompFrame& frame : frames) {
    if (frame.command == "MESSAGE") {
      take_message(frame);
      continue;
    }
    const std::string* const receipt = frame.header("receipt-id");
    if (leaving_ && receipt != nullptr && *receipt == kLastReceipt) left_ = true;
    if (receipts_owed_ > 0) --receipts_owed_;
    progress_ms_ = now_ms_;
    link_.prove();
  }
}

void FetchAdapter::take_message(StompFrame& frame) {
  const std::string* ack = frame.header("ack");  // of 1.2 only
  if (ack == nullptr) ack = frame.header("message-id");
  const std::uint64_t token = next_token_++;
  if (ack != nullptr) acks_.emplace(token, *ack);
  quiet_since_ms_ = now_ms_;
  intake_.add(fetch_message(frame, stomp_broker(session_->server()), clock().wall_ms()), token);
}

// ---- Durable here

void FetchAdapter::flush() {
  if (intake_.is_empty()) return;
  try {
    acknowledge(intake_.try_flush());
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kTryAgain) throw;
    // Nobody would send heart-beats while the adapter pauses.
    acknowledge(intake_.take_settled());
    forget_session();
    link_.leave();
    throw;
  }
}

void FetchAdapter::acknowledge(const std::vector<Intake::Taken>& taken) {
  std::vector<std::string> done;
  for (const Intake::Taken& one : taken) {
    const auto found = acks_.find(one.token);  // none: of an earlier session
    if (found == acks_.end()) continue;
    // One that nothing here can hold stays the broker's, and is said each time that it comes.
    if (one.is_sent) done.push_back(std::move(found->second));
    acks_.erase(found);
  }
  if (session_ == nullptr || done.empty()) return;
  const bool is_12 = session_->version() == StompVersion::k12;
  for (const std::string& ack : done) {
    StompFrame frame{"ACK", {}, {}};
    frame.add(is_12 ? "id" : "message-id", ack);
    if (!is_12) frame.add("subscription", kSubscription);
    if (&ack == &done.back()) {
      frame.add("receipt", std::to_string(++receipts_));
      if (receipts_owed_++ == 0) progress_ms_ = now_ms_;
    }
    session_->put(frame);
  }
  static_cast<void>(session_->move(now_ms_, Reading::kNo));
}

// ---- Ends of it

// What the broker will deliver again, and would not be recognised, is not kept.
void FetchAdapter::forget_session() {
  session_ = nullptr;
  subscribed_ = false;
  acks_.clear();
  receipts_ = receipts_owed_ = 0;
  for (Intake::Gathered& one : intake_.take_back()) {
    if (is_recognised(one.message)) intake_.add(std::move(one.message), one.token);
  }
}

void FetchAdapter::lost(const std::string& why) {
  forget_session();
  link_.lost(now_ms_, why);
}

void FetchAdapter::check_silence() {
  if (receipts_owed_ == 0) link_.prove_by_lasting(now_ms_);
  if (receipts_owed_ == 0 || now_ms_ - progress_ms_ < settings_.answer_ms) return;
  lost("no receipt within " + format_duration(std::chrono::milliseconds{settings_.answer_ms}));
}

void FetchAdapter::end_if_quiet() {
  if (!place_.once || leaving_ || receipts_owed_ > 0 || !intake_.is_empty()) return;
  if (now_ms_ - quiet_since_ms_ < settings_.quiet_ms) return;
  leaving_ = true;
  StompFrame bye{"DISCONNECT", {}, {}};
  bye.add("receipt", kLastReceipt);
  session_->put(bye);
}

}  // namespace spoolmq::adapters
