#pragma once
// The program at the other side of a bridge: it hands messages in and hears that they are durable,
// or takes messages and says that they are done. Each is a few system calls, as a program of any
// language would make them. Throws std::runtime_error.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace spoolmq::bench {

class BridgePeer {
 public:
  BridgePeer() = default;
  BridgePeer(const BridgePeer&) = delete;
  BridgePeer& operator=(const BridgePeer&) = delete;
  virtual ~BridgePeer() = default;

  // The bridge runs: meets it.
  virtual void meet() {}
  // Inwards: hands over message `number`; waits for the oldest answer that is owed.
  virtual void put(int number, const std::string& body) = 0;
  virtual void await_answer() = 0;
  // Outwards: waits for the next message; then says that it is done.
  virtual void take() = 0;
  virtual void answer() = 0;
};

enum class Way : bool { kIn, kOut };

struct BridgeKind {
  std::string_view name;  // of the facility, as in system_channels.h
  std::string_view type;  // of the bridge, without -in and -out
  // In `directory` is room for paths. The words are the bridge's options.
  std::unique_ptr<BridgePeer> (*make)(Way way, const std::string& directory,
                                      std::vector<std::string>& options);
};
const std::vector<BridgeKind>& stream_bridges();  // fifo, unix-socket, tcp
const std::vector<BridgeKind>& record_bridges();  // unix-datagram, udp, posix-mq, sysv-mq

}  // namespace spoolmq::bench
