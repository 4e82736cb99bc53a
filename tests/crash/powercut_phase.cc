#include "tests/crash/powercut_phase.h"

#include <cstdio>
#include <memory>
#include <utility>

namespace powercut {

using namespace spoolmq;

Phase::Phase(std::string mount, std::string ledger, int first_key)
    : mount_(std::move(mount)),
      ledger_path_(std::move(ledger)),
      ledger_(ledger_path_),
      first_key_(first_key) {}

std::string Phase::key() {
  char text[16];
  std::snprintf(text, sizeof text, "m%09d", first_key_ + keys_++);
  return text;
}

std::vector<std::string> Phase::words(const std::string& scenario, int number) const {
  constexpr int kKeysEach = 1500;
  return {"run", scenario, mount_, ledger_path_, std::to_string(first_key_ + kKeysEach * number)};
}

Settings settings_of(Format format) {
  Settings settings;
  settings.format = format;
  settings.backoff = Milliseconds{1};
  settings.backoff_max = Milliseconds{1};
  settings.max_failures = 1000;
  settings.body_inline = kInlineBytes;
  return settings;
}

OpenOptions quiet() {
  OpenOptions options;
  options.background = false;  // every call in the order of the program: cuts can be repeated
  return options;
}

Root make_queue(Phase& phase, const char* name, Format format) {
  Root root = Root::open(phase.root());
  root.create_queue(name, settings_of(format));
  phase.say("created", name);
  return root;
}

void send(Phase& phase, Queue& queue, std::size_t size, bool dedupe) {
  const std::string key = phase.key();
  Message message;
  message.body = powercut::body_of(key, size);
  message.headers = {{"key", key}};
  if (dedupe) message.dedupe_key = key;
  phase.say("send", key);
  queue.send(std::move(message));
  phase.say("sent", key);
}

void send_batch(Phase& phase, Queue& queue, std::size_t count, std::size_t size) {
  std::vector<std::string> keys;
  std::vector<Message> messages(count);
  for (Message& message : messages) {
    keys.push_back(phase.key());
    message.body = powercut::body_of(keys.back(), size);
    phase.say("send", keys.back());
  }
  queue.send_batch(std::move(messages));
  for (const std::string& key : keys) phase.say("sent", key);
}

void send_large(Phase& phase, Queue& queue, std::size_t size) {
  const std::string key = phase.key();
  const std::string body = powercut::body_of(key, size);
  std::size_t at = 0;
  phase.say("send", key);
  queue.send_stream({}, [&](std::span<char> into) {
    const std::size_t count = body.copy(into.data(), into.size(), at);
    at += count;
    return count;
  });
  phase.say("sent", key);
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
std::size_t take(Phase& phase, Queue& queue, std::size_t count, bool together, Milliseconds wait) {
  ReceiveOptions options;
  options.wait = wait;
  options.max = count;
  std::vector<Delivery> deliveries = queue.receive_batch(options);
  std::vector<std::string> keys;
  for (const Delivery& one : deliveries) {
    const std::string key = powercut::key_of(body_of(one));
    if (key.empty()) phase.say("torn", one.receipt().id.text());
    keys.push_back(key);
  }
  if (together && !keys.empty()) {
    for (const std::string& key : keys) phase.say("ack", key);
    queue.ack_batch(deliveries);
    for (const std::string& key : keys) phase.say("acked", key);
    return keys.size();
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    phase.say("ack", keys[i]);
    deliveries[i].ack();
    phase.say("acked", keys[i]);
  }
  return keys.size();
}

}  // namespace powercut
