#pragma once
// Fetches messages from a broker of STOMP into a queue. What came within one step is durable here
// together, then each is acknowledged there, the last of them with a receipt asked for. Whatever
// the broker delivers again is recognised by its id (fetch_message.h) and acknowledged only. While
// the queue takes nothing the session is not read; once that lasts it is given up, the turn throws
// Error(kTryAgain), and the same adapter goes on when what it still has was taken. A turn throws
// Error(kUnavailable, …) once no host was any good: see stomp_client_link.h.
//   With `once`: over when nothing came for quiet_ms.
// Not thread-safe, but for interrupt().

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/fetch_settings.h"
#include "adapters/intake.h"
#include "adapters/polled_adapter.h"
#include "adapters/stomp_client_link.h"

namespace spoolmq::adapters {

class FetchAdapter final : public PolledAdapter {
 public:
  // Opens the queue. Throws Error.
  FetchAdapter(const std::string& queue, FetchSettings settings, AdapterPlace place);

 protected:
  Step step() override;
  void gather(std::vector<pollfd>& waited) override;

 private:
  Step bring_in();
  void subscribe();
  void read();
  void take(std::vector<StompFrame> frames);
  void take_message(StompFrame& frame);
  void flush();
  void acknowledge(const std::vector<Intake::Taken>& taken);
  void forget_session();
  void lost(const std::string& why);
  void check_silence();
  void end_if_quiet();
  [[nodiscard]] Reading reading() const;
  [[nodiscard]] Step on_the_way() const;

  const FetchSettings settings_;
  const AdapterPlace place_;
  Queue queue_;
  Intake intake_;
  StompClientLink link_;
  StompClientSession* session_ = nullptr;  // of link_
  bool subscribed_ = false;
  std::uint64_t next_token_ = 1;
  std::unordered_map<std::uint64_t, std::string> acks_;  // of this session's messages, by token
  std::uint64_t receipts_ = 0;                           // asked for in this session
  std::uint64_t receipts_owed_ = 0;
  std::int64_t now_ms_ = 0;       // boot, of this step
  std::int64_t progress_ms_ = 0;  // since when a receipt is owed
  std::int64_t quiet_since_ms_ = 0;
  bool leaving_ = false;  // DISCONNECT was said
  bool left_ = false;     // and heard
};

}  // namespace spoolmq::adapters
