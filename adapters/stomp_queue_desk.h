#pragma once
// A queue's desk. Sends of all connections that come together share a write and a sync,
// acknowledgements a transaction and a sync; messages are taken on bound leases, as many as are
// wanted. The queue is opened by whichever thread needs it first.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "adapters/adapter.h"
#include "adapters/batch_thread.h"
#include "adapters/stomp_desk.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

class StompQueueDesk final : public StompDesk {
 public:
  // The references outlive it.
  StompQueueDesk(std::string queue, const AdapterPlace& place, StompDeskRules rules,
                 StompMailbox& mailbox);
  // What was asked for is done; what waits in the mailbox is its owner's.
  ~StompQueueDesk() override;
  StompQueueDesk(const StompQueueDesk&) = delete;
  StompQueueDesk& operator=(const StompQueueDesk&) = delete;

  struct Sending {
    StompTicket ticket;
    Message message;
    std::optional<Durability> durability;
    StompMissing missing = StompMissing::kRefuse;
    std::string request;  // of a reply: the queue in which it is dead if this one is not there
  };
  void send(Sending sending) { gathered_.push_back(std::move(sending)); }
  void open(StompTicket ticket, StompOpening opening) override;
  void settle(StompTicket ticket, Verdict verdict, std::vector<Receipt> receipts) override;
  // At once, and from any thread.
  void settle_now(StompTicket ticket, Verdict verdict, std::vector<Receipt> receipts);
  void flush() override;
  [[nodiscard]] bool claim() override;
  void carry_out() override;
  void want(std::size_t room, std::size_t collected) override;
  void extend(std::vector<Receipt> receipts) override;
  [[nodiscard]] std::int64_t extend_after_ms() const override { return extend_after_ms_; }
  [[nodiscard]] bool is_idle() const override;

  // The queue, open for as long as somebody has it. Thread-safe; may take a while. Throws Error.
  std::shared_ptr<Queue> queue(StompMissing missing = StompMissing::kRefuse);

 private:
  struct Opening {
    StompTicket ticket;
    StompOpening opening;
  };
  using Incoming = std::variant<Sending, Opening>;
  struct Settling {
    StompTicket ticket;
    std::optional<Verdict> verdict;  // none: the lease goes on
    std::vector<Receipt> receipts;
  };

  void forget_queue();
  // The thread that sends (stomp_queue_desk_send.cc).
  void take_in(std::vector<Incoming> batch);
  void send_all(std::vector<Sending> batch);
  bool send_together(std::vector<Sending>& batch, std::vector<StompOutcome>& outcomes);
  void send_singly(std::vector<Sending>& batch, std::vector<StompOutcome>& outcomes);
  StompOutcome send_one(Sending& one, std::int64_t until_boot_ms);
  StompOutcome refused(Sending& one, const std::exception& error);
  void make_ready(const StompOpening& opening);
  // The thread that settles.
  void settle_all(std::vector<Settling> batch);
  void ack_all(std::vector<Settling*> batch, std::vector<StompOutcome>& outcomes);
  StompOutcome settle_one(const Settling& one);
  std::vector<LeaseOutcome> settle_by(Queue& queue, const Settling& one);
  // The thread that receives (stomp_queue_desk_receive.cc).
  void receive(const std::stop_token& stop);
  void receive_some(const std::stop_token& stop, std::size_t most);
  std::optional<std::string> body_of(Delivery& delivery);

  const std::string name_;
  const AdapterPlace& place_;
  const StompDeskRules rules_;
  StompMailbox& mailbox_;
  std::atomic<std::int64_t> extend_after_ms_{10'000};

  std::mutex open_mutex_;  // guards queue_, held while it is opened
  std::shared_ptr<Queue> queue_;

  mutable std::mutex mutex_;  // guards the next three
  std::condition_variable_any wanted_;
  std::size_t room_ = 0;
  std::size_t uncollected_ = 0;

  // Of whoever serves the sockets: since the last flush().
  std::vector<Incoming> gathered_;
  std::vector<Settling> gathered_settlings_;
  // Of whoever claimed them: one is empty.
  std::vector<Incoming> claimed_;
  std::vector<Settling> claimed_settlings_;
  std::size_t batch_messages_ = 1;  // of the receiving thread: its next batch
  BatchThread<Incoming> sending_;
  BatchThread<Settling> settling_;
  std::jthread receiving_;
};

}  // namespace spoolmq::adapters
