#pragma once
// One queue as the STOMP server works on it: threads that send, settle and receive, so that whoever
// serves the sockets never waits for a disk. Sends of all connections that come together share a
// write and a sync, acknowledgements a transaction and a sync. What became of each is put into the
// mailbox.
// The calls belong to the sockets' thread, and return at once.

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
#include "adapters/stomp_backend.h"
#include "adapters/stomp_mailbox.h"
#include "adapters/verdict.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

enum class StompMissing : std::uint8_t { kRefuse, kMake };  // a queue that is not there

class StompDesk {
 public:
  struct Rules {
    StompMissing missing = StompMissing::kRefuse;
    std::size_t most_body_bytes = 10 << 20;  // of what is received; longer ones go dead, oversize
    std::int64_t patience_ms = 3000;         // with a queue that takes nothing now
  };
  // The references outlive it.
  StompDesk(std::string queue, const AdapterPlace& place, Rules rules, StompMailbox& mailbox);
  ~StompDesk();  // what was asked for is done; what waits in the mailbox is its owner's
  StompDesk(const StompDesk&) = delete;
  StompDesk& operator=(const StompDesk&) = delete;

  void send(StompTicket ticket, Message message, std::optional<Durability> durability);
  void settle(StompTicket ticket, Verdict verdict, std::vector<Receipt> receipts);
  // The queue is there, by what `opening` allows; then the ticket's subscription may begin.
  void open(StompTicket ticket, StompOpening opening);
  // So many more are wanted now, after `collected` of those in the mailbox were taken out.
  void want(std::size_t room, std::size_t collected);
  void extend(std::vector<Receipt> receipts);

  [[nodiscard]] const std::string& name() const { return name_; }
  // Of a lease, after which it has to be extended.
  [[nodiscard]] std::int64_t extend_after_ms() const { return extend_after_ms_; }
  // Nobody waits for anything of it.
  [[nodiscard]] bool is_idle() const;

 private:
  struct Sending {
    StompTicket ticket;
    Message message;
    std::optional<Durability> durability;
  };
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

  std::shared_ptr<Queue> queue();
  void forget_queue();
  // The thread that sends.
  void take_in(std::vector<Incoming> batch);
  void send_all(std::vector<Sending> batch);
  bool send_together(std::vector<Sending>& batch, std::vector<StompOutcome>& outcomes);
  void send_singly(std::vector<Sending>& batch, std::vector<StompOutcome>& outcomes);
  StompOutcome send_one(Sending& one, std::int64_t until_boot_ms);
  void make_ready(const StompOpening& opening);
  // The thread that settles.
  void settle_all(std::vector<Settling> batch);
  void ack_all(std::vector<Settling*> batch, std::vector<StompOutcome>& outcomes);
  StompOutcome settle_one(const Settling& one);
  std::vector<LeaseOutcome> settle_by(Queue& queue, const Settling& one);
  // The thread that receives.
  void receive(const std::stop_token& stop);
  void receive_some(const std::stop_token& stop, std::size_t most);
  std::optional<std::string> body_of(Delivery& delivery);

  const std::string name_;
  const AdapterPlace& place_;
  const Rules rules_;
  StompMailbox& mailbox_;
  std::atomic<std::int64_t> extend_after_ms_{10'000};

  std::mutex open_mutex_;  // guards queue_, held while it is opened
  std::shared_ptr<Queue> queue_;

  mutable std::mutex mutex_;  // guards the next three
  std::condition_variable_any wanted_;
  std::size_t room_ = 0;
  std::size_t uncollected_ = 0;

  std::size_t batch_messages_ = 1;  // of the receiving thread: its next batch
  BatchThread<Incoming> sending_;
  BatchThread<Settling> settling_;
  std::jthread receiving_;
};

}  // namespace spoolmq::adapters
