// Answers every message of the queue `in` to the topic `t`, in one transaction with its
// acknowledgement, until it is killed or there is none for a second.
#include <chrono>
#include <cstdio>

#include "spoolmq/topic.h"
#include "tests/crash/kill_roles.h"

namespace spoolmq::test {

int answer_questions(const std::string& path) {
  Root root = Root::open(path);
  Queue in = root.open_queue("in");
  Queue first = root.open_queue("first");
  Queue second = root.open_queue("second");
  std::puts("ready");
  std::fflush(stdout);
  ReceiveOptions options;
  options.wait = Milliseconds{1000};
  while (std::optional<Delivery> question = in.receive(options)) {
    Transaction work = root.transaction([&](std::string_view name) -> Queue* {
      if (name == "first") return &first;
      return name == "second" ? &second : nullptr;
    });
    Message answer;
    answer.body = question->message().body;
    work.send_to_topic("t", answer);
    // And alone, so that files of several names are killed at too.
    root.send_to_topic("alone", answer);
    work.ack(in, question->receipt());
    work.commit();
    question->detach();
  }
  return 0;
}

}  // namespace spoolmq::test
