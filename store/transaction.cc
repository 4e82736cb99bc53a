// Work in several queues (FORMAT.md section 11): places and leases are looked at in every queue,
// then the intent is made durable, which is the commit point; then it is done.
// What one queue does whole by itself needs no intent.
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/check.h"
#include "core/log.h"
#include "core/record_codec.h"
#include "store/intent.h"
#include "store/root_impl.h"
#include "store/topic_names.h"
#include "store/topics_dir.h"

namespace spoolmq {

class Transaction::Impl {
 public:
  Impl(std::shared_ptr<RootImpl> root, QueueSource opened)
      : root_(std::move(root)), opened_(std::move(opened)) {}

  using Shared = std::shared_ptr<QueueImpl>;

  Shared open(std::string_view name);
  void send(std::vector<Shared> queues, Message message, const SendOptions& options);
  std::size_t send_to_topic(std::string_view topic, Message message, const SendOptions& options);
  void ack(const Shared& queue, const Receipt& receipt);
  Committed commit();

 private:
  struct Send {
    Message message;
    SendOptions options;
    std::vector<Shared> queues;
    bool has_our_id = false;
  };
  // What goes to one queue with the same options, in the order of the calls.
  struct Batch {
    Shared queue;
    SendOptions options;
    std::vector<std::size_t> sends;
    std::optional<QueueImpl::Parcel> parcel;
  };
  struct Acks {
    Shared queue;
    std::vector<Receipt> receipts;
    std::vector<std::size_t> places;  // of their outcomes in the result
  };

  void check_limits() const;
  void sort_into_batches();
  bool is_one_queues(Committed& committed);
  void complete_messages();
  void accept();
  bool is_all_known() const;
  void require_leases(Committed& committed);
  [[nodiscard]] bool is_one_message() const;
  Work describe() const;
  std::vector<const std::string*> bodies_of(const Batch& batch) const;
  void commit_work();
  void commit_message();
  template <typename Finish>
  void behind_the_commit_point(const Finish& finish);
  void decline();
  [[noreturn]] static void refuse_lost(const QueueImpl& queue, const Receipt& receipt);

  std::shared_ptr<RootImpl> root_;
  QueueSource opened_;
  std::map<std::string, Shared, std::less<>> queues_;
  std::vector<Send> sends_;
  std::vector<Batch> batches_;  // in order of the queues' names
  std::vector<Acks> acks_;
  std::size_t placed_ = 0;
  std::size_t ack_count_ = 0;
  std::size_t bytes_ = 0;
  bool ended_ = false;
};

// ---- Collecting

std::shared_ptr<QueueImpl> Transaction::Impl::open(std::string_view name) {
  if (const auto known = queues_.find(name); known != queues_.end()) return known->second;
  OpenOptions options;
  options.one_shot = true;
  options.background = false;
  Queue* const opened = opened_ ? opened_(name) : nullptr;
  Shared queue = opened != nullptr ? opened->impl_ : root_->open_queue(name, options);
  return queues_.emplace(std::string(name), std::move(queue)).first->second;
}

void Transaction::Impl::send(std::vector<Shared> queues, Message message,
                             const SendOptions& options) {
  if (!options.dead.empty() || message.large_body) {
    throw Error(ErrorCode::kUsage, "send", queues.empty() ? "" : queues.front()->name(),
                "a transaction takes neither messages that are dead from the start nor large "
                "bodies that are in a queue already");
  }
  placed_ += queues.size();
  bytes_ += record::encoded_size(message);
  check_limits();
  sends_.push_back({std::move(message), options, std::move(queues)});
}

std::size_t Transaction::Impl::send_to_topic(std::string_view topic, Message message,
                                             const SendOptions& options) {
  std::vector<Shared> queues;
  for (const std::string& name : root_->queues_of_topic(topic)) {
    try {
      queues.push_back(open(name));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kNotFound) throw;  // it was removed just now
    }
  }
  const std::size_t count = queues.size();
  send(std::move(queues), std::move(message), options);
  return count;
}

void Transaction::Impl::ack(const Shared& queue, const Receipt& receipt) {
  const auto same =
      std::find_if(acks_.begin(), acks_.end(), [&](const Acks& one) { return one.queue == queue; });
  Acks& acks = same != acks_.end() ? *same : acks_.emplace_back(Acks{queue, {}, {}});
  acks.receipts.push_back(receipt);
  acks.places.push_back(ack_count_++);
  check_limits();
}

void Transaction::Impl::check_limits() const {
  const auto refuse = [](std::string_view what, std::size_t most) {
    throw Error(ErrorCode::kBadData, "send", "a transaction",
                "it has more than " + std::to_string(most) + " " + std::string(what));
  };
  if (placed_ > kMaxTransactionSends || sends_.size() > kMaxTransactionSends) {
    refuse("messages", kMaxTransactionSends);
  }
  if (ack_count_ > kMaxTransactionAcks) refuse("acknowledgements", kMaxTransactionAcks);
  if (bytes_ > kMaxTransactionBytes) refuse("bytes", kMaxTransactionBytes);
}

// ---- Before the commit point

// Equal at every attempt, and in every queue.
void Transaction::Impl::complete_messages() {
  for (Send& one : sends_) {
    if (one.queues.empty()) continue;
    QueueImpl& first = *one.queues.front();
    Message& message = one.message;
    one.has_our_id = message.id.is_nil();
    if (one.has_our_id) message.id = first.next_id();
    if (message.sent_at_ms == 0) message.sent_at_ms = first.wall_ms();
    QueueImpl::sign(message, first.sender());
  }
}

void Transaction::Impl::sort_into_batches() {
  const auto equal = [](const SendOptions& a, const SendOptions& b) {
    return a.format == b.format && a.durability == b.durability && a.id_memory == b.id_memory;
  };
  for (std::size_t i = 0; i < sends_.size(); ++i) {
    for (const Shared& queue : sends_[i].queues) {
      const auto same = std::find_if(batches_.begin(), batches_.end(), [&](const Batch& one) {
        return one.queue == queue && equal(one.options, sends_[i].options);
      });
      Batch& batch = same != batches_.end()
                         ? *same
                         : batches_.emplace_back(Batch{queue, sends_[i].options, {}, {}});
      batch.sends.push_back(i);
    }
  }
  std::stable_sort(batches_.begin(), batches_.end(), [](const Batch& a, const Batch& b) {
    return a.queue->name() < b.queue->name();
  });
}

void Transaction::Impl::accept() {
  for (Batch& batch : batches_) {
    std::vector<Message> messages;
    messages.reserve(batch.sends.size());
    for (const std::size_t i : batch.sends) messages.push_back(sends_[i].message);
    batch.parcel =
        batch.queue->accept(std::move(messages), batch.options, QueueImpl::Refusals::kAsUsual);
  }
}

void Transaction::Impl::decline() {
  for (Batch& batch : batches_) {
    if (!batch.parcel) continue;
    QueueImpl::Parcel parcel = std::move(*batch.parcel);
    batch.parcel.reset();  // never twice: by then the places may be another's
    batch.queue->decline(parcel);
  }
}

void Transaction::Impl::refuse_lost(const QueueImpl& queue, const Receipt& receipt) {
  throw Error(ErrorCode::kLeaseLost, "commit", queue.name(),
              "the lease of " + receipt.text() + " is over");
}

void Transaction::Impl::require_leases(Committed& committed) {
  for (const Acks& acks : acks_) {
    const std::vector<LeaseOutcome> outcomes = acks.queue->look_at_leases(acks.receipts);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (outcomes[i] == LeaseOutcome::kLost) refuse_lost(*acks.queue, acks.receipts[i]);
      committed.acks[acks.places[i]] = outcomes[i];
    }
  }
}

// ---- Without an intent

// True: it was one queue's work, which does it whole by itself, and it is done.
bool Transaction::Impl::is_one_queues(Committed& committed) {
  if (sends_.empty() && acks_.size() == 1) {
    const Acks& acks = acks_.front();
    const std::vector<LeaseOutcome> outcomes = acks.queue->ack_all(acks.receipts);
    const auto lost = std::find(outcomes.begin(), outcomes.end(), LeaseOutcome::kLost);
    if (lost != outcomes.end()) {
      refuse_lost(*acks.queue, acks.receipts[static_cast<std::size_t>(lost - outcomes.begin())]);
    }
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      committed.acks[acks.places[i]] = outcomes[i];
    }
    return true;
  }
  if (!acks_.empty() || batches_.size() != 1) return false;
  Batch& batch = batches_.front();
  std::vector<const Message*> messages;
  for (const std::size_t i : batch.sends) messages.push_back(&sends_[i].message);
  if (!batch.queue->is_one_group(messages, batch.options)) return false;
  std::vector<Message> given;
  for (const std::size_t i : batch.sends) given.push_back(std::move(sends_[i].message));
  SendOptions options = batch.options;
  options.timeout = Milliseconds{0};
  std::vector<SendResult> results = batch.queue->send_batch(std::move(given), options);
  for (std::size_t i = 0; i < results.size(); ++i) {
    committed.sends[batch.sends[i]].push_back({batch.queue->name(), results[i]});
  }
  return true;
}

// ---- The commit point, and behind it

std::vector<const std::string*> Transaction::Impl::bodies_of(const Batch& batch) const {
  std::vector<const std::string*> bodies;
  for (const std::size_t i : batch.sends) bodies.push_back(&sends_[i].message.body);
  return bodies;
}

// Whether one file can be that of every queue, or be copied there as it is.
bool Transaction::Impl::is_one_message() const {
  if (!acks_.empty() || batches_.size() < 2) return false;
  const QueueImpl::Outgoing& first = batches_.front().parcel->outgoing.front();
  return std::ranges::all_of(batches_, [&](const Batch& batch) {
    const auto& outgoing = batch.parcel->outgoing;
    return outgoing.size() == 1 && batch.sends == batches_.front().sends &&
           outgoing.front().message == first.message && !outgoing.front().body;
  });
}

Work Transaction::Impl::describe() const {
  Work work;
  for (const Send& one : sends_) work.messages.push_back(one.message);
  for (const Batch& one : batches_) {
    work.sends.push_back({one.queue->name(), one.options, one.sends});
  }
  for (const Acks& one : acks_) work.acks.push_back({one.queue->name(), one.receipts});
  return work;
}

template <typename Finish>
void Transaction::Impl::behind_the_commit_point(const Finish& finish) {
  try {
    finish();
  } catch (const Error& error) {
    decline();  // whoever finishes it takes places of his own
    throw Error(ErrorCode::kIo, error.operation(), error.subject(),
                "committed, and to be finished when the root is opened next: " + error.why());
  }
}

void Transaction::Impl::commit_work() {
  TopicsDir topics = TopicsDir::made_in(root_->dir());
  QueueImpl& any = batches_.empty() ? *acks_.front().queue : *batches_.front().queue;
  Intent intent = Intent::of_work(topics, describe(), any.next_id());
  behind_the_commit_point([&] {
    for (Batch& batch : batches_) {
      batch.queue->put(*batch.parcel, bodies_of(batch));
      batch.parcel.reset();
    }
    for (const Acks& acks : acks_) acks.queue->settle(acks.receipts);
    intent.done();
  });
}

void Transaction::Impl::commit_message() {
  TopicsDir topics = TopicsDir::made_in(root_->dir());
  Batch& first = batches_.front();
  const Send& send = sends_[first.sends.front()];
  std::vector<std::string> names;
  for (const Batch& one : batches_) names.push_back(one.queue->name());
  // As with any own file: an id of ours names it.
  const MessageId file = send.has_our_id ? send.message.id : first.queue->next_id();
  QueueImpl::Draft draft = first.queue->draft(*first.parcel, send.message.body, file);
  const Location at = draft.at;
  const std::uint16_t flags = draft.flags;
  Intent intent = Intent::of_message(topics, names, std::move(draft));
  const QueueImpl::Sealed sealed{topics.dir(), intent.name(), intent.file().status(), at, flags};
  behind_the_commit_point([&] {
    const std::string* const body = &send.message.body;
    for (Batch& batch : batches_) {
      const bool is_linked = batch.queue->put_link(*batch.parcel, *body, sealed);
      if (!is_linked) batch.queue->put(*batch.parcel, {&body, 1});
      batch.parcel.reset();
    }
    intent.done();
  });
}

bool Transaction::Impl::is_all_known() const {
  return acks_.empty() && std::ranges::all_of(batches_, [](const Batch& batch) {
           return std::ranges::all_of(batch.parcel->outgoing, [](const QueueImpl::Outgoing& one) {
             return one.result.duplicate;
           });
         });
}

Committed Transaction::Impl::commit() {
  SPOOLMQ_CHECK(!std::exchange(ended_, true));
  Committed committed;
  committed.acks.resize(ack_count_, LeaseOutcome::kLost);
  committed.sends.resize(sends_.size());
  if (placed_ == 0 && ack_count_ == 0) return committed;
  sort_into_batches();
  if (is_one_queues(committed)) return committed;
  complete_messages();
  try {
    accept();
    require_leases(committed);
    for (const Batch& batch : batches_) {
      for (std::size_t i = 0; i < batch.sends.size(); ++i) {
        committed.sends[batch.sends[i]].push_back(
            {batch.queue->name(), batch.parcel->outgoing[i].result});
      }
    }
    if (is_all_known()) return committed;
    if (is_one_message()) {
      commit_message();
    } else {
      commit_work();
    }
  } catch (...) {
    decline();
    throw;
  }
  return committed;
}

// ---- The public face

Transaction::Transaction(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Transaction::Transaction(Transaction&&) noexcept = default;
Transaction& Transaction::operator=(Transaction&&) noexcept = default;
Transaction::~Transaction() = default;

void Transaction::send(Queue& queue, Message message, const SendOptions& options) {
  impl_->send({queue.impl_}, std::move(message), options);
}

void Transaction::send(std::string_view queue, Message message, const SendOptions& options) {
  impl_->send({impl_->open(queue)}, std::move(message), options);
}

std::size_t Transaction::send_to_topic(std::string_view topic, Message message,
                                       const SendOptions& options) {
  return impl_->send_to_topic(topic, std::move(message), options);
}

void Transaction::ack(Queue& queue, const Receipt& receipt) { impl_->ack(queue.impl_, receipt); }

Committed Transaction::commit() { return impl_->commit(); }

Transaction Root::transaction(const OpenedQueue& opened) {
  return Transaction(std::make_unique<Transaction::Impl>(impl_, opened));
}

std::vector<Placed> Root::send_to_topic(std::string_view topic, Message message,
                                        const SendOptions& options) {
  Transaction one = transaction();
  one.send_to_topic(topic, std::move(message), options);
  return std::move(one.commit().sends.front());
}

}  // namespace spoolmq
