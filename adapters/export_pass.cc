#include "adapters/export_pass.h"

#include <algorithm>
#include <utility>

#include "adapters/export_append.h"
#include "adapters/export_files.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

// A round's files get their names at its end. The first rounds are short, so that a service that is
// killed again and again gets something done in between.
constexpr std::size_t kFirstRoundMessages = 16;
constexpr std::size_t kMostRoundMessages = 256;
constexpr std::uint64_t kRoundBytes = 32 << 20;
constexpr std::size_t kMaxLeft = 1000;
constexpr std::size_t kMaxTold = 10'000;

std::unique_ptr<ExportWriter> make_writer(const ExportPlace& place,
                                          const ExportSettings& settings) {
  if (settings.append) return std::make_unique<AppendWriter>(place, settings);
  return std::make_unique<FileWriter>(place, settings);
}

}  // namespace

ExportPass::ExportPass(const ExportPlace& place, const ExportSettings& settings,
                       const ExportReactions& reactions, ExportReport& report)
    : place_(place),
      settings_(settings),
      reactions_(reactions),
      report_(report),
      renew_after_ms_(place.queue.settings().lease.count() / 3),
      writer_(make_writer(place, settings)),
      renewed_boot_ms_(place.clock.boot_ms()),
      round_messages_(kFirstRoundMessages) {}

ExportPass::~ExportPass() {
  try {
    release_left(Milliseconds{0});
  } catch (const std::exception& error) {
    // Their leases end with this process, or at their deadline.
    log::warn("could not give messages back", {{"why", error.what()}});
  }
}

bool ExportPass::is_interrupted() const {
  return place_.interrupted != nullptr && place_.interrupted->load(std::memory_order_relaxed);
}

// So many that their bodies fit into memory.
std::size_t ExportPass::round_size() {
  std::size_t most = round_messages_;
  if (settings_.limit) {
    const std::uint64_t taken = report_.exported + report_.skipped;
    most = taken < *settings_.limit ? std::min<std::uint64_t>(most, *settings_.limit - taken) : 0;
  }
  if (most == 0) return 0;
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  for (const MessageStatus& next : place_.queue.next_ready(most)) {
    bytes += next.size;
    if (bytes > kRoundBytes) break;
    ++count;
  }
  return std::max<std::size_t>(count, 1);
}

ExportPass::Round ExportPass::round(Milliseconds wait) {
  report_.stopped = left_.size() >= kMaxLeft;
  ReceiveOptions receive;
  receive.max = report_.stopped ? 0 : round_size();
  receive.wait = wait;
  receive.cancelled = [this] { return is_interrupted(); };
  renew({});
  if (receive.max == 0) return Round::kStopped;
  std::vector<Delivery> deliveries = place_.queue.receive_batch(receive);
  if (deliveries.empty()) return is_interrupted() ? Round::kInterrupted : Round::kEmpty;

  std::vector<ExportItem> items;
  items.reserve(deliveries.size());
  for (Delivery& delivery : deliveries) items.push_back({.delivery = std::move(delivery)});
  const bool finished = writer_->write(items, [&] {
    renew(items);
    return !is_interrupted();
  });
  if (!finished) return Round::kInterrupted;
  settle(items);
  round_messages_ = std::min(round_messages_ * 2, kMostRoundMessages);
  return Round::kMoved;
}

void ExportPass::renew(std::span<const ExportItem> items) {
  const std::int64_t now = place_.clock.boot_ms();
  if (now - renewed_boot_ms_ < renew_after_ms_) return;
  renewed_boot_ms_ = now;
  std::vector<Receipt> held;
  for (const Left& left : left_) held.push_back(left.receipt);
  for (const ExportItem& item : items) held.push_back(item.delivery.receipt());
  if (!held.empty()) place_.queue.extend(held);
}

void ExportPass::settle(std::span<ExportItem> items) {
  std::vector<Receipt> receipts;
  std::vector<ExportItem*> done;
  for (ExportItem& item : items) {
    if (item.outcome == ExportItem::Outcome::kExported ||
        item.outcome == ExportItem::Outcome::kSkipped) {
      receipts.push_back(item.delivery.receipt());
      done.push_back(&item);
    } else {
      put_back(item);
    }
  }
  if (receipts.empty()) return;
  const std::vector<LeaseOutcome> outcomes = place_.queue.ack(receipts);
  std::vector<MessageId> acked;
  for (std::size_t i = 0; i < done.size(); ++i) {
    done[i]->delivery.detach();
    if (outcomes[i] != LeaseOutcome::kLost) acked.push_back(receipts[i].id);
    report_done(*done[i], outcomes[i]);
  }
  writer_->settled(acked);
}

void ExportPass::report_done(const ExportItem& item, LeaseOutcome outcome) {
  const MessageId& id = item.delivery.receipt().id;
  if (outcome == LeaseOutcome::kLost) {
    // If it comes again, what is remembered of it tells that it need not be written again.
    log::warn("a message was exported after its lease had ended",
              {{"id", id.text()}, {"file", item.name}});
  }
  told_.erase(id);
  if (item.outcome == ExportItem::Outcome::kSkipped) {
    ++report_.skipped;
    return;
  }
  const std::uint64_t size = item.delivery.message().body_size();
  ++report_.exported;
  report_.bytes += size;
  if (reactions_.on_exported) reactions_.on_exported(id, item.name, size);
}

// By receipt: a lease that has ended meanwhile is no error.
void ExportPass::put_back(ExportItem& item) {
  const Receipt receipt = item.delivery.detach();
  switch (item.outcome) {
    case ExportItem::Outcome::kLeft:
      left_.push_back({receipt, place_.clock.boot_ms()});
      ++report_.left;
      tell(item);
      break;
    case ExportItem::Outcome::kBad:
      place_.queue.nack({&receipt, 1}, item.why);
      ++report_.bad;
      tell(item);
      break;
    default:
      place_.queue.release({&receipt, 1});
  }
}

void ExportPass::tell(const ExportItem& item) {
  if (told_.size() >= kMaxTold) told_.clear();
  const MessageId& id = item.delivery.receipt().id;
  if (!told_.insert(id).second || !reactions_.on_left) return;
  reactions_.on_left(id, item.name, item.why);
}

void ExportPass::release_left(Milliseconds held_for) {
  const std::int64_t until = place_.clock.boot_ms() - held_for.count();
  const auto longer = [until](const Left& left) { return left.since_boot_ms <= until; };
  std::vector<Receipt> receipts;
  for (const Left& left : left_) {
    if (longer(left)) receipts.push_back(left.receipt);
  }
  if (receipts.empty()) return;
  std::erase_if(left_, longer);
  place_.queue.release(receipts);
}

void ExportPass::idle() {
  writer_->idle([this] {
    renew({});
    return !is_interrupted();
  });
}

ExportReport export_pass(const ExportPlace& place, const ExportSettings& settings,
                         const ExportReactions& reactions) {
  ExportReport report;
  ExportPass pass(place, settings, reactions, report);
  while (pass.round(Milliseconds{0}) == ExportPass::Round::kMoved) {
  }
  pass.release_left(Milliseconds{0});
  pass.idle();
  return report;
}

}  // namespace spoolmq::adapters
