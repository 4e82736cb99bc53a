#pragma once
// One datagram, one message (PROTOCOL.md, "Datagram sockets"). Not thread-safe, but for
// interrupt().

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/datagram_batch.h"
#include "adapters/datagram_settings.h"
#include "adapters/descriptor.h"
#include "adapters/intake.h"
#include "adapters/polled_adapter.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

class DatagramIn final : public PolledAdapter {
 public:
  // Opens the queue. Throws Error.
  DatagramIn(const std::string& queue, DatagramSettings settings, AdapterPlace place);
  // The name of a Unix socket that is still ours goes with it.
  ~DatagramIn() override;

 private:
  // Of a message that is on its way into the queue, in the order of the intake.
  struct Waiting {
    DatagramAddress to;
    std::string key;
  };

  Step step() override;
  void gather(std::vector<pollfd>& waited) override;

  void look_at_path();
  void open();
  [[nodiscard]] bool is_at_path() const;
  bool receive();  // false: nothing is there
  void take(const Datagram& datagram);
  void refuse(const Datagram& datagram, std::string_view key, const std::string& why);
  void note_dropped(std::uint32_t dropped);
  void tell_refused(const std::string& who, const std::string& why, std::uint64_t count);
  void send_on();
  void answer(const DatagramAddress& to, const std::string& line) const;

  const DatagramSettings settings_;
  const AdapterPlace place_;
  Queue queue_;
  Intake intake_;
  DatagramBatch batch_;
  std::deque<Waiting> waiting_;  // with answers

  Descriptor socket_;
  std::uint64_t inode_ = 0;        // of a Unix socket's name
  std::int64_t look_boot_ms_ = 0;  // at the path again
  std::uint32_t dropped_ = 0;      // as the kernel said last
  std::int64_t tell_boot_ms_ = 0;  // a refusal again
  std::uint64_t untold_ = 0;
  bool any_ = false;  // something came
};

}  // namespace spoolmq::adapters
