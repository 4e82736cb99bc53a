#pragma once
// Lets clients in at a listening socket: as many as may be, and only those who may. A path that is
// removed is made anew; a lack of descriptors makes it pause. Belongs to one thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "adapters/listening.h"
#include "adapters/peer.h"
#include "adapters/poll_set.h"
#include "adapters/stream.h"
#include "adapters/tls.h"

namespace spoolmq::adapters {

struct ReceptionRules {
  ListenPlace place;
  AllowedPeers allowed;
  std::size_t most_connections = 1000;
  bool has_tls = false;
  TlsFiles tls;
};

class Reception {
 public:
  // Tokens of the poll set below this are ours.
  static constexpr std::uint64_t kFirstFreeToken = 1024;

  // Listens. The references outlive it. Throws Error.
  Reception(const ReceptionRules& rules, const AdapterPlace& place, PollSet& poll_set,
            std::int64_t now_boot_ms);

  // Once per round, before the poll set is asked. Throws Error.
  void prepare(std::size_t connections, std::int64_t now_boot_ms);
  using Welcome = std::function<void(std::unique_ptr<Stream> stream, Peer peer)>;
  // One of our tokens is ready: lets in who waits there.
  void accept(std::uint64_t token, const Welcome& welcome);
  // Refusals are all counted, and told as far as they are few: whoever may not connect could fill
  // the log.
  void tell_refused(const std::string& subject, const std::string& why);

  // When prepare() has to be called again.
  [[nodiscard]] std::int64_t next_due_boot_ms() const;

 private:
  void open();
  void suspend(const std::string& why);
  void let_in(Descriptor socket, const Welcome& welcome);

  const ReceptionRules& rules_;
  const AdapterPlace& place_;
  PollSet& poll_set_;
  const std::size_t most_connections_;
  std::optional<TlsContext> tls_;
  std::optional<Listening> listening_;
  std::vector<PollSet::Place> places_;
  std::size_t free_ = 0;      // connections that may be let in yet
  std::int64_t now_ms_;       // boot, of this round
  std::int64_t look_ms_ = 0;  // at the path again
  std::int64_t accept_after_ms_ = 0;
  std::int64_t telling_until_ms_ = 0;
  int told_ = 0;  // refusals, until then
  bool is_full_told_ = false;
  bool is_suspended_told_ = false;
};

}  // namespace spoolmq::adapters
