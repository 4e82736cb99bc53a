#pragma once
// Carries out what concerns several queues: COMMITs, and sends to topics, of which those that come
// together share their syncs. A thread of its own; what became of each is put into the mailbox.
// commit() and send_to_topic() return at once.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "adapters/batch_thread.h"
#include "adapters/stomp_backend.h"
#include "adapters/stomp_desks.h"
#include "adapters/stomp_mailbox.h"

namespace spoolmq::adapters {

class StompCommitter {
 public:
  // The references outlive it.
  StompCommitter(const AdapterPlace& place, StompDesks& desks, StompDeskRules rules,
                 StompMailbox& mailbox);

  // All of it, or nothing; what it was to acknowledge is released then. NACKs follow.
  void commit(StompTicket ticket, StompTransaction transaction);
  void send_to_topic(StompTicket ticket, StompSend send);

 private:
  struct Job {
    StompTicket ticket;
    StompTransaction transaction;
    bool may_share = false;  // its syncs, and its fate
  };
  void work(std::vector<Job> batch);
  void carry_out(std::vector<Job> group);
  void try_together(const std::vector<Job>& group);
  StompOutcome carry_out_one(Job& job);
  void settle_rest(const StompTransaction& transaction);
  void give_back(const StompTransaction& transaction);

  const AdapterPlace& place_;
  StompDesks& desks_;
  const StompDeskRules rules_;
  StompMailbox& mailbox_;
  BatchThread<Job> thread_;
};

}  // namespace spoolmq::adapters
