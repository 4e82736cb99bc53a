#include "adapters/tail_client.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace spoolmq::adapters {

TailClient::TailClient(Descriptor socket) : socket_(std::move(socket)) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket_.number(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0) pid_ = peer.pid;
}

void TailClient::send(std::string_view bytes, std::int64_t now_boot_ms) {
  if (waiting_bytes() == 0) bytes.remove_prefix(try_send(bytes));
  if (bytes.empty() || gone_) return;
  waiting_.erase(0, std::exchange(sent_, 0));
  waiting_.append(bytes);
  if (!is_full() && waiting_bytes() >= kMostWaitingBytes) full_since_boot_ms_ = now_boot_ms;
}

void TailClient::send_waiting() {
  sent_ += try_send(std::string_view(waiting_).substr(sent_));
  if (waiting_bytes() <= kMostWaitingBytes / 2) full_since_boot_ms_ = 0;
  if (waiting_bytes() > 0) return;
  waiting_.clear();
  sent_ = 0;
}

// What was taken.
std::size_t TailClient::try_send(std::string_view bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size() && !gone_) {
    const ssize_t taken = ::send(socket_.number(), bytes.data() + sent, bytes.size() - sent,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
    if (taken >= 0) {
      sent += static_cast<std::size_t>(taken);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      gone_ = true;
    }
  }
  return sent;
}

}  // namespace spoolmq::adapters
