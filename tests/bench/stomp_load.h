#pragma once
// What the servers are loaded with: messages of 1 KiB sent with receipts, and received and
// acknowledged with receipts. All by one thread, however many connections.

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/stomp_frame.h"

namespace spoolmq::bench {

struct StompServerPlace {
  std::string name;
  int port = 0;
  pid_t process = 0;
  // Of SEND and SUBSCRIBE: what makes this server's queue a durable one.
  std::vector<adapters::StompHeader> headers;
};

// One frame with a receipt, by CLOCK_REALTIME.
struct Receipted {
  double asked_s = 0;
  double answered_s = 0;
};

// In the order of the answers; begun is before the first was asked.
struct Answers {
  double began_s = 0;
  std::vector<Receipted> frames;
  [[nodiscard]] double per_second() const;
  // From the writing of a frame to the reading of its answer.
  [[nodiscard]] double p50_us() const;
};

// Sent before each connection is measured.
inline constexpr std::size_t kWarmUpMessages = 3;

struct SendLoad {
  int connections = 1;
  std::size_t window = 1;  // of each: sent, and not answered
};
struct ReceiveLoad {
  std::size_t prefetch = 1;
  std::size_t window = 1;  // acknowledged, and not answered
};
// What is over at that time or with that many, whichever comes first; what is under way then is
// waited for, and counts.
struct Extent {
  double seconds = 1;
  std::size_t messages = 1'000'000;
};

Answers send_for(const StompServerPlace& server, const std::string& queue, SendLoad load,
                 Extent extent);
// As many as the extent says have to be there.
Answers receive_for(const StompServerPlace& server, const std::string& queue, ReceiveLoad load,
                    Extent extent);
// Takes so many out again, so that what one load leaves is no burden to the next.
void drain(const StompServerPlace& server, const std::string& queue, std::size_t messages);

}  // namespace spoolmq::bench
