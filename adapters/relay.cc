#include "adapters/relay.h"

#include <algorithm>
#include <utility>

#include "core/file_system.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr Milliseconds kIdleWait{1000};
// For a rendezvous: how long one message waits for its receiver.
constexpr Milliseconds kRendezvousWait{1000};
constexpr std::size_t kBatchMessages = 256;
constexpr std::uint64_t kBatchBytes = 16 << 20;

// What is wrong with this message for that queue, not with the queue.
bool is_for_good(const Error& error) {
  return error.code() == ErrorCode::kBadData || error.code() == ErrorCode::kCannotCreate;
}

bool same_directory(const std::string& one, const std::string& other) {
  const FileStatus a = open_posix_dir(one)->status();
  const FileStatus b = open_posix_dir(other)->status();
  return a.device == b.device && a.inode == b.inode;
}

Message as_sent(const Delivery& delivery) {
  Message message = delivery.message();
  message.large_body.reset();
  return message;
}

}  // namespace

// An unmounted disk must not look like an empty root.
Root Relay::open_existing(const std::string& path) {
  static_cast<void>(open_posix_dir(path));
  return Root::open(path);
}

Relay::Relay(const std::string& queue, RelaySettings settings, AdapterPlace place,
             const OpenRoot& open_root, const OpenOptions& handles)
    : settings_(std::move(settings)), place_(std::move(place)) {
  if (!settings_.to_root.empty()) other_root_.emplace(open_root(settings_.to_root));
  Root& to_root = other_root_ ? *other_root_ : *place_.root;
  OpenOptions named = handles;
  named.name = place_.name;
  from_.emplace(place_.root->open_queue(queue, named));
  to_.emplace(to_root.open_queue(settings_.to_queue, named));
  if (from_->name() == to_->name() && (!other_root_ || from_->path() == to_->path() ||
                                       same_directory(from_->path(), to_->path()))) {
    throw Error(ErrorCode::kUsage, "relay", queue, "source and destination are the same queue");
  }
  renew_after_ms_ = from_->settings().lease.count() / 3;
}

Relay::~Relay() = default;

void Relay::interrupt() { interrupted_.store(true, std::memory_order_relaxed); }

bool Relay::is_interrupted() const { return interrupted_.load(std::memory_order_relaxed); }

Adapter::Turn Relay::turn() {
  try {
    const Turn done = move_batch();
    interrupted_.store(false, std::memory_order_relaxed);
    return done;
  } catch (const std::exception&) {
    interrupted_.store(false, std::memory_order_relaxed);
    throw;
  }
}

Adapter::Turn Relay::move_batch() {
  ReceiveOptions receive;
  receive.max = batch_size();
  receive.wait = was_idle_ ? kIdleWait : Milliseconds{0};
  receive.cancelled = [this] { return is_interrupted(); };
  Batch batch;
  batch.deliveries = from_->receive_batch(receive);
  was_idle_ = batch.deliveries.empty();
  if (was_idle_) {
    Turn idle;
    idle.idle = true;
    idle.over = place_.once && is_empty();
    return idle;
  }
  renewed_boot_ms_ = place_.clock->boot_ms();
  try {
    send(batch);
  } catch (const std::exception&) {
    settle(batch);
    throw;
  }
  settle(batch);
  return {};
}

// Nothing will come back by itself, either.
bool Relay::is_empty() {
  const QueueStats stats = from_->stats();
  return stats.of(State::kReady).messages + stats.of(State::kDelayed).messages +
             stats.of(State::kLeased).messages ==
         0;
}

// So many that their bodies fit into memory; those of large ones never are in it.
std::size_t Relay::batch_size() {
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  const std::uint64_t inlined = static_cast<std::uint64_t>(from_->settings().body_inline);
  for (const MessageStatus& next : from_->next_ready(kBatchMessages)) {
    if (next.size <= inlined) bytes += next.size;
    if (bytes > kBatchBytes) break;
    ++count;
  }
  return std::max<std::size_t>(count, 1);
}

// In runs that share their syncs, without changing the order.
void Relay::send(Batch& batch) {
  const bool rendezvous = to_->settings().capacity == 0;
  while (batch.sent < batch.deliveries.size() && !is_interrupted()) {
    renew(batch);
    std::size_t run = 0;
    while (batch.sent + run < batch.deliveries.size() &&
           !batch.deliveries[batch.sent + run].message().large_body) {
      ++run;
    }
    if (run > 1 && !rendezvous) {
      send_run(batch, run);
    } else {
      send_one(batch);
    }
  }
}

void Relay::send_run(Batch& batch, std::size_t count) {
  std::vector<Message> messages;
  messages.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    messages.push_back(batch.deliveries[batch.sent + i].message());
  }
  try {
    to_->send_batch(std::move(messages), send_options());
    batch.sent += count;
  } catch (const Error& error) {
    if (!is_for_good(error) && error.code() != ErrorCode::kTryAgain) throw;
    // None of it was accepted; one by one tells which, and how many there is room for.
    for (std::size_t i = 0; i < count && !is_interrupted(); ++i) send_one(batch);
  }
}

void Relay::send_one(Batch& batch) {
  Delivery& delivery = batch.deliveries[batch.sent];
  try {
    if (delivery.message().large_body) {
      send_large(batch, delivery);
    } else {
      to_->send_checked(delivery.message(), send_options());
    }
    ++batch.sent;
  } catch (const Error& error) {
    if (!is_for_good(error)) throw;
    refuse(batch, error);
  }
}

void Relay::send_large(const Batch& batch, const Delivery& delivery) {
  const std::unique_ptr<BodyReader> body = delivery.open_body();
  to_->send_stream(
      as_sent(delivery),
      [&](std::span<char> into) {
        if (is_interrupted()) {
          throw Error(ErrorCode::kTryAgain, "relay", to_->name(), "interrupted");
        }
        renew(batch);
        return body->read(into);
      },
      send_options());
}

// It leaves the batch.
void Relay::refuse(Batch& batch, const Error& error) {
  Delivery delivery = std::move(batch.deliveries[batch.sent]);
  batch.deliveries.erase(batch.deliveries.begin() + static_cast<std::ptrdiff_t>(batch.sent));
  const MessageId id = delivery.message().id;
  const std::string why = to_->name() + " refuses it: " + error.why();
  delivery.reject(why);
  if (place_.counters != nullptr) place_.counters->refused.fetch_add(1, std::memory_order_relaxed);
  if (place_.on_refused) place_.on_refused(id.text(), why);
}

// What got there is passed on; the rest is ready here again.
void Relay::settle(Batch& batch) {
  const std::span<Delivery> all(batch.deliveries);
  pass_on(all.first(batch.sent));
  std::vector<Receipt> left;
  for (Delivery& one : all.subspan(batch.sent)) left.push_back(one.detach());
  if (!left.empty()) from_->release(left);
}

void Relay::pass_on(std::span<Delivery> sent) {
  if (sent.empty()) return;
  std::uint64_t bytes = 0;
  std::vector<std::pair<MessageId, std::uint64_t>> told;
  for (const Delivery& one : sent) {
    told.emplace_back(one.message().id, one.message().body_size());
    bytes += told.back().second;
  }
  const std::vector<LeaseOutcome> outcomes = from_->pass_on(sent);
  const auto lost = std::ranges::count(outcomes, LeaseOutcome::kLost);
  if (lost > 0) {
    // Whoever relays them next meets their ids at the destination.
    log::warn("messages were relayed after their leases had ended",
              {{"queue", from_->name()}, {"messages", lost}});
  }
  if (place_.counters != nullptr) {
    constexpr auto kRelaxed = std::memory_order_relaxed;
    place_.counters->moved.fetch_add(told.size(), kRelaxed);
    place_.counters->bytes.fetch_add(bytes, kRelaxed);
    place_.counters->last_success_wall_ms.store(place_.clock->wall_ms(), kRelaxed);
  }
  if (!place_.on_moved) return;
  for (const auto& [id, size] : told) place_.on_moved(id, to_->name(), size);
}

void Relay::renew(const Batch& batch) {
  const std::int64_t now = place_.clock->boot_ms();
  if (now - renewed_boot_ms_ < renew_after_ms_) return;
  renewed_boot_ms_ = now;
  std::vector<Receipt> receipts;
  for (const Delivery& one : batch.deliveries) receipts.push_back(one.receipt());
  from_->extend(receipts);
}

SendOptions Relay::send_options() const {
  SendOptions options;
  options.id_memory = IdMemory::kDurable;
  options.timeout = to_->settings().capacity == 0 ? kRendezvousWait : Milliseconds{0};
  return options;
}

}  // namespace spoolmq::adapters
