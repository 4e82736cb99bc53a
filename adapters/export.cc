#include "adapters/export.h"

#include <algorithm>
#include <array>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/id_source.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kRoundMessages = 256;
constexpr std::uint64_t kRoundBytes = 32 << 20;
constexpr std::size_t kMaxLeft = 1000;  // leases held on what could not be exported
constexpr std::size_t kPieceBytes = 1 << 20;
constexpr std::uint64_t kExtendEveryBytes = 64 << 20;  // leases are renewed while a body is copied
constexpr std::uint64_t kMaxNumber = 100'000;          // of names tried before giving up

enum class Step : std::uint8_t {
  kWritten,   // its temporary is complete
  kExported,  // the file has its name
  kSkipped,
  kLeft,
};

struct Item {
  Delivery delivery;
  ExportRow row;
  Step step = Step::kWritten;
  bool is_recorded = false;  // the row is durable
};

class Pass {
 public:
  Pass(Queue& queue, Dir& target, ExportIdentity& identity, const ExportOptions& options)
      : queue_(queue), target_(target), identity_(identity), options_(options) {}

  ExportReport run() {
    remove_leftovers();
    while (round()) {
    }
    queue_.release(left_);
    identity_.update({}, acked_);
    return report_;
  }

 private:
  void remove_leftovers();
  bool round();
  [[nodiscard]] std::size_t round_size();
  void prepare(Item& item);
  void write(Item& item);
  void copy_body(const Delivery& delivery, File& file);
  void choose_name(Item& item);
  void record();
  void give_name(Item& item);
  void take_back(Item& item, Step step, std::string_view why);
  void leave(Item& item, std::string_view why);
  void settle();
  void remove_unrecorded();
  [[nodiscard]] bool is_taken(const std::string& name);

  Queue& queue_;
  Dir& target_;
  ExportIdentity& identity_;
  const ExportOptions& options_;

  std::vector<Item> items_;                // of this round
  std::unordered_set<std::string> names_;  // that this round is about to make
  std::vector<Receipt> left_;              // leased until the end, so that they do not come again
  std::vector<MessageId> acked_;           // their rows may go
  ExportReport report_;
};

// Temporaries and rows of messages that are no longer in the queue. Whoever still has such a
// message has lost its lease; a message that is in the queue may be another pass's work.
void Pass::remove_leftovers() {
  std::vector<MessageId> gone;
  std::unordered_set<MessageId> live;
  for (const MessageId& id : identity_.ids()) {
    const auto status = queue_.status(id);
    if (status && status->state != State::kArchived) {
      live.insert(id);
    } else {
      gone.push_back(id);
    }
  }
  identity_.update({}, gone);
  std::vector<std::string> leftovers;
  target_.list([&](std::string_view name) {
    const auto id = parse_export_temporary(name);
    if (id && !live.contains(*id)) leftovers.emplace_back(name);
    return true;
  });
  for (const std::string& name : leftovers) {
    if (!queue_.status(*parse_export_temporary(name))) target_.unlink(name);
  }
}

// So many that their bodies fit into memory.
std::size_t Pass::round_size() {
  std::size_t most = kRoundMessages;
  if (options_.limit) {
    const std::size_t taken = report_.exported + report_.skipped;
    most = taken < *options_.limit ? std::min(most, *options_.limit - taken) : 0;
  }
  if (most == 0) return 0;
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  for (const MessageStatus& next : queue_.next_ready(most)) {
    bytes += next.size;
    if (bytes > kRoundBytes) break;
    ++count;
  }
  return std::max<std::size_t>(count, 1);
}

bool Pass::round() {
  if (report_.left >= kMaxLeft) {
    report_.stopped = true;
    return false;
  }
  ReceiveOptions receive;
  receive.max = round_size();
  if (receive.max == 0) return false;
  if (!left_.empty()) queue_.extend(left_);
  std::vector<Delivery> deliveries = queue_.receive_batch(receive);
  if (deliveries.empty()) return false;

  items_.clear();
  names_.clear();
  items_.reserve(deliveries.size());
  for (Delivery& delivery : deliveries) {
    const MessageId id = delivery.message().id;
    items_.push_back({std::move(delivery), {id, 0, 0, {}}});
  }
  try {
    for (Item& item : items_) prepare(item);
  } catch (const Error&) {
    remove_unrecorded();
    throw;
  }
  record();
  for (Item& item : items_) {
    if (item.step == Step::kWritten) give_name(item);
  }
  target_.sync();
  settle();
  return true;
}

bool Pass::is_taken(const std::string& name) {
  return names_.contains(name) || target_.status(name).has_value();
}

void Pass::prepare(Item& item) {
  item.row.redrives = item.delivery.counters().redrives;
  if (const auto known = identity_.find(item.row.id);
      known && known->redrives == item.row.redrives) {
    item.row = *known;
    item.is_recorded = true;
    names_.insert(known->name);
    if (!target_.status(export_temporary(known->id, known->nonce))) item.step = Step::kExported;
    return;
  }
  const Message& message = item.delivery.message();
  std::int64_t sequence = 0;
  if (options_.name.uses_sequence()) {
    if (const auto status = queue_.status(message.id)) sequence = status->sequence;
  }
  item.row.name = options_.name.render(message, sequence);
  choose_name(item);
  if (item.step == Step::kWritten) write(item);
}

void Pass::choose_name(Item& item) {
  std::string& name = item.row.name;
  switch (options_.if_taken) {
    case IfTaken::kFail:
      if (is_taken(name)) leave(item, "the name is taken");
      break;
    case IfTaken::kSkip:
      if (is_taken(name)) item.step = Step::kSkipped;
      break;
    case IfTaken::kReplace:
      if (const auto status = target_.status(name);
          status && status->kind == FileKind::kDirectory) {
        leave(item, "a directory has the name");
      }
      break;
    case IfTaken::kSuffix: {
      const std::string wanted = name;
      for (std::uint64_t number = 1; is_taken(name); ++number) {
        if (number > kMaxNumber) return leave(item, "every numbered name is taken");
        name = numbered_file_name(wanted, number);
      }
      break;
    }
  }
  if (item.step == Step::kWritten) names_.insert(name);
}

void Pass::write(Item& item) {
  item.row.nonce = random_bits();
  const std::string temporary = export_temporary(item.row.id, item.row.nonce);
  const auto file = target_.create(temporary, options_.mode, IfExists::kFail);
  const Message& message = item.delivery.message();
  try {
    if (message.large_body) {
      copy_body(item.delivery, *file);
    } else {
      file->write_at(as_bytes(message.body), 0);
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadData) throw;
    target_.unlink(temporary);
    ++report_.left;
    if (options_.on_left) options_.on_left(item.row.id, item.row.name, error.what());
    names_.erase(item.row.name);
    item.delivery.nack(error.what());
    item.step = Step::kLeft;
    return;
  }
  file->sync();
}

void Pass::copy_body(const Delivery& delivery, File& file) {
  const auto body = delivery.open_body();
  std::vector<char> piece(kPieceBytes);
  std::uint64_t offset = 0;
  std::uint64_t extended_at = 0;
  while (const std::size_t got = body->read(piece)) {
    file.write_at(as_bytes({piece.data(), got}), offset);
    offset += got;
    if (offset - extended_at < kExtendEveryBytes) continue;
    extended_at = offset;
    std::vector<Receipt> held = left_;
    for (const Item& item : items_) {
      if (item.step != Step::kLeft) held.push_back(item.delivery.receipt());
    }
    queue_.extend(held);
  }
}

// The names of the temporaries are durable before the rows that speak of them.
void Pass::record() {
  std::vector<ExportRow> rows;
  for (const Item& item : items_) {
    if (item.step == Step::kWritten && !item.is_recorded) rows.push_back(item.row);
  }
  if (rows.empty()) return;
  target_.sync();
  identity_.update(rows, std::exchange(acked_, {}));
  for (Item& item : items_) item.is_recorded |= item.step == Step::kWritten;
}

void Pass::give_name(Item& item) {
  const std::string temporary = export_temporary(item.row.id, item.row.nonce);
  try {
    if (options_.if_taken == IfTaken::kReplace) {
      target_.rename_over(temporary, target_, item.row.name);
      item.step = Step::kExported;
      return;
    }
    const std::string wanted = item.row.name;
    for (std::uint64_t number = 1; !target_.rename_new(temporary, target_, item.row.name);
         ++number) {
      if (options_.if_taken == IfTaken::kSkip) return take_back(item, Step::kSkipped, {});
      if (options_.if_taken == IfTaken::kFail || number > kMaxNumber) {
        return take_back(item, Step::kLeft, "the name is taken");
      }
      item.row.name = numbered_file_name(wanted, number);
      identity_.update({&item.row, 1}, {});
    }
    item.step = Step::kExported;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    take_back(item, Step::kLeft, "its temporary file has disappeared");
  }
}

// A row without its temporary would mean "exported": the row goes first.
void Pass::take_back(Item& item, Step step, std::string_view why) {
  identity_.update({}, {&item.row.id, 1});
  item.is_recorded = false;
  target_.unlink(export_temporary(item.row.id, item.row.nonce));
  item.step = step;
  if (step == Step::kLeft) leave(item, why);
}

void Pass::leave(Item& item, std::string_view why) {
  ++report_.left;
  item.step = Step::kLeft;
  if (options_.on_left) options_.on_left(item.row.id, item.row.name, why);
  left_.push_back(item.delivery.detach());
}

void Pass::settle() {
  std::vector<Receipt> receipts;
  std::vector<const Item*> done;
  for (Item& item : items_) {
    if (item.step == Step::kLeft) continue;
    receipts.push_back(item.delivery.detach());
    done.push_back(&item);
  }
  if (receipts.empty()) return;
  const std::vector<LeaseOutcome> outcomes = queue_.ack(receipts);
  for (std::size_t i = 0; i < done.size(); ++i) {
    const ExportRow& row = done[i]->row;
    if (outcomes[i] == LeaseOutcome::kLost) {
      // If it comes again, its row tells that it need not be written again.
      log::warn("a message was exported after its lease had ended",
                {{"id", row.id.text()}, {"file", row.name}});
    } else if (done[i]->is_recorded) {
      acked_.push_back(row.id);
    }
    if (done[i]->step == Step::kSkipped) {
      ++report_.skipped;
      continue;
    }
    ++report_.exported;
    if (options_.on_exported) options_.on_exported(row.id, row.name);
  }
}

void Pass::remove_unrecorded() {
  for (const Item& item : items_) {
    if (item.row.nonce == 0 || item.is_recorded) continue;
    try {
      target_.unlink(export_temporary(item.row.id, item.row.nonce));
    } catch (const Error& error) {
      log::warn("could not remove a temporary file", {{"why", error.what()}});
    }
  }
}

}  // namespace

ExportReport export_pass(Queue& queue, Dir& target, ExportIdentity& identity,
                         const ExportOptions& options) {
  return Pass(queue, target, identity, options).run();
}

}  // namespace spoolmq::adapters
