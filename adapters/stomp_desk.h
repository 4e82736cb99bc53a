#pragma once
// One place that STOMP clients send to or read from, as the server works on it: threads that send,
// settle and receive, so that whoever serves the sockets never waits for a disk. What became of
// each thing is put into the mailbox. The calls belong to whoever serves the sockets, and return at
// once; carry_out() alone takes its time.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "adapters/stomp_backend.h"
#include "adapters/stomp_mailbox.h"
#include "adapters/verdict.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

// Of every desk of a server.
struct StompDeskRules {
  std::size_t most_body_bytes = 10 << 20;  // of what is received; longer ones go dead, oversize
  std::int64_t patience_ms = 3000;         // with a queue that takes nothing now
};

class StompDesk {
 public:
  virtual ~StompDesk() = default;
  // It is there, by what the opening allows; then the ticket's subscription may begin.
  virtual void open(StompTicket ticket, StompOpening opening) = 0;
  virtual void settle(StompTicket ticket, Verdict verdict, std::vector<Receipt> receipts) = 0;
  // What was asked for begins with it at the latest, so that what comes within a round shares a
  // sync.
  virtual void flush() {}
  // Instead of flush(): true: it is the caller's to carry_out(), soon, and in whatever thread. What
  // comes meanwhile waits for it. False: as if it had not been asked.
  [[nodiscard]] virtual bool claim() { return false; }
  virtual void carry_out() {}
  // So many are wanted now, after `collected` of those in the mailbox were taken out.
  virtual void want(std::size_t room, std::size_t collected) = 0;
  // Their leases go on.
  virtual void extend(std::vector<Receipt> receipts) = 0;
  // After which leases have to be extended.
  [[nodiscard]] virtual std::int64_t extend_after_ms() const = 0;
  // Nobody waits for anything of it.
  [[nodiscard]] virtual bool is_idle() const = 0;
};

}  // namespace spoolmq::adapters
