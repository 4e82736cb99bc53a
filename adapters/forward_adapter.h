#pragma once
// Forwards a queue's messages to a broker of STOMP. Each is leased here, sent under its id with a
// receipt asked for, and acknowledged here only once the receipt has come. When a session ends,
// what it had not confirmed is released (no failure is counted) and sent again, under the same id.
// A turn throws Error(kUnavailable, …) once no host took anything: see stomp_client_link.h.
//   With `once`: over when the queue is empty and the last receipt has come.
// Not thread-safe, but for interrupt().

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "adapters/forward_settings.h"
#include "adapters/outflow.h"
#include "adapters/polled_adapter.h"
#include "adapters/stomp_client_link.h"

namespace spoolmq::adapters {

class ForwardAdapter final : public PolledAdapter {
 public:
  // Opens the queue. Throws Error.
  ForwardAdapter(const std::string& queue, ForwardSettings settings, AdapterPlace place);
  ~ForwardAdapter() override;  // what is under way has a moment to be confirmed

 protected:
  Step step() override;
  void gather(std::vector<pollfd>& waited) override;

 private:
  Step hand_on();
  [[nodiscard]] bool has_room() const;
  void fill();
  void put(Delivery& delivery);
  void settle(const std::vector<StompFrame>& frames);
  void end_session();
  void judge_error(const StompFrame& error);
  void lost(const std::string& why);
  void check_silence();
  void end_if_all_is_done();

  const ForwardSettings settings_;
  const AdapterPlace place_;
  Queue queue_;
  StompClientLink link_;
  StompClientSession* session_ = nullptr;  // of link_
  std::optional<Outflow> outflow_;         // while there is a session_
  std::unordered_set<MessageId> under_way_;
  // So many more go one at a time: an ERROR that names none broke a session that had several, and
  // the next such one is about the message that is alone.
  std::size_t singly_ = 0;
  std::int64_t now_ms_ = 0;       // boot, of this step
  std::int64_t progress_ms_ = 0;  // since when nothing was confirmed that is under way
  std::int64_t look_ms_ = 0;      // whether the queue is empty, again
  bool leaving_ = false;          // DISCONNECT was said
  bool left_ = false;             // and heard
};

}  // namespace spoolmq::adapters
