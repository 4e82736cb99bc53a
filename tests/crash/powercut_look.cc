#include "tests/crash/powercut_look.h"

#include <memory>
#include <vector>

namespace powercut {

using namespace spoolmq;

namespace {

void look_for_damage(Phase& phase, Queue& queue) {
  for (const FsckFinding& finding : queue.fsck(FsckMode::kLook)) {
    // What was sent with durability os may be gone; it is forgotten when somebody asks for it.
    const auto id = MessageId::parse(finding.where);
    const auto status = id ? queue.status(*id) : std::nullopt;
    if (status && status->os_durability && status->state != State::kCorrupt) continue;
    phase.say("fsck", finding.what + " " + finding.where + ": " + finding.why);
  }
  ScanOptions options;
  options.states = {State::kCorrupt};
  for (const MessageStatus& one : queue.scan(options)) {
    phase.say("torn", one.id.text() + " in " + one.file + ": " + one.reason);
  }
}

// What is dead or held must be whole, too.
void look_at_parked(Phase& phase, Queue& queue) {
  ScanOptions options;
  options.states = {State::kDead, State::kHeld};
  for (const MessageStatus& one : queue.scan(options)) {
    const auto message = queue.load(one.id);
    const std::string key = message ? powercut::key_of(message->body) : "";
    phase.say(key.empty() ? "torn" : "is-parked", key.empty() ? one.id.text() : key);
  }
}

void drain(Phase& phase, Queue& queue) {
  ReceiveOptions options;
  options.max = 64;
  while (true) {
    const QueueStats stats = queue.stats();
    if (stats.of(State::kReady).messages + stats.of(State::kDelayed).messages +
            stats.of(State::kLeased).messages ==
        0) {
      return;
    }
    options.wait = kPatience;
    std::vector<Delivery> deliveries = queue.receive_batch(options);
    if (deliveries.empty()) {
      phase.say("fault", "messages are there that nobody gets");
      return;
    }
    for (const Delivery& one : deliveries) {
      const std::string key = powercut::key_of(body_of(one));
      phase.say(key.empty() ? "torn" : "got", key.empty() ? one.receipt().id.text() : key);
    }
    queue.ack_batch(deliveries);
  }
}

}  // namespace

void look_at(Phase& phase, const std::string& path) {
  Root root = Root::open(path);
  for (const std::string& name : root.queues()) {
    phase.say("queue", name);
    Queue queue = root.open_queue(name, quiet());
    look_for_damage(phase, queue);
    look_at_parked(phase, queue);
    drain(phase, queue);
    queue.maintain();
    look_for_damage(phase, queue);
  }
  // And the queue is one to work with.
  root.create_queue("after", settings_of(Format::kBinary));
  Queue queue = root.open_queue("after", quiet());
  Message message;
  message.body = "still here";
  queue.send(std::move(message));
  const auto delivery = queue.receive();
  if (!delivery || delivery->message().body != "still here") {
    phase.say("fault", "a new message does not come back");
  }
}

}  // namespace powercut
