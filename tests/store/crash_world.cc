#include "tests/store/crash_world.h"

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "core/names.h"

namespace spoolmq::test {

std::string TurnableClock::boot_id() const {
  std::string id = "00000000-0000-4000-8000-000000000000";
  const std::string number = std::to_string(boots);
  return id.replace(id.size() - number.size(), number.size(), number);
}

std::string whole_body(BodyReader& reader) {
  std::string whole;
  std::string piece(4096, '\0');
  while (const std::size_t got = reader.read(piece)) whole.append(piece, 0, got);
  return whole;
}

World::World(const WorldOptions& options)
    : disk_(std::make_unique<MemoryFileSystem>()),
      clock_(std::make_shared<TurnableClock>()),
      options_(options) {
  log::set_level(log::Level::kOff);
  disk_->set_support(options_.support);
  for (const std::string& name : queues()) root().create_queue(name, options_.settings);
}

World::World(std::unique_ptr<MemoryFileSystem> disk, const TurnableClock& clock, Ledger ledger,
             WorldOptions options)
    : disk_(std::move(disk)),
      clock_(std::make_shared<TurnableClock>(clock)),
      ledger_(std::move(ledger)),
      options_(std::move(options)) {}

World::~World() { close(); }

Root& World::root() {
  if (!root_) root_.emplace(Root::open(std::shared_ptr<Dir>(disk_->root()), clock_));
  return *root_;
}

std::vector<std::string> World::queues() const {
  if (options_.two_queues) return {"q", "other"};
  return {"q"};
}

Queue World::another(const std::string& name) {
  OpenOptions options;
  options.clock = clock_;
  options.background = false;
  options.one_shot = options_.one_shot;
  return root().open_queue(name, options);
}

Queue& World::queue(const std::string& name) {
  if (const auto found = queues_.find(name); found != queues_.end()) return found->second;
  return queues_.emplace(name, another(name)).first->second;
}

void World::close() {
  kept_.clear();
  queues_.clear();
  root_.reset();
}

std::unique_ptr<Dir> World::queue_dir(const std::string& name) {
  return disk_->root()->open_dir("queues")->open_dir(name);
}

std::uint64_t World::index_generation(const std::string& name) const {
  std::uint64_t newest = 0;
  for (const std::string& file : disk_->names("queues/" + name)) {
    newest = std::max(newest, names::parse_index_file(file).value_or(0));
  }
  return newest;
}

std::vector<std::string> World::spool_files(const std::string& name) const {
  const std::string messages = "queues/" + name + "/msgs";
  std::vector<std::string> files;
  for (const std::string& shard : disk_->names(messages)) {
    for (const std::string& file : disk_->names(messages + "/" + shard)) {
      files.push_back(shard + "/" + file);
    }
  }
  return files;
}

// ---- The account
// ----------------------------------------------------------------------------------

std::string World::in(std::string_view queue, std::string_view state) {
  return std::string(queue) + ":" + std::string(state);
}

void World::widen(const std::string& body, std::string_view state) {
  ledger_[body].may.emplace(state);
}

void World::settle(const std::string& body, std::string_view state) {
  ledger_[body].may = {std::string(state)};
}

MessageId World::send_from(Queue& queue, const std::string& body, Message message,
                           const SendOptions& options) {
  const Durability durability = options.durability.value_or(options_.settings.durability);
  ledger_[body].survives_power_cut = durability == Durability::kSync;
  widen(body, kAbsent);
  widen(body, in("q", kLive));
  message.body = body;
  try {
    const MessageId id = queue.send(std::move(message), options);
    settle(body, in("q", kLive));
    return id;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kTryAgain) settle(body, kAbsent);
    throw;
  }
}

MessageId World::send(const std::string& body, Message message, const SendOptions& options) {
  return send_from(queue(), body, std::move(message), options);
}

void World::send_all(const std::vector<std::string>& bodies, const SendOptions& options) {
  std::vector<Message> messages;
  for (const std::string& body : bodies) {
    widen(body, kAbsent);
    widen(body, in("q", kLive));
    messages.push_back({});
    messages.back().body = body;
  }
  try {
    queue().send_batch(std::move(messages), options);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kTryAgain) {
      for (const std::string& body : bodies) settle(body, kAbsent);
    }
    throw;
  }
  for (const std::string& body : bodies) settle(body, in("q", kLive));
}

Delivery World::take() {
  std::optional<Delivery> delivery = queue().receive();
  if (!delivery) throw Error(ErrorCode::kInternal, "take", "q", "nothing was delivered");
  return std::move(*delivery);
}

void World::ack(Delivery& delivery) {
  const std::string body = whole_body(*delivery.open_body());
  widen(body, kAbsent);
  try {
    delivery.ack();
  } catch (const Error& error) {
    forgive_acks();
    if (error.code() == ErrorCode::kTryAgain) settle(body, in("q", kLive));
    throw;
  }
  settle(body, kAbsent);
  acked_.push_back(body);
}

void World::forgive_acks() {
  for (const std::string& one : acked_) widen(one, in("q", kLive));
}

void World::take_and_ack(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    Delivery delivery = take();
    ack(delivery);
  }
}

void World::take_together(std::size_t count) {
  ReceiveOptions options;
  options.max = count;
  std::vector<Delivery> taken = queue().receive_batch(options);
  for (Delivery& one : taken) ack(one);
}

void World::take_in_turns(std::size_t count) {
  std::vector<Delivery> taken;
  for (std::size_t i = 0; i <= count; ++i) {
    std::vector<std::string> bodies;
    for (const Delivery& one : taken) bodies.push_back(whole_body(*one.open_body()));
    for (const std::string& body : bodies) widen(body, kAbsent);
    try {
      taken = queue().ack_and_receive(taken, {});
    } catch (const Error&) {
      forgive_acks();
      throw;
    }
    for (const std::string& body : bodies) settle(body, kAbsent);
  }
  for (Delivery& one : taken) keep(std::move(one));
}

void World::reject(Delivery& delivery) {
  const std::string body = delivery.message().body;
  widen(body, in("q", kDead));
  delivery.reject("test");
  settle(body, in("q", kDead));
}

void World::hold(const MessageId& id, const std::string& body) {
  widen(body, in("q", kHeld));
  queue().hold({&id, 1}, "test");
  settle(body, in("q", kHeld));
}

void World::requeue(const MessageId& id, const std::string& body) {
  widen(body, in("q", kLive));
  queue().requeue({&id, 1});
  settle(body, in("q", kLive));
}

void World::move(const std::vector<std::pair<MessageId, std::string>>& messages) {
  std::vector<MessageId> ids;
  for (const auto& [id, body] : messages) {
    widen(body, in("other", kLive));
    ids.push_back(id);
  }
  root().move(queue("q"), ids, queue("other"));
  for (const auto& [id, body] : messages) settle(body, in("other", kLive));
}

}  // namespace spoolmq::test
