#include "tests/bench/latency_workload.h"

#include <optional>
#include <stdexcept>

#include "spoolmq/queue.h"
#include "tests/bench/bench_place.h"
#include "tests/bench/body_channel.h"
#include "tests/bench/machine_limits.h"
#include "tests/bench/peer_channels.h"

namespace spoolmq::bench {
namespace {

constexpr int kMessages = 500;
constexpr int kWarmUp = 20;
constexpr std::chrono::milliseconds kApart{2};
constexpr double kNsPerUs = 1000;
constexpr char kName[] = "bench";

class QueueChannel final : public BodyChannel {
 public:
  QueueChannel(std::string directory, std::size_t body_bytes)
      : BodyChannel(body_bytes), directory_(std::move(directory)) {
    Root::open(directory_).create_queue(kName);
  }
  void begin_sending() override { queue_.emplace(Root::open(directory_).open_queue(kName)); }
  void begin_receiving() override { begin_sending(); }
  void settle() override { delivery_->ack(); }

 private:
  void send_body(const std::string& body) override {
    Message message;
    message.body = body;
    queue_->send(std::move(message));
  }
  bool receive_body(std::string& body) override {
    ReceiveOptions options;
    options.wait = std::nullopt;
    delivery_ = queue_->receive(options);
    body = delivery_->message().body;
    return true;
  }

  std::string directory_;
  std::optional<Queue> queue_;
  std::optional<Delivery> delivery_;
};

std::unique_ptr<Channel> queue_channel(const std::string& directory, std::size_t body_bytes) {
  return std::make_unique<QueueChannel>(directory, body_bytes);
}

}  // namespace

const std::vector<LatencyWorkload>& latency_workloads() {
  static const std::vector<LatencyWorkload> all = {{"latency", queue_channel},
                                                   {"latency-beanstalkd", beanstalkd_channel},
                                                   {"latency-redis", redis_channel}};
  return all;
}

Latency measure_latency(Channel& channel, const std::string& directory) {
  AppendLimit limit(directory, kBodyBytes);
  const Travel took =
      travel(channel, {kMessages, kWarmUp, kApart, Pace::Cores::kAny, [&] { limit.append(); }});
  return {percentile(took.took_ns, 0.5) / kNsPerUs, percentile(took.took_ns, 0.99) / kNsPerUs,
          percentile(took.calls_ns, 0.5) / kNsPerUs, percentile(limit.took_us(), 0.5)};
}

}  // namespace spoolmq::bench
