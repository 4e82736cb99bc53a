#include "tests/bench/boost_channel.h"

#include <unistd.h>

#include <boost/interprocess/ipc/message_queue.hpp>

#include "cli/bench/body_channel.h"

namespace spoolmq::bench {
namespace {

namespace ipc = boost::interprocess;

constexpr int kPlaces = 8;  // one message is under way at a time

std::string unique_name() { return "spoolmq-bench-" + std::to_string(::getpid()); }

class BoostQueueChannel final : public BodyChannel {
 public:
  explicit BoostQueueChannel(std::size_t body_bytes)
      : BodyChannel(body_bytes),
        queue_(ipc::create_only, unique_name().c_str(), kPlaces, body_bytes) {
    ipc::message_queue::remove(unique_name().c_str());
  }

 private:
  void send_body(const std::string& body) override { queue_.send(body.data(), body.size(), 0); }
  bool receive_body(std::string& body) override {
    ipc::message_queue::size_type size = 0;
    unsigned priority = 0;
    queue_.receive(body.data(), body.size(), size, priority);
    body.resize(size);
    return true;
  }
  ipc::message_queue queue_;
};

}  // namespace

std::unique_ptr<Channel> boost_channel(std::size_t body_bytes) {
  return std::make_unique<BoostQueueChannel>(body_bytes);
}

}  // namespace spoolmq::bench
