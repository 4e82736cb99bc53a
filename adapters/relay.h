#pragma once
// From one queue to another, in this root or in another one (another disk, another user's): each
// message is leased here, sent there under its own id with all that it carries, and passed on here
// only when it is durable there. Cut anywhere it is here, or there, or in both, and then the
// destination knows its id when it comes again, for its id-window or until its index is rebuilt.
//   turn() throws Error(kTryAgain, kUnavailable, kNotFound, …) where the destination takes nothing;
//   what was on its way is ready here again, without a failure.
// A message that the destination refuses for good (its check, its dedupe key) goes dead here.
// Not thread-safe, but for interrupt().

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "adapters/relay_settings.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

class Relay final : public Adapter {
 public:
  // Opens a root that is there. Throws Error(kNotFound).
  using OpenRoot = std::function<Root(const std::string& path)>;
  static Root open_existing(const std::string& path);

  // Opens both queues. Throws Error; kUsage where both are the same.
  Relay(const std::string& queue, RelaySettings settings, AdapterPlace place,
        const OpenRoot& open_root = open_existing, const OpenOptions& handles = {});
  ~Relay() override;

  // One batch. Where the queue is empty the next turn waits in it for up to a second.
  Turn turn() override;
  void interrupt() override;

 private:
  struct Batch {
    std::vector<Delivery> deliveries;  // in the queue's order
    std::size_t sent = 0;              // the first so many are durable there
  };
  Turn move_batch();
  bool is_empty();
  std::size_t batch_size();
  void send(Batch& batch);
  void send_run(Batch& batch, std::size_t count);
  void send_one(Batch& batch);
  void send_large(const Batch& batch, const Delivery& delivery);
  void settle(Batch& batch);
  void pass_on(std::span<Delivery> sent);
  void renew(const Batch& batch);
  void refuse(Batch& batch, const Error& error);
  [[nodiscard]] SendOptions send_options() const;
  [[nodiscard]] bool is_interrupted() const;

  const RelaySettings settings_;
  const AdapterPlace place_;
  std::optional<Root> other_root_;  // none: the same
  std::optional<Queue> from_;
  std::optional<Queue> to_;
  std::int64_t renew_after_ms_ = 0;
  std::int64_t renewed_boot_ms_ = 0;
  bool was_idle_ = false;
  std::atomic<bool> interrupted_{false};  // set by interrupt(), taken back by the turn that saw it
};

}  // namespace spoolmq::adapters
