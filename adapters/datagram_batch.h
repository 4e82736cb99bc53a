#pragma once
// Takes many datagrams out of a socket with one call (recvmmsg(2)). Belongs to one thread.

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "adapters/datagram_address.h"

namespace spoolmq::adapters {

struct Datagram {
  std::string_view bytes;      // until the next receive()
  std::size_t whole_size = 0;  // larger than `bytes`: the rest was cut off and is lost
  DatagramAddress from;
  std::optional<ucred> sender;  // of a Unix socket: the kernel vouches for it
  std::uint32_t dropped = 0;    // by the kernel, for want of room, since the socket was made

  [[nodiscard]] bool is_cut_off() const { return whole_size > bytes.size(); }
};

class DatagramBatch {
 public:
  explicit DatagramBatch(std::size_t most_bytes);
  // What is there now; empty: nothing. Descriptors that a sender passed along are closed. Throws
  // Error.
  const std::vector<Datagram>& receive(int socket);

 private:
  void note(const mmsghdr& received, std::size_t i);

  const std::size_t most_bytes_;
  const std::size_t count_;
  std::unique_ptr<char[]> bytes_;  // not touched before a datagram needs it
  std::vector<DatagramAddress> addresses_;
  std::vector<std::vector<char>> controls_;
  std::vector<iovec> pieces_;
  std::vector<mmsghdr> headers_;
  std::vector<Datagram> received_;
};

}  // namespace spoolmq::adapters
