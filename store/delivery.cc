// Receipts and deliveries.
#include "core/log.h"
#include "core/text.h"
#include "store/large_body.h"
#include "store/queue_impl.h"

namespace spoolmq {

std::string Receipt::text() const { return id.text() + "." + hex16(token); }

std::optional<Receipt> Receipt::parse(std::string_view text) {
  if (text.size() != MessageId::kTextLength + 17 || text[MessageId::kTextLength] != '.') {
    return std::nullopt;
  }
  const auto id = MessageId::parse(text.substr(0, MessageId::kTextLength));
  const auto token = parse_hex16(text.substr(MessageId::kTextLength + 1));
  if (!id || !token) return std::nullopt;
  return Receipt{*id, *token};
}

Delivery::Delivery(std::shared_ptr<QueueImpl> queue, Message message, Receipt receipt,
                   Counters counters)
    : queue_(std::move(queue)),
      message_(std::move(message)),
      receipt_(receipt),
      counters_(counters) {}

Delivery::Delivery(Delivery&&) noexcept = default;

Delivery& Delivery::operator=(Delivery&& other) noexcept {
  std::swap(queue_, other.queue_);
  std::swap(message_, other.message_);
  std::swap(receipt_, other.receipt_);
  std::swap(counters_, other.counters_);
  return *this;
}

Delivery::~Delivery() {
  if (!queue_) return;
  try {
    static_cast<void>(queue_->release(std::span(&receipt_, 1)));
  } catch (const std::exception& error) {
    // The lease ends at its deadline, or with this process.
    log::warn("lease not released", {{"id", receipt_.id.text()}, {"why", error.what()}});
  }
}

std::unique_ptr<BodyReader> Delivery::open_body() const {
  if (!queue_)
    throw Error(ErrorCode::kUsage, "open the body", receipt_.id.text(), "it is finished");
  return queue_->open_body(message_);
}

namespace {
void expect(const std::vector<LeaseOutcome>& outcomes, std::string_view operation,
            const Receipt& receipt) {
  if (outcomes.front() != LeaseOutcome::kLost) return;
  throw Error(ErrorCode::kLeaseLost, operation, receipt.id.text(), "its lease has ended");
}
}  // namespace

void Delivery::ack() {
  const std::shared_ptr<QueueImpl> queue = std::exchange(queue_, nullptr);
  if (!queue) throw Error(ErrorCode::kUsage, "ack", receipt_.id.text(), "it is finished");
  expect(queue->ack(std::span(&receipt_, 1)), "ack", receipt_);
}

void Delivery::nack(std::string_view reason, std::optional<Milliseconds> delay) {
  const std::shared_ptr<QueueImpl> queue = std::exchange(queue_, nullptr);
  if (!queue) throw Error(ErrorCode::kUsage, "nack", receipt_.id.text(), "it is finished");
  expect(queue->nack(std::span(&receipt_, 1), reason, delay), "nack", receipt_);
}

void Delivery::release() {
  const std::shared_ptr<QueueImpl> queue = std::exchange(queue_, nullptr);
  if (!queue) throw Error(ErrorCode::kUsage, "release", receipt_.id.text(), "it is finished");
  expect(queue->release(std::span(&receipt_, 1)), "release", receipt_);
}

void Delivery::reject(std::string_view reason) {
  const std::shared_ptr<QueueImpl> queue = std::exchange(queue_, nullptr);
  if (!queue) throw Error(ErrorCode::kUsage, "reject", receipt_.id.text(), "it is finished");
  expect(queue->reject(std::span(&receipt_, 1), reason), "reject", receipt_);
}

void Delivery::extend(Milliseconds lease) {
  if (!queue_) throw Error(ErrorCode::kUsage, "extend", receipt_.id.text(), "it is finished");
  expect(queue_->extend(std::span(&receipt_, 1), lease), "extend", receipt_);
}

Receipt Delivery::detach() {
  queue_.reset();
  return receipt_;
}

}  // namespace spoolmq
