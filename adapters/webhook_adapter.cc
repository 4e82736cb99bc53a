#include "adapters/webhook_adapter.h"

#include <algorithm>
#include <utility>

#include "adapters/webhook_request.h"
#include "adapters/whole_body.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::int64_t kFirstPauseMs = 1000;
constexpr std::int64_t kLongestPauseMs = 60'000;
constexpr std::int64_t kLookMs = 100;
constexpr std::int64_t kMsPerSecond = 1000;

}  // namespace

WebhookAdapter::WebhookAdapter(const std::string& queue, WebhookSettings settings,
                               AdapterPlace place)
    : PolledAdapter(*place.clock),
      settings_(std::move(settings)),
      place_(std::move(place)),
      queue_name_(queue),
      queue_(place_.root->open_queue(queue, {.name = place_.name})),
      posts_(settings_, clock()),
      outflow_(queue_, place_, settings_.concurrency) {
  static_cast<void>(TlsContext::client(settings_.tls));  // it says which file cannot be used
  if (!settings_.secret_file.empty()) secret_ = read_webhook_secret(settings_.secret_file);
  if (!settings_.headers_file.empty()) headers_ = read_webhook_headers(settings_.headers_file);
}

PolledAdapter::Step WebhookAdapter::step() {
  now_ms_ = clock().boot_ms();
  fill();
  for (const HttpAnswer& answer : posts_.move()) settle(answer);
  outflow_.flush();
  const std::string url = settings_.url.substr(0, settings_.url.find('?'));
  if (!stopped_.empty()) throw Error(ErrorCode::kConfiguration, "post", url, stopped_);
  if (!lost_.empty()) throw Error(ErrorCode::kUnavailable, "post", url, lost_);
  if (is_all_done()) return {.over = true};
  std::int64_t next_ms = std::min(outflow_.extend_due(), posts_.next_boot_ms());
  if (paused_until_ms_ > now_ms_) next_ms = std::min(next_ms, paused_until_ms_);
  if (place_.once) next_ms = std::min(next_ms, look_ms_);
  return {.next_boot_ms = next_ms, .undecided = !proven_};
}

void WebhookAdapter::gather(std::vector<pollfd>& waited) {
  waited.push_back({posts_.descriptor(), POLLIN, 0});
  if (has_room()) waited.push_back({outflow_.descriptor(), POLLIN, 0});
}

// ---- Out

bool WebhookAdapter::has_room() const {
  if (paused_until_ms_ > clock().boot_ms()) return false;
  return posts_.under_way() < (proven_ ? settings_.concurrency : 1);
}

void WebhookAdapter::fill() {
  while (has_room()) {
    const Delivery* const delivery = outflow_.next();
    if (delivery == nullptr) return;
    post(*delivery);
  }
}

void WebhookAdapter::post(const Delivery& delivery) {
  const Message& message = delivery.message();
  const MessageId id = message.id;
  std::string why;
  try {
    if (auto body = whole_body(delivery, settings_.most_bytes)) {
      HttpPost made{id,
                    webhook_headers({queue_name_, message, delivery.counters().deliveries,
                                     settings_.content_type}),
                    std::move(*body)};
      made.headers.insert(made.headers.end(), headers_.begin(), headers_.end());
      made.headers.emplace_back("Expect:");  // no wait for 100-continue
      if (!secret_.empty()) {
        const std::int64_t now_s = clock().wall_ms() / kMsPerSecond;
        made.headers.push_back("webhook-id: " + id.text());
        made.headers.push_back("webhook-timestamp: " + std::to_string(now_s));
        made.headers.push_back("webhook-signature: " +
                               webhook_signature(secret_, id.text(), now_s, made.body));
      }
      posts_.start(std::move(made));
      return;
    }
    why = oversize(message.body_size(), settings_.most_bytes);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    why = error.why();
  }
  outflow_.settle(id, Verdict::kReject, why);
}

// ---- Back

void WebhookAdapter::settle(const HttpAnswer& answer) {
  if (!answer.came) {
    if (answer.reached) {
      outflow_.settle(answer.id, Verdict::kNack, answer.why);
    } else {
      lost_ = answer.why;
      outflow_.settle(answer.id, Verdict::kRelease);
    }
    return;
  }
  const WebhookVerdict said =
      verdict_of_status(answer.status, answer.body, answer.retry_after, clock().wall_ms());
  outflow_.settle(answer.id, said.verdict, said.why);
  if (said.verdict == Verdict::kStop) stopped_ = said.why + ", which is not followed";
  if (said.verdict == Verdict::kPause || said.wait_ms > 0) {
    pause(said.wait_ms, said.why);
  } else if (paused_until_ms_ <= now_ms_) {
    proven_ = true;
    backoff_ms_ = 0;
  }
}

// What is under way when a pause begins prolongs it at most, and never makes it longer and longer.
void WebhookAdapter::pause(std::int64_t wait_ms, const std::string& why) {
  const bool is_paused = paused_until_ms_ > now_ms_;
  if (wait_ms == 0 && is_paused) return;
  if (wait_ms == 0) {
    backoff_ms_ = std::clamp(backoff_ms_ * 2, kFirstPauseMs, kLongestPauseMs);
    wait_ms = backoff_ms_;
  }
  paused_until_ms_ = std::max(paused_until_ms_, now_ms_ + wait_ms);
  proven_ = false;
  if (is_paused) return;
  log::warn("the destination wants a pause",
            {{"adapter", place_.name}, {"why", why}, {"ms", std::to_string(wait_ms)}});
}

bool WebhookAdapter::is_all_done() {
  if (!place_.once || posts_.under_way() > 0 || now_ms_ < look_ms_) return false;
  look_ms_ = now_ms_ + kLookMs;
  return outflow_.is_queue_empty();
}

}  // namespace spoolmq::adapters
