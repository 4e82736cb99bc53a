#pragma once
// One STOMP 1.2 client on loopback, the same for every server that is measured. It blocks; nothing
// for 30 s is an error. Throws std::runtime_error where the server says ERROR, or ends. Belongs to
// one thread.

#include <optional>
#include <string>

#include "adapters/descriptor.h"
#include "adapters/stomp_codec.h"
#include "adapters/stomp_frame.h"

namespace spoolmq::bench {

class StompClient {
 public:
  // Connected, and CONNECTED came.
  explicit StompClient(int port);

  // Goes with the next flush(), all at once.
  void add(const adapters::StompFrame& frame);
  void flush();
  // The next frame of what came; nullopt: more has to come first.
  std::optional<adapters::StompFrame> next();
  // Waits for more.
  void read();
  // Waits for one.
  adapters::StompFrame take();
  [[nodiscard]] int descriptor() const { return socket_.number(); }

 private:
  adapters::Descriptor socket_;
  adapters::StompDecoder decoder_{adapters::StompLimits{}};
  std::string unsent_;
  std::string buffer_;
};

}  // namespace spoolmq::bench
