#pragma once
// Signals processes when a queue stops being empty, as mq_notify(3) does, but again each time. An
// observer: no lease, no change. One signal per time that messages came where none waited; if the
// queue may have been empty in between two looks there is a signal, rather one too many than one
// too few. Its value is how many messages wait. A process that has ended is no longer signalled;
// that is said once.
//   It sleeps in the queue's doorbell, looks when a message was sent, and every 250 ms for those
//   that come back by themselves; while messages wait it looks at most every 10 ms.
// Not thread-safe, but for interrupt().

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "adapters/notify_settings.h"
#include "spoolmq/tail.h"

namespace spoolmq::adapters {

class NotifyAdapter final : public Adapter {
 public:
  // Opens the queue. Messages that wait already count as having come now. Throws Error.
  NotifyAdapter(const std::string& queue, const NotifySettings& settings, AdapterPlace place);
  ~NotifyAdapter() override;

  Turn turn() override;
  void interrupt() override;

 private:
  struct Registered {
    std::shared_ptr<const NotifiedProcess> process;
    bool owed = false;  // it could not take the signal
  };
  // A message that waited at the last look. As long as it has not moved, the queue was never empty.
  struct Witness {
    MessageId id;
    std::int64_t deliveries = 0;
  };
  void watch(Milliseconds longest);
  void look();
  bool still_waits(const Witness& witness);
  std::optional<Witness> witness_of(const MessageId& id);
  void choose_witness();
  void signal_all(std::int64_t waiting);
  void signal(Registered& one, std::int64_t waiting);
  void drop_ended();
  void end(Registered& one, const std::string& why);
  void refuse_removed() const;

  const AdapterPlace place_;
  std::optional<Queue> queue_;
  std::optional<Tail> tail_;
  std::vector<Registered> registered_;
  std::optional<Witness> witness_;        // none: the queue was empty
  MessageId newest_;                      // that was sent since the last look; nil: none
  std::atomic<bool> interrupted_{false};  // set by interrupt(), taken back by the turn that saw it
};

}  // namespace spoolmq::adapters
