#pragma once
// The queues' desks of one server, by name: each is made when somebody needs it, and taken apart
// when nobody has for a while. Thread-safe; a desk that somebody holds stays.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "adapters/stomp_queue_desk.h"

namespace spoolmq::adapters {

class StompDesks {
 public:
  static constexpr std::size_t kMostDesks = 1000;
  static constexpr std::size_t kMostEnding = 16;  // at a time

  // The references outlive it.
  StompDesks(const AdapterPlace& place, StompDeskRules rules, StompMailbox& mailbox)
      : place_(place), rules_(rules), mailbox_(mailbox) {}
  // Desks end beside one another: each waits for its receiver, and for the syncs of its queue's
  // end.
  ~StompDesks();
  StompDesks(const StompDesks&) = delete;
  StompDesks& operator=(const StompDesks&) = delete;

  // Throws Error(kOsResource) where there are too many.
  std::shared_ptr<StompQueueDesk> desk(const std::string& queue);
  // Out of the table; null: there is none.
  std::shared_ptr<StompQueueDesk> take(const std::string& queue);
  // Those out of the table that nobody holds, wants anything of, or did since then (boot ms).
  std::vector<std::shared_ptr<StompQueueDesk>> take_idle(std::int64_t since_boot_ms);

 private:
  struct Entry {
    std::shared_ptr<StompQueueDesk> desk;
    std::int64_t used_ms = 0;
  };
  const AdapterPlace& place_;
  const StompDeskRules rules_;
  StompMailbox& mailbox_;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, Entry> desks_;
};

}  // namespace spoolmq::adapters
