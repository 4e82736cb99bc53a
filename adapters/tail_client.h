#pragma once
// One client of a tail's socket, and the bytes that wait for it. Belongs to one thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/descriptor.h"

namespace spoolmq::adapters {

// So much may wait for a client, and one piece more. Once it does, everybody waits for this client
// until half of it has gone, for a second at most; then it is disconnected.
inline constexpr std::size_t kMostWaitingBytes = 4 << 20;
inline constexpr std::int64_t kClientPatienceMs = 1000;

class TailClient {
 public:
  explicit TailClient(Descriptor socket);  // that does not block

  [[nodiscard]] int descriptor() const { return socket_.number(); }
  [[nodiscard]] std::int64_t pid() const { return pid_; }
  void send(std::string_view bytes, std::int64_t now_boot_ms);
  void send_waiting();
  [[nodiscard]] std::size_t waiting_bytes() const { return waiting_.size() - sent_; }
  [[nodiscard]] bool is_full() const { return full_since_boot_ms_ != 0; }
  [[nodiscard]] bool is_too_slow(std::int64_t now_boot_ms) const {
    return is_full() && now_boot_ms - full_since_boot_ms_ >= kClientPatienceMs;
  }
  // It cannot be written to any more.
  [[nodiscard]] bool is_gone() const { return gone_; }
  void set_gone() { gone_ = true; }

 private:
  std::size_t try_send(std::string_view bytes);

  Descriptor socket_;
  std::int64_t pid_ = 0;  // as the kernel knows it; 0: not
  std::string waiting_;
  std::size_t sent_ = 0;                 // of waiting_
  std::int64_t full_since_boot_ms_ = 0;  // 0: it is not
  bool gone_ = false;
};

}  // namespace spoolmq::adapters
