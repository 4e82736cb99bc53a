#include "cli/bench/queue_channels.h"

#include <optional>

#include "cli/bench/bench_place.h"
#include "cli/bench/body_channel.h"
#include "cli/bench/machine_limits.h"
#include "cli/bench/workload.h"
#include "spoolmq/queue.h"
#include "spoolmq/tail.h"

namespace spoolmq::bench {
namespace {

constexpr int kWarmUp = 20;
constexpr std::chrono::milliseconds kApart{2};
constexpr double kNsPerUs = 1000;

class SendingChannel : public BodyChannel {
 public:
  SendingChannel(const std::string& directory, std::size_t body_bytes)
      : BodyChannel(body_bytes), directory_(directory) {
    Root::open(directory_).create_queue(kQueueName);
  }
  void begin_sending() override { open(); }

 protected:
  Queue& open() { return queue_.emplace(Root::open(directory_).open_queue(kQueueName)); }
  Queue& queue() { return *queue_; }

 private:
  void send_body(const std::string& body) override {
    Message message;
    message.body = body;
    queue_->send(std::move(message));
  }

  std::string directory_;
  std::optional<Queue> queue_;
};

class ReceiveChannel final : public SendingChannel {
 public:
  using SendingChannel::SendingChannel;
  void begin_receiving() override { open(); }
  void settle() override { delivery_->ack(); }

 private:
  bool receive_body(std::string& body) override {
    ReceiveOptions options;
    options.wait = std::nullopt;
    delivery_ = queue().receive(options);
    body = delivery_->message().body;
    return true;
  }
  std::optional<Delivery> delivery_;
};

class TailChannel final : public SendingChannel {
 public:
  using SendingChannel::SendingChannel;
  void begin_receiving() override { tail_.emplace(open().tail()); }

 private:
  bool receive_body(std::string& body) override {
    const TailMessage* const message = tail_->wait(std::nullopt);
    body = message->body();
    return true;
  }
  std::optional<Tail> tail_;
};

Sample sample_of(Channel& channel, const Conditions& c) {
  const int messages = c.count ? static_cast<int>(*c.count) : kLatencyMessages;
  const Latency took = measure_latency(channel, c.directory, c.body_bytes, messages);
  return {took.p50_us,
          took.append_p50_us,
          {{"p99_us", took.p99_us}, {"p999_us", took.p999_us}, {"send_p50_us", took.send_p50_us}}};
}

}  // namespace

std::unique_ptr<Channel> receive_channel(const std::string& directory, std::size_t body_bytes) {
  return std::make_unique<ReceiveChannel>(directory, body_bytes);
}

std::unique_ptr<Channel> tail_channel(const std::string& directory, std::size_t body_bytes) {
  return std::make_unique<TailChannel>(directory, body_bytes);
}

Latency measure_latency(Channel& channel, const std::string& directory, std::size_t body_bytes,
                        int messages) {
  AppendLimit limit(directory, body_bytes);
  const Travel took =
      travel(channel, {messages, kWarmUp, kApart, Pace::Cores::kAny, [&] { limit.append(); }});
  return {percentile(took.took_ns, 0.5) / kNsPerUs, percentile(took.took_ns, 0.99) / kNsPerUs,
          percentile(took.took_ns, 0.999) / kNsPerUs, percentile(took.calls_ns, 0.5) / kNsPerUs,
          percentile(limit.took_us(), 0.5)};
}

std::span<const Workload> latency_workloads() {
  using C = Conditions;
  static const std::vector<Workload> all = {
      {"latency",
       "from the call of send to the return of a receiver in another process",
       Unit::kMicroseconds,
       "append + fdatasync, in between",
       [](const C& c) { return sample_of(*receive_channel(c.directory, c.body_bytes), c); },
       {}},
      {"tail",
       "from the call of send to a tail in another process",
       Unit::kMicroseconds,
       "append + fdatasync, in between",
       [](const C& c) { return sample_of(*tail_channel(c.directory, c.body_bytes), c); },
       {}},
  };
  return all;
}

}  // namespace spoolmq::bench
