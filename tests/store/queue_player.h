#pragma once
// Acts on a real queue and on its model, each beside the other, as somebody chooses who may be a
// random generator or a fuzzer's bytes. The queue is the StoreWorld's, on the twin, with one handle
// that receives and another that sends. What does not agree is an Error(kInternal) of
// SPOOLMQ_CHECK, which names the line.

#include <functional>
#include <optional>
#include <vector>

#include "tests/store/queue_model.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {

class QueuePlayer {
 public:
  // A number from 0 to `most`.
  using Choose = std::function<int(int most)>;
  explicit QueuePlayer(Choose choose);

  void act();
  // Everything that the queue tells of itself.
  void compare();

 private:
  Queue& queue() { return world_->queue(); }
  std::int64_t wall() { return world_->clock().wall_ms(); }
  std::int64_t boot() { return world_->clock().boot_ms(); }
  int upto(int most) { return choose_(most); }
  bool one_of(int count) { return upto(count - 1) == 0; }
  Modelled* some();  // nullptr: there is none

  void send();
  Modelled make(Message& message);
  void receive();
  std::vector<Delivery> take(const ReceiveOptions& options, std::vector<Delivery> done);
  void settle();
  void nack_by_backoff(Modelled& one, const Receipt& receipt);
  void fix(Modelled& one);
  void withdraw(const Modelled& one);
  void move();
  void purge();
  void pass_time();
  void clean_up();
  void open_again();
  void rebuild();
  void adopt(Modelled& one, const MessageStatus& status);
  void compare_one(const Modelled& one, const MessageStatus& status);

  const Choose choose_;
  std::optional<StoreWorld> world_;
  std::optional<Queue> sender_;
  std::optional<Queue> other_;  // where messages are moved to
  Model model_;
  std::vector<MessageId> moved_;
  std::vector<Receipt> receipts_;
};

}  // namespace spoolmq::test
