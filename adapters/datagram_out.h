#pragma once
// One message, one datagram (PROTOCOL.md, "Datagram sockets"). Without answers a message is
// acknowledged when the kernel has taken it; with them when the receiver says so, and sent again
// until then. Not thread-safe, but for interrupt().

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "adapters/datagram_settings.h"
#include "adapters/descriptor.h"
#include "adapters/keyed_datagram.h"
#include "adapters/outflow.h"
#include "adapters/polled_adapter.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

class DatagramOut final : public PolledAdapter {
 public:
  // Opens the queue. Throws Error.
  DatagramOut(const std::string& queue, DatagramSettings settings, AdapterPlace place);

 private:
  struct OnItsWay {
    MessageId id;
    std::string bytes;
    std::int64_t again_boot_ms = 0;  // 0: it has not been sent yet
    int times = 0;
  };
  enum class Sent : std::uint8_t { kYes, kNoRoom, kTooLong };

  Step step() override;
  void gather(std::vector<pollfd>& waited) override;

  void open();
  bool fetch();     // false: nothing is there
  bool send_due();  // false: no room at the moment
  bool send(std::list<OnItsWay>::iterator one);
  [[nodiscard]] Sent put(const std::string& bytes);
  void take_answers();
  void take_answer(const KeyedAnswer& answer);
  [[nodiscard]] std::int64_t next_due() const;

  const DatagramSettings settings_;
  const AdapterPlace place_;
  Queue queue_;
  Descriptor socket_;
  std::optional<Outflow> outflow_;  // while the socket is connected
  std::list<OnItsWay> on_its_way_;
  bool has_room_ = true;
};

}  // namespace spoolmq::adapters
