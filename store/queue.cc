// The public face of a queue.
#include "spoolmq/queue.h"

#include <algorithm>

#include "store/queue_impl.h"

namespace spoolmq {

Queue::Queue(std::shared_ptr<QueueImpl> impl) : impl_(std::move(impl)) {}
Queue::Queue(Queue&&) noexcept = default;
Queue& Queue::operator=(Queue&&) noexcept = default;
Queue::~Queue() = default;

const std::string& Queue::name() const { return impl_->name(); }
const std::string& Queue::path() const { return impl_->path(); }
Settings Queue::settings() const { return impl_->settings(); }

MessageId Queue::send(Message message, const SendOptions& options) {
  return send_checked(std::move(message), options).id;
}

SendResult Queue::send_checked(Message message, const SendOptions& options) {
  std::vector<Message> one;
  one.push_back(std::move(message));
  return impl_->send_batch(std::move(one), options).front();
}

std::vector<SendResult> Queue::send_batch(std::vector<Message> messages,
                                          const SendOptions& options) {
  return impl_->send_batch(std::move(messages), options);
}

SendResult Queue::send_stream(Message message, const BodySource& source,
                              const SendOptions& options) {
  return impl_->send_stream(std::move(message), source, options);
}

SendResult Queue::send_file(Message message, int body_descriptor, BodyFile how,
                            const SendOptions& options) {
  return impl_->send_file(std::move(message), body_descriptor, how, options);
}

bool Queue::withdraw(const MessageId& id) { return impl_->withdraw(id); }

Settled Queue::wait_settled(const MessageId& id, std::optional<Milliseconds> timeout) {
  return impl_->wait_settled(id, timeout);
}

std::optional<Delivery> Queue::receive(const ReceiveOptions& options) {
  ReceiveOptions one = options;
  one.max = 1;
  std::vector<Delivery> deliveries = impl_->receive(one);
  if (deliveries.empty()) return std::nullopt;
  return std::move(deliveries.front());
}

std::vector<Delivery> Queue::receive_batch(const ReceiveOptions& options) {
  return impl_->receive(options);
}

namespace {
std::vector<Receipt> detach_all(std::span<Delivery> deliveries) {
  std::vector<Receipt> receipts;
  receipts.reserve(deliveries.size());
  for (Delivery& one : deliveries) receipts.push_back(one.detach());
  return receipts;
}
}  // namespace

void Queue::ack_batch(std::span<Delivery> deliveries) {
  impl_->require_leases(impl_->ack(detach_all(deliveries)));
}

std::vector<Delivery> Queue::ack_and_receive(std::span<Delivery> done,
                                             const ReceiveOptions& options) {
  return impl_->receive(options, detach_all(done));
}

std::vector<LeaseOutcome> Queue::ack(std::span<const Receipt> receipts) {
  return impl_->ack(receipts);
}
std::vector<LeaseOutcome> Queue::nack(std::span<const Receipt> receipts, std::string_view reason,
                                      std::optional<Milliseconds> delay) {
  return impl_->nack(receipts, reason, delay);
}
std::vector<LeaseOutcome> Queue::release(std::span<const Receipt> receipts) {
  return impl_->release(receipts);
}
std::vector<LeaseOutcome> Queue::extend(std::span<const Receipt> receipts,
                                        std::optional<Milliseconds> lease) {
  return impl_->extend(receipts, lease);
}
std::vector<LeaseOutcome> Queue::reject(std::span<const Receipt> receipts,
                                        std::string_view reason) {
  return impl_->reject(receipts, reason);
}
std::vector<LeaseOutcome> Queue::pass_on(std::span<Delivery> deliveries) {
  QueueImpl::DedupeKeys keys;
  for (const Delivery& one : deliveries) {
    const std::string& key = one.message().dedupe_key;
    if (!key.empty()) keys.emplace(one.message().id, key);
  }
  return impl_->pass_on(detach_all(deliveries), keys);
}

QueueStats Queue::stats() { return impl_->stats(); }
std::vector<MessageStatus> Queue::scan(const ScanOptions& options) { return impl_->scan(options); }
std::vector<MessageStatus> Queue::next_ready(std::size_t limit) { return impl_->next_ready(limit); }
std::optional<MessageStatus> Queue::status(const MessageId& id) { return impl_->status(id); }
std::vector<MessageId> Queue::find_by_tail(std::string_view id_tail) {
  return impl_->find_by_tail(id_tail);
}
std::optional<Message> Queue::load(const MessageId& id) { return impl_->load(id); }
std::unique_ptr<BodyReader> Queue::open_body(const Message& message) {
  return impl_->open_body(message);
}
std::vector<Consumer> Queue::consumers() { return impl_->consumers(); }
std::vector<std::string> Queue::why(const MessageId& id) { return impl_->why(id); }
std::vector<std::string> Queue::trace(const MessageId& id) { return impl_->trace(id); }
std::optional<Pause> Queue::paused() { return impl_->paused(); }

FixResult Queue::requeue(std::span<const MessageId> ids, bool reset_redrives) {
  return impl_->requeue(ids, reset_redrives);
}
FixResult Queue::hold(std::span<const MessageId> ids, std::string_view reason) {
  return impl_->hold(ids, reason);
}
FixResult Queue::unhold(std::span<const MessageId> ids) { return impl_->unhold(ids); }
FixResult Queue::revoke(std::span<const MessageId> ids) { return impl_->revoke(ids); }
FixResult Queue::remove(std::span<const MessageId> ids) { return impl_->remove(ids); }
void Queue::pause(const Pause& pause) { impl_->pause(pause); }
void Queue::resume() { impl_->resume(); }
void Queue::configure(std::span<const SettingText> changes) { impl_->configure(changes); }
std::vector<FsckFinding> Queue::fsck(FsckMode mode) { return impl_->fsck(mode); }
void Queue::maintain() { impl_->maintain(); }
void Queue::sweep() { impl_->sweep(); }
int Queue::lease_descriptor() const { return impl_->lease_descriptor(); }
void Queue::close() { impl_->close(); }

}  // namespace spoolmq
