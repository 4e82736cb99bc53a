// The process whose power is cut, and the one that looks afterwards what is there.
//   powercut_workload prepare|run|verify SCENARIO ROOT LEDGER FIRST_KEY
// `prepare` runs without cuts, `run` under the shim, `verify` under the shim with another boot id.
// What was confirmed goes to the ledger right after the call that confirmed it has returned.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/log.h"
#include "spoolmq/queue.h"
#include "tests/crash/powercut_ledger.h"

namespace {

using namespace spoolmq;
using powercut::Ledger;

constexpr const char* kQueue = "q";
constexpr const char* kOtherQueue = "other/q";
constexpr std::size_t kLargeBytes = 6000;  // over the setting body-inline of the queues here
constexpr Milliseconds kPatience{10'000};

struct Phase {
  std::string root;
  const Ledger& ledger;
  int next_key;

  std::string key() {
    char text[16];
    std::snprintf(text, sizeof text, "m%06d", next_key++);
    return text;
  }
};

Settings settings_of(Format format) {
  Settings settings;
  settings.format = format;
  settings.backoff = Milliseconds{1};
  settings.backoff_max = Milliseconds{1};
  settings.max_failures = 1000;
  settings.body_inline = 1 << 20;
  return settings;
}

OpenOptions quiet() {
  OpenOptions options;
  options.background = false;  // every call in the order of the program: cuts can be repeated
  return options;
}

Root make_queue(Phase& phase, const char* name, Format format) {
  Root root = Root::open(phase.root);
  root.create_queue(name, settings_of(format));
  phase.ledger.say("created", name);
  return root;
}

// ---- Sending and acknowledging, on the ledger
// -------------------------------------------------------

void send(Phase& phase, Queue& queue, std::size_t size, bool dedupe = false) {
  const std::string key = phase.key();
  Message message;
  message.body = powercut::body_of(key, size);
  message.headers = {{"key", key}};
  if (dedupe) message.dedupe_key = key;
  phase.ledger.say("send", key);
  queue.send(std::move(message));
  phase.ledger.say("sent", key);
}

void send_batch(Phase& phase, Queue& queue, std::size_t count, std::size_t size) {
  std::vector<std::string> keys;
  std::vector<Message> messages(count);
  for (Message& message : messages) {
    keys.push_back(phase.key());
    message.body = powercut::body_of(keys.back(), size);
    phase.ledger.say("send", keys.back());
  }
  queue.send_batch(std::move(messages));
  for (const std::string& key : keys) phase.ledger.say("sent", key);
}

void send_large(Phase& phase, Queue& queue, std::size_t size) {
  const std::string key = phase.key();
  const std::string body = powercut::body_of(key, size);
  std::size_t at = 0;
  phase.ledger.say("send", key);
  queue.send_stream({}, [&](std::span<char> into) {
    const std::size_t count = body.copy(into.data(), into.size(), at);
    at += count;
    return count;
  });
  phase.ledger.say("sent", key);
}

std::string body_of(const Delivery& delivery) {
  if (!delivery.message().large_body) return delivery.message().body;
  std::string body;
  const std::unique_ptr<BodyReader> reader = delivery.open_body();
  std::vector<char> piece(64 << 10);
  while (const std::size_t got = reader->read(piece)) body.append(piece.data(), got);
  return body;
}

// Acknowledges up to `count`, in one batch or one by one; returns how many there were.
std::size_t take(Phase& phase, Queue& queue, std::size_t count, bool together,
                 Milliseconds wait = Milliseconds{0}) {
  ReceiveOptions options;
  options.wait = wait;
  options.max = count;
  std::vector<Delivery> deliveries = queue.receive_batch(options);
  std::vector<std::string> keys;
  for (const Delivery& one : deliveries) {
    const std::string key = powercut::key_of(body_of(one));
    if (key.empty()) phase.ledger.say("torn", one.receipt().id.text());
    keys.push_back(key);
  }
  if (together && !keys.empty()) {
    for (const std::string& key : keys) phase.ledger.say("ack", key);
    queue.ack_batch(deliveries);
    for (const std::string& key : keys) phase.ledger.say("acked", key);
    return keys.size();
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    phase.ledger.say("ack", keys[i]);
    deliveries[i].ack();
    phase.ledger.say("acked", keys[i]);
  }
  return keys.size();
}

// ---- Scenarios
// --------------------------------------------------------------------------------------

void send_own_files(Phase& phase) {
  for (const std::size_t size : {40U, 3000U, 200'000U}) {
    Root root = Root::open(phase.root);
    OpenOptions options = quiet();
    options.one_shot = true;  // as the command line does
    Queue queue = root.open_queue(kQueue, options);
    send(phase, queue, size, size == 3000U);
  }
}

void send_appending(Phase& phase) {
  Root root = Root::open(phase.root);
  Queue queue = root.open_queue(kQueue, quiet());
  for (const std::size_t size : {50U, 60U, 3000U, 70'000U, 90U, 300'000U}) send(phase, queue, size);
  send(phase, queue, 80, true);
  send_batch(phase, queue, 20, 500);
  send(phase, queue, 90);
  queue.close();
}

void send_xml(Phase& phase) {
  Root root = Root::open(phase.root);
  Queue queue = root.open_queue(kQueue, quiet());
  for (const std::size_t size : {50U, 5000U, 60'000U}) send(phase, queue, size);
  send_batch(phase, queue, 4, 300);
  queue.close();
}

void send_by_reference(Phase& phase) {
  Root root = Root::open(phase.root);
  Queue queue = root.open_queue(kQueue, quiet());
  send_large(phase, queue, (1 << 20) + kLargeBytes);
  send(phase, queue, 50);
  send_large(phase, queue, (1 << 20) + kLargeBytes);
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

void fill_segment(Phase& phase) {
  Root root = make_queue(phase, kQueue, Format::kBinary);
  Queue queue = root.open_queue(kQueue, quiet());
  send(phase, queue, 100);
  send_batch(phase, queue, 20, 2000);
  queue.close();
}

void ack_everything(Phase& phase) {
  Root root = Root::open(phase.root);
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

// As a service does it: a sender and a consumer at once, and the thread that cleans up.
void send_and_ack(Phase& phase) {
  Root root = Root::open(phase.root);
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
  Root root = Root::open(phase.root);
  Queue queue = root.open_queue(kQueue, quiet());
  const auto act = [&](const char* word, const char* confirmed,
                       const std::vector<std::string>& keys, const std::function<void()>& change) {
    for (const std::string& key : keys) phase.ledger.say(word, key);
    change();
    for (const std::string& key : keys) phase.ledger.say(confirmed, key);
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
  Root root = Root::open(phase.root);
  Queue queue = root.open_queue(kQueue, quiet());
  SendOptions os;
  os.durability = Durability::kOs;
  const auto send_unsafe = [&](std::size_t size) {
    const std::string key = phase.key();
    Message message;
    message.body = powercut::body_of(key, size);
    phase.ledger.say("send", key);  // and never confirmed
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
  Root root = Root::open(phase.root);
  Queue queue = root.open_queue(kQueue, quiet());
  for (int i = 0; i < 28; ++i) take(phase, queue, 100, true);
  queue.close();
}

// Two processes: this one sends, the other takes. The shim cuts in this one only.
void send_to_another(Phase& phase) {
  const std::string ledger = "/proc/self/fd/" + std::to_string(phase.ledger.descriptor());
  const std::string ledger_path = std::filesystem::read_symlink(ledger).string();
  ::setenv("POWERCUT_AT", "0", 1);
  ::setenv("POWERCUT_TRACE", "", 1);
  const char* const words[] = {"powercut_workload", "run", "take", phase.root.c_str(),
                               ledger_path.c_str(), "0",   nullptr};
  std::vector<char*> arguments;
  for (const char* word : words) arguments.push_back(const_cast<char*>(word));
  pid_t other = 0;
  if (::posix_spawn(&other, "/proc/self/exe", nullptr, nullptr, arguments.data(), environ) != 0) {
    throw std::runtime_error("no second process");
  }
  {
    Root root = Root::open(phase.root);
    Queue queue = root.open_queue(kQueue, quiet());
    for (int i = 0; i < 10; ++i) send(phase, queue, 400);
    send_batch(phase, queue, 10, 300);
    queue.close();
  }
  int status = 0;
  ::waitpid(other, &status, 0);
  if (status != 0) throw std::runtime_error("the second process failed");
}

void take_from_another(Phase& phase) {
  Root root = Root::open(phase.root);
  Queue queue = root.open_queue(kQueue, {});
  // The cut of the other ends this one, too, by an error.
  while (take(phase, queue, 3, true, Milliseconds{100}) > 0) {
  }
  queue.maintain();
}

// After a cut: recovery, then the queue is used.
void reopen(Phase& phase) {
  Root root = Root::open(phase.root);
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
    Root root = Root::open(phase.root);
    Queue queue = root.open_queue(kQueue, quiet());
    take(phase, queue, 5, true);
    queue.maintain();
  }
  const std::filesystem::path queue = std::filesystem::path(phase.root) / "queues" / kQueue;
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
  Root root = Root::open(phase.root);
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

struct Scenario {
  std::function<void(Phase&)> prepare;
  std::function<void(Phase&)> run;
};

const std::map<std::string, Scenario>& scenarios() {
  const auto empty = [](Format format) {
    return [format](Phase& phase) { make_queue(phase, kQueue, format); };
  };
  static const std::map<std::string, Scenario> all = {
      {"create", {[](Phase&) {}, create}},
      {"send-own-file", {empty(Format::kBinary), send_own_files}},
      {"send-append", {empty(Format::kBinary), send_appending}},
      {"send-xml", {empty(Format::kXml), send_xml}},
      {"send-large", {empty(Format::kBinary), send_by_reference}},
      {"ack-own-file",
       {[](Phase& phase) { fill_own_files(phase, Format::kBinary); }, ack_everything}},
      {"ack-xml", {[](Phase& phase) { fill_own_files(phase, Format::kXml); }, ack_everything}},
      {"ack-segment", {fill_segment, ack_everything}},
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
  return all;
}

// ---- Looking afterwards
// -----------------------------------------------------------------------------

void look_for_damage(Phase& phase, Queue& queue) {
  for (const FsckFinding& finding : queue.fsck(FsckMode::kLook)) {
    // What was sent with durability os may be gone; it is forgotten when somebody asks for it.
    const auto id = MessageId::parse(finding.where);
    const auto status = id ? queue.status(*id) : std::nullopt;
    if (status && status->os_durability && status->state != State::kCorrupt) continue;
    phase.ledger.say("fsck", finding.what + " " + finding.where + ": " + finding.why);
  }
  ScanOptions options;
  options.states = {State::kCorrupt};
  for (const MessageStatus& one : queue.scan(options)) {
    phase.ledger.say("torn", one.id.text() + " in " + one.file + ": " + one.reason);
  }
}

// What is dead or held must be whole, too.
void look_at_parked(Phase& phase, Queue& queue) {
  ScanOptions options;
  options.states = {State::kDead, State::kHeld};
  for (const MessageStatus& one : queue.scan(options)) {
    const auto message = queue.load(one.id);
    const std::string key = message ? powercut::key_of(message->body) : "";
    phase.ledger.say(key.empty() ? "torn" : "is-parked", key.empty() ? one.id.text() : key);
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
      phase.ledger.say("fault", "messages are there that nobody gets");
      return;
    }
    for (const Delivery& one : deliveries) {
      const std::string key = powercut::key_of(body_of(one));
      phase.ledger.say(key.empty() ? "torn" : "got", key.empty() ? one.receipt().id.text() : key);
    }
    queue.ack_batch(deliveries);
  }
}

void verify(Phase& phase) {
  Root root = Root::open(phase.root);
  for (const std::string& name : root.queues()) {
    phase.ledger.say("queue", name);
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
    phase.ledger.say("fault", "a new message does not come back");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 64;
  const std::string what = argv[1];
  const Ledger ledger(argv[4]);
  Phase phase{argv[3], ledger, std::atoi(argv[5])};
  const auto scenario = scenarios().find(argv[2]);
  if (scenario == scenarios().end()) return 64;
  spoolmq::log::set_level(std::getenv("POWERCUT_LOG") != nullptr ? log::Level::kInfo
                                                                 : log::Level::kOff);
  try {
    if (what == "prepare") scenario->second.prepare(phase);
    if (what == "run") scenario->second.run(phase);
    if (what == "verify") verify(phase);
    return 0;
  } catch (const std::exception& error) {
    ledger.say("fault", what + ": " + error.what());
    return 1;
  }
}
