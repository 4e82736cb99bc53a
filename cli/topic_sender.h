#pragma once
// The way of one `send --topic` into every queue that is bound: one body, or one message per record
// of an input. An id is printed when its message is durable in all of them. Bodies are kept in
// memory. Not thread-safe.

#include <map>
#include <string>

#include "cli/body_input.h"
#include "cli/command.h"
#include "cli/record_reader.h"
#include "cli/sender.h"
#include "spoolmq/topic.h"

namespace spoolmq::cli {

class TopicSender {
 public:
  TopicSender(Context& context, std::string topic, SendPlan plan)
      : context_(context), topic_(std::move(topic)), plan_(std::move(plan)) {}

  // Each returns the exit code. Error(kNotFound) where no queue is bound.
  int send_body(std::string body);
  int send_input(Input& input);
  // A refusal behind the first message is told on stderr and returns kPartly.
  int send_records(RecordReader& reader);

 private:
  void send(std::string body);
  void send_all(RecordReader& reader);
  Queue* opened(std::string_view name);
  [[noreturn]] void refuse_long() const;

  Context& context_;
  std::string topic_;
  SendPlan plan_;
  std::map<std::string, Queue, std::less<>> queues_;  // open until the command ends
  std::uint64_t sent_ = 0;
};

}  // namespace spoolmq::cli
