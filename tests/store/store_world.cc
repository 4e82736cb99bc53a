#include "tests/store/store_world.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <thread>
#include <utility>

namespace spoolmq::test {

std::string FakeClock::boot_id() const {
  char id[37];
  std::snprintf(id, sizeof id, "00000000-0000-4000-8000-%012d", boots_.load());
  return id;
}

void FakeClock::advance(Milliseconds by) {
  wall_ += by.count();
  boot_ += by.count();
}

void FakeClock::start_new_boot(Milliseconds after) {
  wall_ += after.count();
  boot_ = 5'000;
  ++boots_;
}

OpenOptions StoreWorld::no_thread() {
  OpenOptions options;
  options.background = false;
  return options;
}

StoreWorld::StoreWorld(const Settings& settings, On on) {
  if (on == On::kTwin) {
    disk_ = std::make_unique<MemoryFileSystem>();
  } else {
    std::string name = (std::filesystem::temp_directory_path() / "spoolmq-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
    path_ = name;
  }
  open_root();
  root_->create_queue("q", settings);
}

StoreWorld::~StoreWorld() {
  queue_.reset();
  root_.reset();
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

void StoreWorld::open_root() {
  root_.emplace(Root::open(disk_ ? disk_->root() : open_posix_dir(path_), clock_));
}

Queue& StoreWorld::queue() {
  if (!queue_) queue_.emplace(open());
  return *queue_;
}

Queue StoreWorld::open(std::string_view name, OpenOptions options) {
  if (!options.clock) options.clock = clock_;
  return root_->open_queue(name, options);
}

Queue StoreWorld::create(std::string_view name, const Settings& settings) {
  root_->create_queue(name, settings);
  return open(name);
}

void StoreWorld::reopen() { queue_.reset(); }

void StoreWorld::power_cut(Milliseconds after, Bytes unsynced) {
  auto next = disk_->after_power_cut(Names::kKept, unsynced);
  queue_.reset();
  root_.reset();
  disk_ = std::move(next);
  clock_->start_new_boot(after);
  open_root();
}

std::unique_ptr<Dir> StoreWorld::queue_dir(std::string_view name) {
  const auto root = disk_ ? disk_->root() : open_posix_dir(path_);
  return root->open_dir("queues")->open_dir(name);
}

std::vector<std::string> StoreWorld::spool_files(std::string_view name) {
  std::vector<std::string> files;
  const auto messages = queue_dir(name)->open_dir("msgs");
  messages->list([&](std::string_view shard) {
    messages->open_dir(shard)->list([&](std::string_view file) {
      files.push_back(std::string(shard) + "/" + std::string(file));
      return true;
    });
    return true;
  });
  return files;
}

Message text(std::string body) {
  Message message;
  message.body = std::move(body);
  return message;
}

Message keyed(std::string body, std::string order_key) {
  Message message = text(std::move(body));
  message.order_key = std::move(order_key);
  return message;
}

MessageId id_of(std::string_view text) { return MessageId::parse(text).value(); }

MessageId some_id(int number) {
  char text[37];
  std::snprintf(text, sizeof text, "01900000-0000-7000-8000-%012d", number);
  return id_of(text);
}

std::string take(Queue& queue) {
  auto delivery = queue.receive();
  if (!delivery) return "(none)";
  std::string body = body_of(*delivery);
  delivery->ack();
  return body;
}

std::vector<std::string> drain(Queue& queue) {
  std::vector<std::string> bodies;
  while (auto delivery = queue.receive()) {
    bodies.push_back(body_of(*delivery));
    delivery->ack();
  }
  return bodies;
}

std::string body_of(const Delivery& delivery) {
  std::string whole;
  std::string piece(65536, '\0');
  const auto reader = delivery.open_body();
  while (const std::size_t got = reader->read(piece)) whole.append(piece, 0, got);
  return whole;
}

std::string disorder(const std::vector<std::string>& bodies, int senders, int each) {
  std::map<std::string, int> next;
  for (const std::string& body : bodies) {
    const std::string sender = body.substr(0, body.find(':'));
    if (body != sender + ":" + std::to_string(next[sender]++)) return body;
  }
  const auto missing = senders * each - static_cast<int>(bodies.size());
  return missing == 0 ? "" : std::to_string(missing) + " missing";
}

std::int64_t count(Queue& queue, State state) { return queue.stats().of(state).messages; }

std::int64_t total(Queue& queue) {
  std::int64_t messages = 0;
  for (const StateCount& one : queue.stats().states) messages += one.messages;
  return messages;
}

std::vector<MessageStatus> everything(Queue& queue) {
  std::vector<MessageStatus> all;
  ScanOptions page;
  while (true) {
    const std::vector<MessageStatus> found = queue.scan(page);
    all.insert(all.end(), found.begin(), found.end());
    if (found.size() < page.limit) return all;
    page.after_sequence = found.back().sequence;
  }
}

std::optional<ErrorCode> refusal(const std::function<void()>& act) {
  try {
    act();
    return std::nullopt;
  } catch (const Error& error) {
    return error.code();
  }
}

bool eventually(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace spoolmq::test
