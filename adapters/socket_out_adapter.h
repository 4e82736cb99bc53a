#pragma once
// Connects to a stream socket and hands a queue's messages on. Nothing is leased before there is a
// connection; when it ends, what was under way is released (no failure is counted), the turn throws
// Error(kUnavailable), and a new one connects anew. `stop` from the other side throws
// Error(kConfiguration): nothing is tried again.
//   With `once`: at the end of the queue our side is shut; over when the last answer has come.
// Not thread-safe, but for interrupt().

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/connecting.h"
#include "adapters/out_connection.h"
#include "adapters/outflow.h"
#include "adapters/polled_adapter.h"
#include "adapters/socket_out_settings.h"
#include "adapters/tls.h"

namespace spoolmq::adapters {

class SocketOutAdapter final : public PolledAdapter {
 public:
  // Opens the queue. Throws Error.
  SocketOutAdapter(const std::string& queue, SocketOutSettings settings, AdapterPlace place);

 protected:
  Step step() override;
  void gather(std::vector<pollfd>& waited) override;

 private:
  void begin();
  bool connect();
  void connect_to_path();
  bool shake_hands();
  Step hand_on();
  void settle(const std::vector<OutConnection::Settled>& settled);
  void fill();
  void put(Delivery& delivery);
  void check_silence();
  void end_if_all_is_done();
  [[nodiscard]] bool is_all_under_way();
  [[noreturn]] void lost(const std::string& why) const;

  const SocketOutSettings settings_;
  const AdapterPlace place_;
  Queue queue_;
  std::optional<TlsContext> tls_;
  std::optional<Connecting> connecting_;
  std::unique_ptr<Stream> opening_;  // connected; in its handshake
  std::optional<OutConnection> connection_;
  std::optional<Outflow> outflow_;  // while there is a connection_
  std::string address_;             // that we are connected to
  std::int64_t now_ms_ = 0;         // boot, of this step
  std::int64_t opening_until_ms_ = 0;
  std::int64_t connected_ms_ = 0;
  std::int64_t progress_ms_ = 0;
  std::int64_t look_ms_ = 0;  // whether the queue is empty, again
  bool proven_ = false;       // something went through, or it lasts
  bool shut_ = false;         // our side
};

}  // namespace spoolmq::adapters
