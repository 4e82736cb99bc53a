#pragma once
// A System V message queue (sysvipc(7), msgop(2)). Ranks are types, 1 and above; they stand in the
// header `sysv-type` of a message.
// Nothing polls it, so two threads block in it instead: one in a msgrcv(2) with no room for a body,
// which fails with E2BIG when a message is there and leaves it where it is (an empty one is the
// exception: it is taken, and handed on); one in the msgsnd(2) of a message that found no room.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/blocked_call.h"
#include "adapters/message_box.h"
#include "adapters/sysv_key.h"

namespace spoolmq::adapters {

inline constexpr std::string_view kSysvTypeHeader = "sysv-type";

struct SysvBoxSettings {
  SysvKey key;
  std::optional<std::uint32_t> mode;  // of one that we make
  bool create = false;                // where there is none
  bool remove = false;                // when the bridge ends
  // In: msgtyp of msgrcv(2), 0 the first of all, > 0 of that type, < 0 the lowest up to that one.
  // Out: the type of all messages; 0: the header's, or 1.
  long type = 0;
  std::size_t most_taken_bytes = 10 << 20;  // a longer message is cut
};

class SysvBox final : public MessageBox {
 public:
  // Throws Error: kNotFound, kPermission, or which limit refuses it.
  explicit SysvBox(SysvBoxSettings settings);
  ~SysvBox() override;

  std::optional<BoxItem> take() override;
  Put put(std::string_view body, std::int64_t rank) override;
  bool give_up() override;
  std::size_t most_bytes() override;
  std::string_view size_limit() const override {
    return "kernel.msgmax, or the queue's msg_qbytes";
  }
  void gather(Want want, std::vector<pollfd>& waited) override;
  void set_rank(Message& message, std::int64_t rank) const override;
  std::optional<std::int64_t> rank_of(const Message& message, std::string& why) const override;
  std::int64_t answer_rank(std::string_view tag) const override;

 private:
  // 0 or an errno. Takes a message with an empty body into empty_type_.
  int wait_for_one();
  std::optional<BoxItem> take_now();
  void fit_buffer(std::size_t body_bytes);
  [[nodiscard]] Error refused(int error, std::string_view operation) const;

  const SysvBoxSettings settings_;
  int queue_ = -1;
  std::string buffer_;   // a long, the type, and the body
  std::string waiting_;  // likewise: what the sending thread has
  long empty_type_ = 0;  // of an empty message that the waiting thread took; belongs to the call
  BlockedCall receiving_;
  BlockedCall sending_;
};

}  // namespace spoolmq::adapters
