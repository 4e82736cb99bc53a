#include <exception>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "tests/crash/powercut_scenarios.h"

namespace powercut {

using namespace spoolmq;

void fill_segment(Phase& phase) {
  Root root = make_queue(phase, kQueue, Format::kBinary);
  Queue queue = root.open_queue(kQueue, quiet());
  send(phase, queue, 100);
  send_batch(phase, queue, 20, 2000);
  queue.close();
}

namespace {

void send_own_files(Phase& phase) {
  for (const std::size_t size : {40U, 3000U, 200'000U}) {
    Root root = Root::open(phase.root());
    OpenOptions options = quiet();
    options.one_shot = true;  // as the command line does
    Queue queue = root.open_queue(kQueue, options);
    send(phase, queue, size, size == 3000U);
  }
}

void send_appending(Phase& phase) {
  Root root = Root::open(phase.root());
  Queue queue = root.open_queue(kQueue, quiet());
  for (const std::size_t size : {50U, 60U, 3000U, 70'000U, 90U, 300'000U}) send(phase, queue, size);
  send(phase, queue, 80, true);
  send_batch(phase, queue, 20, 500);
  send(phase, queue, 90);
  queue.close();
}

void send_xml(Phase& phase) {
  Root root = Root::open(phase.root());
  Queue queue = root.open_queue(kQueue, quiet());
  for (const std::size_t size : {50U, 5000U, 60'000U}) send(phase, queue, size);
  send_batch(phase, queue, 4, 300);
  queue.close();
}

void send_by_reference(Phase& phase) {
  Root root = Root::open(phase.root());
  Queue queue = root.open_queue(kQueue, quiet());
  send_large(phase, queue, kLargeBytes);
  send(phase, queue, 50);
  send_large(phase, queue, kLargeBytes);
  take(phase, queue, 1, false);
  queue.maintain();
  queue.close();
}

void fill_own_files(Phase& phase, Format format) {
  Root root = make_queue(phase, kQueue, format);
  for (int i = 0; i < 6; ++i) {
    Queue queue = root.open_queue(kQueue, quiet());
    send(phase, queue, 100);
  }
}

void ack_everything(Phase& phase) {
  Root root = Root::open(phase.root());
  Queue queue = root.open_queue(kQueue, quiet());
  take(phase, queue, 1, false);
  take(phase, queue, 2, false);
  queue.maintain();
  take(phase, queue, 4, true);
  queue.maintain();
  take(phase, queue, 5, true);
  take(phase, queue, 1000, true);
  queue.maintain();
  queue.close();
}

// One after the other of those taken together, and of those leased ahead: ahead of the index.
void ack_early(Phase& phase) {
  Root root = Root::open(phase.root());
  {
    Queue queue = root.open_queue(kQueue, quiet());
    take(phase, queue, 5, false);
    send(phase, queue, 100);
    take(phase, queue, 4, false);
  }
  Queue queue = root.open_queue(kQueue, quiet());
  ReceiveOptions ahead;
  ahead.prefetch = 6;
  for (int i = 0; i < 8; ++i) {
    std::optional<Delivery> one = queue.receive(ahead);
    if (!one) break;
    const std::string key = powercut::key_of(body_of(*one));
    phase.say("ack", key);
    one->ack();
    phase.say("acked", key);
    if (i == 3) queue.maintain();
  }
  queue.close();
}

// As a service does it: a sender and a consumer at once, and the thread that cleans up.
void send_and_ack(Phase& phase) {
  Root root = Root::open(phase.root());
  Queue queue = root.open_queue(kQueue, {});
  std::exception_ptr failure;
  std::jthread sender([&] {
    try {
      for (int i = 0; i < 8; ++i) send(phase, queue, 700);
      send_batch(phase, queue, 10, 300);
    } catch (...) {
      failure = std::current_exception();
    }
  });
  // What was there before, at least, is ready.
  for (std::size_t taken = 0; taken < 12;) {
    const std::size_t got = take(phase, queue, 3, taken % 2 == 0);
    if (got == 0) break;
    taken += got;
  }
  sender.join();
  if (failure) std::rethrow_exception(failure);
  queue.maintain();
  queue.close();
}

// Operators' acts, and what consumers reject: durable on return, too.
void park_and_unpark(Phase& phase) {
  Root root = Root::open(phase.root());
  Queue queue = root.open_queue(kQueue, quiet());
  const auto act = [&](const char* word, const char* confirmed,
                       const std::vector<std::string>& keys, const std::function<void()>& change) {
    for (const std::string& key : keys) phase.say(word, key);
    change();
    for (const std::string& key : keys) phase.say(confirmed, key);
  };
  const auto all_keys = [&](const std::vector<MessageId>& ids) {
    std::vector<std::string> keys;
    for (const MessageId& id : ids) keys.push_back(powercut::key_of(queue.load(id)->body));
    return keys;
  };
  std::vector<MessageId> ids;
  for (const MessageStatus& one : queue.scan({})) ids.push_back(one.id);
  const std::vector<MessageId> rejected(ids.begin(), ids.begin() + 3);
  ReceiveOptions first_three;
  first_three.max = 3;
  std::vector<Delivery> deliveries = queue.receive_batch(first_three);
  for (Delivery& one : deliveries) {
    act("park", "parked", {powercut::key_of(one.message().body)}, [&] { one.reject("no use"); });
  }
  const std::vector<MessageId> held(ids.begin() + 5, ids.begin() + 9);
  act("park", "parked", all_keys(held), [&] { queue.hold(held, "wait"); });
  queue.maintain();
  const std::vector<MessageId> unheld(held.begin(), held.begin() + 2);
  act("unpark", "unparked", all_keys(unheld), [&] { queue.unhold(unheld); });
  act("unpark", "unparked", all_keys(rejected), [&] { queue.requeue(rejected); });
  const std::vector<MessageId> removed(ids.end() - 3, ids.end());
  act("ack", "acked", all_keys(removed), [&] { queue.remove(removed); });
  queue.maintain();
  queue.close();
}

// Sends that need not survive, among those that must.
void send_os(Phase& phase) {
  Root root = Root::open(phase.root());
  Queue queue = root.open_queue(kQueue, quiet());
  SendOptions os;
  os.durability = Durability::kOs;
  const auto send_unsafe = [&](std::size_t size) {
    const std::string key = phase.key();
    Message message;
    message.body = powercut::body_of(key, size);
    phase.say("send", key);  // and never confirmed
    queue.send(std::move(message), os);
  };
  send_unsafe(100);
  send_unsafe(100);
  take(phase, queue, 1, true);
  send_unsafe(70'000);
  send(phase, queue, 100);
  send_unsafe(200);
  send_unsafe(5000);
  take(phase, queue, 2, true);
  queue.maintain();
  send_unsafe(300);
  queue.close();
}

// So many acknowledgements that the index's log is checkpointed and begun again on the way.
void fill_much(Phase& phase) {
  Root root = make_queue(phase, kQueue, Format::kBinary);
  Queue queue = root.open_queue(kQueue, quiet());
  for (int i = 0; i < 3; ++i) send_batch(phase, queue, 1000, 60);
  queue.close();
}

void ack_much(Phase& phase) {
  Root root = Root::open(phase.root());
  Queue queue = root.open_queue(kQueue, quiet());
  for (int i = 0; i < 28; ++i) take(phase, queue, 100, true);
  queue.close();
}

// Two processes: this one sends, the other takes.
void send_to_another(Phase& phase) {
  const pid_t other = start_another(phase, "take", 1);
  {
    Root root = Root::open(phase.root());
    Queue queue = root.open_queue(kQueue, quiet());
    for (int i = 0; i < 10; ++i) send(phase, queue, 400);
    send_batch(phase, queue, 10, 300);
    queue.close();
  }
  if (wait_for(other) != 0) throw std::runtime_error("the second process failed");
}

void take_from_another(Phase& phase) {
  Root root = Root::open(phase.root());
  Queue queue = root.open_queue(kQueue, {});
  // The cut of the other ends this one, too, by an error.
  while (take(phase, queue, 3, true, Milliseconds{100}) > 0) {
  }
  queue.maintain();
}

// After a cut: recovery, then the queue is used.
void reopen(Phase& phase) {
  Root root = Root::open(phase.root());
  Queue queue = root.open_queue(kQueue, quiet());
  take(phase, queue, 2, true);
  send(phase, queue, 100);
  send(phase, queue, 100);
  queue.maintain();
  queue.close();
}

void lose_index(Phase& phase) {
  fill_segment(phase);
  {
    Root root = Root::open(phase.root());
    Queue queue = root.open_queue(kQueue, quiet());
    take(phase, queue, 5, true);
    queue.maintain();
  }
  const std::filesystem::path queue = std::filesystem::path(phase.root()) / "queues" / kQueue;
  for (const auto& entry : std::filesystem::directory_iterator(queue)) {
    if (entry.path().filename().string().starts_with("index.")) std::filesystem::remove(entry);
  }
}

void create(Phase& phase) {
  Root root = make_queue(phase, kQueue, Format::kBinary);
  Queue queue = root.open_queue(kQueue, quiet());
  send(phase, queue, 100);
}

void fill_two_queues(Phase& phase) {
  fill_segment(phase);
  make_queue(phase, kOtherQueue, Format::kBinary);
}

void move_all(Phase& phase) {
  Root root = Root::open(phase.root());
  Queue from = root.open_queue(kQueue, quiet());
  Queue to = root.open_queue(kOtherQueue, quiet());
  for (const std::size_t count : {1U, 3U, 1000U}) {
    ScanOptions options;
    options.limit = count;
    std::vector<MessageId> ids;
    for (const MessageStatus& one : from.scan(options)) ids.push_back(one.id);
    root.move(from, ids, to);
  }
  from.close();
  to.close();
}

}  // namespace

Scenarios store_scenarios() {
  const auto empty = [](Format format) {
    return [format](Phase& phase) { make_queue(phase, kQueue, format); };
  };
  return {
      {"create", {[](Phase&) {}, create}},
      {"send-own-file", {empty(Format::kBinary), send_own_files}},
      {"send-append", {empty(Format::kBinary), send_appending}},
      {"send-xml", {empty(Format::kXml), send_xml}},
      {"send-large", {empty(Format::kBinary), send_by_reference}},
      {"ack-own-file",
       {[](Phase& phase) { fill_own_files(phase, Format::kBinary); }, ack_everything}},
      {"ack-xml", {[](Phase& phase) { fill_own_files(phase, Format::kXml); }, ack_everything}},
      {"ack-segment", {fill_segment, ack_everything}},
      {"ack-early", {fill_segment, ack_early}},
      {"move", {fill_two_queues, move_all}},
      {"rebuild", {lose_index, reopen}},
      {"service", {fill_segment, send_and_ack}},
      {"fix", {fill_segment, park_and_unpark}},
      {"os", {fill_segment, send_os}},
      {"checkpoint", {fill_much, ack_much}},
      {"two", {fill_segment, send_to_another}},
      {"take", {fill_segment, take_from_another}},
      {"reopen", {fill_segment, reopen}},
  };
}

}  // namespace powercut
