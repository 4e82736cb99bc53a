#pragma once
// Posts each message of a queue to a URL. A message is acknowledged when its answer, 2xx, is there.
// Where nobody can be reached, what is under way is released (no failure is counted) and the turn
// throws Error(kUnavailable); the next one probes with a single message. Likewise, but without the
// throw, while the destination asks to be left alone (webhook_answer.h). A redirect that is not
// followed throws Error(kConfiguration).
// Not thread-safe, but for interrupt().

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/http_posts.h"
#include "adapters/outflow.h"
#include "adapters/polled_adapter.h"
#include "adapters/webhook_answer.h"
#include "adapters/webhook_settings.h"

namespace spoolmq::adapters {

class WebhookAdapter final : public PolledAdapter {
 public:
  // Opens the queue. Throws Error.
  WebhookAdapter(const std::string& queue, WebhookSettings settings, AdapterPlace place);

 protected:
  Step step() override;
  void gather(std::vector<pollfd>& waited) override;

 private:
  [[nodiscard]] bool has_room() const;
  void fill();
  void post(const Delivery& delivery);
  void settle(const HttpAnswer& answer);
  void pause(std::int64_t wait_ms, const std::string& why);
  [[nodiscard]] bool is_all_done();

  const WebhookSettings settings_;
  const AdapterPlace place_;
  const std::string queue_name_;
  std::string secret_;                // empty: nothing is signed
  std::vector<std::string> headers_;  // of every request
  Queue queue_;
  HttpPosts posts_;
  Outflow outflow_;
  std::int64_t now_ms_ = 0;           // boot, of this step
  std::int64_t paused_until_ms_ = 0;  // boot
  std::int64_t backoff_ms_ = 0;       // of the last pause that named no time
  std::int64_t look_ms_ = 0;          // whether the queue is empty, again
  bool proven_ = false;               // answered since it was made, or since the last pause
  std::string lost_;                  // why nobody can be reached
  std::string stopped_;
};

}  // namespace spoolmq::adapters
