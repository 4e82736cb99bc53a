#pragma once
// A POSIX message queue (mq_overview(7)). On Linux its descriptor can be polled, so nothing is ever
// blocked in it. Ranks are priorities, 0 … 32767, the same numbers on both sides.

#include <mqueue.h>

#include <cstdint>
#include <optional>
#include <string>

#include "adapters/descriptor.h"
#include "adapters/message_box.h"
#include "core/clock.h"

namespace spoolmq::adapters {

struct PosixBoxSettings {
  std::string object;                 // "/orders"
  std::optional<std::uint32_t> mode;  // of one that we make; exactly, whatever the umask
  bool create = false;                // where there is none
  bool remove = false;                // when the bridge ends
  std::optional<long> max_messages;   // of one that we make; default: the system's
  std::optional<long> message_bytes;  // likewise
};

class PosixBox final : public MessageBox {
 public:
  enum class Way : std::uint8_t { kIn, kOut };
  // Throws Error: kNotFound, kPermission, or which limit refuses it.
  PosixBox(PosixBoxSettings settings, Way way, const Clock& clock);
  ~PosixBox() override;

  std::optional<BoxItem> take() override;
  Put put(std::string_view body, std::int64_t rank) override;
  std::size_t most_bytes() override { return most_bytes_; }
  std::string_view size_limit() const override { return "the queue's mq_msgsize"; }
  void gather(Want want, std::vector<pollfd>& waited) override;
  void set_rank(Message& message, std::int64_t rank) const override;
  std::optional<std::int64_t> rank_of(const Message& message, std::string& why) const override;
  std::int64_t answer_rank(std::string_view /*tag*/) const override { return 0; }

 private:
  void look_whether_removed();

  const PosixBoxSettings settings_;
  const Clock& clock_;
  Descriptor queue_;  // on Linux a mqd_t is one
  std::size_t most_bytes_ = 0;
  std::string buffer_;
  std::int64_t look_boot_ms_ = 0;  // whether it was removed
};

}  // namespace spoolmq::adapters
