#pragma once
// The way of one `send` through a queue: one body, or one message per record of an input. An id is
// printed when its message is durable, never before. Bodies above the queue's body-inline are
// streamed. Not thread-safe.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/body_input.h"
#include "cli/command.h"
#include "cli/record_reader.h"
#include "spoolmq/queue.h"

namespace spoolmq::cli {

// What all messages of one command have in common.
struct SendPlan {
  Message pattern;
  SendOptions options;
  std::optional<Milliseconds> delay;
  std::optional<Milliseconds> ttl;
  bool waits = false;

  // A message sent now.
  [[nodiscard]] Message message(std::string body) const;
};

class Sender {
 public:
  Sender(Context& context, Queue queue, SendPlan plan);

  // Each returns the exit code.
  int send_body(std::string body);
  int send_input(Input& input);
  // In batches; what is at hand is sent before anybody waits for more. Ids that were printed stay
  // true: a refusal behind the first one is told on stderr and returns kPartly.
  int send_records(RecordReader& reader);

  [[nodiscard]] std::size_t inline_limit() const;

 private:
  SendResult send_one(std::string body);
  SendResult stream(std::string_view start, const BodySource& rest);
  void read_records(RecordReader& reader);
  [[nodiscard]] bool bounded() const;
  [[nodiscard]] bool batch_is_full() const;
  void add_to_batch(std::string body);
  void send_batch();
  void put_result(const SendResult& result);
  void report(const SendResult& result) { report_all(std::span(&result, 1)); }
  void report_all(std::span<const SendResult> results);
  void wait_for_all();
  int settle();

  Context& context_;
  Queue queue_;
  Settings settings_;
  SendPlan plan_;
  std::vector<Message> batch_;
  std::size_t batch_bytes_ = 0;
  std::uint64_t sent_ = 0;
  std::vector<MessageId> awaited_;  // by --wait
  bool timed_out_ = false;
  bool died_ = false;
};

}  // namespace spoolmq::cli
