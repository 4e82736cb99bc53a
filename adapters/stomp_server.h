#pragma once
// A STOMP 1.0, 1.1 and 1.2 server (adapters/PROTOCOL.md, "STOMP"). Whoever serves the sockets waits
// for nothing but them; work on a queue is done by its desk. What came within one round, on
// whatever connections, shares a sync.
//   With the first connection two hands take over. Of a round that asked one desk for a little, the
// hand that ran it carries that out itself, while the other one serves the sockets: a message that
// comes alone wakes one thread, which answers it too.
//   With `once`: over when the last connection of at least one has ended.
// Not thread-safe, but for interrupt(); its owner's turns only see to its end from then on.

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/access.h"
#include "adapters/batch_thread.h"
#include "adapters/bell.h"
#include "adapters/loop_hands.h"
#include "adapters/poll_set.h"
#include "adapters/polled_adapter.h"
#include "adapters/reception.h"
#include "adapters/stomp_backend.h"
#include "adapters/stomp_committer.h"
#include "adapters/stomp_connection.h"
#include "adapters/stomp_desk.h"
#include "adapters/stomp_desks.h"
#include "adapters/stomp_mailbox.h"
#include "adapters/stomp_server_settings.h"

namespace spoolmq::adapters {

class StompServer final : public PolledAdapter, private StompBackend {
 public:
  // Listens. `queue` is empty: clients name theirs. Throws Error.
  StompServer(const std::string& queue, StompServerSettings settings, AdapterPlace place);
  ~StompServer() override;

 protected:
  Step step() override;
  void gather(std::vector<pollfd>& waited) override;

 private:
  using Token = std::uint64_t;
  // A queue, or the dead letters of one, that is read from, and who does.
  struct Reader {
    Token connection;
    std::uint64_t subscription;
  };
  struct Counter {
    std::shared_ptr<StompDesk> desk;
    std::vector<Reader> readers;
    std::size_t next = 0;          // reader that the next delivery goes to, if it has room
    std::size_t collected = 0;     // since the desk was told
    bool is_changed = false;       // its room
    std::int64_t extended_ms = 0;  // boot: its leases, last
  };

  // StompBackend
  void check(std::uint64_t connection, StompCredentials login) override;
  void send(StompTicket ticket, StompSend send) override;
  void settle(StompTicket ticket, const std::string& queue, Verdict verdict,
              std::vector<Receipt> receipts) override;
  void commit(StompTicket ticket, StompTransaction transaction) override;
  void open(StompTicket ticket, const StompOpening& opening) override;
  void note_room(const std::string& queue) override;
  void close(const StompOpening& opening) override;

  // All that can be done without waiting. The lock is held, as it is in all that follows.
  enum class Left : std::uint8_t { kToTheDesks, kToTheCaller };
  Step serve(Left left);
  LoopHands::Round round();
  void note_asked(std::shared_ptr<StompDesk> desk);
  void begin_work(Left left);
  void carry_out();

  // Sockets (stomp_server.cc).
  void collect_ready();
  void welcome(std::unique_ptr<Stream> stream, Peer peer);
  void serve_ready();
  void write_touched();
  void touch(Token token, StompConnection& connection);
  void note_ready(Token token, StompConnection& connection);
  void end(Token token);
  void expire_due();
  // Queues (stomp_server_queues.cc).
  Counter& counter(const std::string& name);
  void refuse(const StompTicket& ticket, const std::exception& error);
  void take_logins();
  void take_mail();
  void take_outcome(const StompOutcome& outcome);
  void begin_reading(const StompTicket& ticket, const std::string& desk);
  void hand_out(StompTaken taken);
  Reader* next_reader(Counter& counter);
  void tell_room();
  void extend_leases();
  void drop_idle();

  const StompServerSettings settings_;
  const AdapterPlace place_;
  Access access_;
  StompMailbox mailbox_;
  // What may take syncs and is nobody's to wait for: desks that close, rooms that go.
  BatchThread<std::function<void()>> tidying_;
  StompDesks desks_;
  StompCommitter committer_;
  PollSet poll_set_;
  Reception reception_;
  std::map<std::string, Counter> counters_;  // by the desk's name
  std::unordered_map<Token, std::unique_ptr<StompConnection>> connections_;
  std::vector<Token> ready_;    // something may be read; each once
  std::vector<Token> touched_;  // something may be written, or settled; each once
  std::vector<std::shared_ptr<StompDesk>> asked_;  // since begin_work()
  std::shared_ptr<StompDesk> claimed_;             // by a hand; null: none carries out anything
  std::vector<std::string> changed_;               // desks whose room is to be told
  std::map<std::pair<Token, std::uint64_t>, std::string> opening_;  // ticket → desk
  std::map<std::uint64_t, Token> logins_;                           // being checked → whose
  Token next_token_;
  std::string buffer_;
  std::uint64_t unfinished_bytes_ = 0;    // of all connections
  std::int64_t now_ms_ = 0;               // boot, of this step
  std::int64_t deadline_ms_ = INT64_MAX;  // no connection's is earlier
  std::int64_t extend_ms_ = 0;            // leases are looked at again
  std::int64_t abandoned_ms_ = 0;         // boot: what others left was looked for, last
  bool served_any_ = false;

  std::mutex lock_;             // guards all above that changes
  std::exception_ptr failure_;  // of a hand; likewise
  Bell told_;                   // rung by a hand: step() has something to tell
  std::unique_ptr<LoopHands> hands_;
};

}  // namespace spoolmq::adapters
