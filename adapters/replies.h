#pragma once
// Answers of programs on their way into a queue. A request is done with once its reply is durable
// there. Each reply has the dedupe key "reply:ID" of its request: after a crash between the reply
// and the acknowledgement the same request's next reply meets that one and adds nothing.
// Not thread-safe.

#include <deque>
#include <string>
#include <vector>

#include "adapters/intake.h"
#include "adapters/message_program.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

class Replies {
 public:
  // Opens the queue. Throws Error.
  Replies(const AdapterPlace& place, const std::string& queue);

  // The reply's correlation id is the request's id; a correlation id that the request has comes
  // along as the header "correlation-id".
  void add(const Message& request, std::string body);
  [[nodiscard]] bool is_full() const { return intake_.is_full(); }
  [[nodiscard]] bool is_empty() const { return asked_.empty(); }
  // What became of the requests whose replies are settled: kAck, or kReject where the queue refuses
  // the reply for good. Throws as Intake::flush does; then nothing is lost.
  std::vector<Outcome> flush();

 private:
  static AdapterPlace silent(const AdapterPlace& place);

  const AdapterPlace place_;  // what is counted is the requests
  Queue queue_;
  Intake intake_;
  std::deque<MessageId> asked_;  // requests of what is in intake_, in order
};

}  // namespace spoolmq::adapters
