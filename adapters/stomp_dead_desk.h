#pragma once
// The dead letters of one queue, for those who subscribe to /dead/QUEUE. They are shown, each to
// one of them: an ACK deletes one, a NACK leaves it and it is not shown again while anybody
// subscribes; what is neither, because a client went away, is shown to the next. They stay dead
// meanwhile, so that others see and may requeue them.

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "adapters/adapter.h"
#include "adapters/batch_thread.h"
#include "adapters/stomp_desk.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

class StompDeadDesk final : public StompDesk {
 public:
  // The references outlive it. `name`: how the mailbox is told of it.
  StompDeadDesk(std::string name, std::string queue, const AdapterPlace& place,
                StompDeskRules rules, StompMailbox& mailbox);
  ~StompDeadDesk() override;
  StompDeadDesk(const StompDeadDesk&) = delete;
  StompDeadDesk& operator=(const StompDeadDesk&) = delete;

  void open(StompTicket ticket, StompOpening opening) override;
  void settle(StompTicket ticket, Verdict verdict, std::vector<Receipt> receipts) override;
  void want(std::size_t room, std::size_t collected) override;
  void extend(std::vector<Receipt> /*receipts*/) override {}
  [[nodiscard]] std::int64_t extend_after_ms() const override { return INT64_MAX; }
  [[nodiscard]] bool is_idle() const override;

 private:
  struct Asked {
    StompTicket ticket;
    std::optional<Verdict> verdict;  // none: it is to be opened
    std::vector<MessageId> ids;
  };
  std::shared_ptr<Queue> queue();
  void work(std::vector<Asked> batch);
  StompOutcome obey(const Asked& asked);
  void show(const std::stop_token& stop);
  std::size_t show_some(std::size_t most);
  std::optional<StompTaken::One> look_at(Queue& queue, const MessageStatus& status);
  std::vector<MessageStatus> choose(Queue& queue, std::size_t most);

  const std::string name_;
  const std::string queue_name_;
  const AdapterPlace& place_;
  const StompDeskRules rules_;
  StompMailbox& mailbox_;

  std::mutex open_mutex_;  // guards queue_, held while it is opened
  std::shared_ptr<Queue> queue_;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable_any wanted_;
  std::size_t room_ = 0;
  std::size_t uncollected_ = 0;
  std::set<MessageId> shown_;  // to somebody, and not given back

  BatchThread<Asked> working_;
  std::jthread showing_;
};

}  // namespace spoolmq::adapters
