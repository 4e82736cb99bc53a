#pragma once
// A channel of bodies of one size, each of which begins with its message's number.

#include <cstring>
#include <string>

#include "cli/bench/bench_place.h"
#include "cli/bench/channel.h"

namespace spoolmq::bench {

class BodyChannel : public Channel {
 public:
  explicit BodyChannel(std::size_t body_bytes) : body_(body_bytes, 'x') {}
  void prepare(int number) final { std::memcpy(body_.data(), &number, sizeof number); }
  void send() final { send_body(body_); }
  int receive() final {
    const std::size_t bytes = body_.size();
    if (!receive_body(body_)) return kMissed;
    if (body_.size() != bytes) throw failed("a body of another size");
    int number = 0;
    std::memcpy(&number, body_.data(), sizeof number);
    return number;
  }

 private:
  virtual void send_body(const std::string& body) = 0;
  // `body` has the size that is expected. False: nothing came, and nothing more will for a while.
  virtual bool receive_body(std::string& body) = 0;
  std::string body_;
};

}  // namespace spoolmq::bench
