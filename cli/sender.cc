#include "cli/sender.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "cli/json_output.h"
#include "cli/streams.h"
#include "core/clock.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr std::size_t kBatchMessages = 256;
constexpr std::size_t kBatchBytes = 1 << 20;
constexpr std::size_t kMaxAwaited = 65'536;  // ids that --wait keeps before it waits for them

}  // namespace

Message SendPlan::message(std::string body) const {
  Message message = pattern;
  message.body = std::move(body);
  const std::int64_t now_ms = SystemClock().wall_ms();
  if (delay && delay->count() > 0) message.not_before_ms = now_ms + delay->count();
  if (ttl) message.expires_at_ms = now_ms + ttl->count();
  return message;
}

Sender::Sender(Context& context, Queue queue, SendPlan plan)
    : context_(context),
      queue_(std::move(queue)),
      settings_(queue_.settings()),
      plan_(std::move(plan)) {}

int Sender::send_body(std::string body) {
  report(send_one(std::move(body)));
  return settle();
}

int Sender::send_input(Input& input) {
  if (input.file_size() > settings_.body_inline) {
    report(queue_.send_file(plan_.message({}), input.descriptor(), BodyFile::kCopy, plan_.options));
    return settle();
  }
  std::string start = read_up_to(input, inline_limit() + 1);
  if (start.size() <= inline_limit()) return send_body(std::move(start));
  report(stream(start, [&input](std::span<char> into) { return input.read(into); }));
  return settle();
}

// Ids that were printed stay true whatever becomes of the rest.
int Sender::send_records(RecordReader& reader) {
  try {
    read_records(reader);
  } catch (const Error& error) {
    const bool doubtful = error.code() == ErrorCode::kIo || error.code() == ErrorCode::kInternal;
    if (sent_ == 0 || doubtful) throw;
    complain(std::string(error.what()) + " (after " + std::to_string(sent_) + " messages)");
    return kPartly;
  }
  return settle();
}

std::size_t Sender::inline_limit() const {
  return static_cast<std::size_t>(std::max<std::int64_t>(settings_.body_inline, 0));
}

SendResult Sender::send_one(std::string body) {
  if (body.size() > inline_limit()) return stream(body, [](std::span<char>) { return 0U; });
  return queue_.send_checked(plan_.message(std::move(body)), plan_.options);
}

SendResult Sender::stream(std::string_view start, const BodySource& rest) {
  return queue_.send_stream(
      plan_.message({}),
      [&start, &rest](std::span<char> into) {
        if (start.empty()) return rest(into);
        const std::size_t count = start.copy(into.data(), into.size());
        start.remove_prefix(count);
        return count;
      },
      plan_.options);
}

void Sender::read_records(RecordReader& reader) {
  std::string record;
  while (true) {
    // What is at hand is sent before anybody waits for more.
    const Patience patience = batch_.empty() ? Patience::kWait : Patience::kNoWait;
    switch (reader.next(record, patience)) {
      case Next::kRecord:
        add_to_batch(std::move(record));
        break;
      case Next::kLong:
        send_batch();
        report(stream(record, [&reader](std::span<char> into) { return reader.read_rest(into); }));
        break;
      case Next::kNotYet:
        send_batch();
        break;
      case Next::kEnd:
        send_batch();
        return;
    }
  }
}

bool Sender::bounded() const {
  return settings_.capacity != kUnbounded || settings_.max_bytes != kUnbounded;
}

// A batch that can never fit into a bounded queue would wait for ever.
bool Sender::batch_is_full() const {
  std::size_t messages = kBatchMessages;
  std::size_t bytes = kBatchBytes;
  if (settings_.capacity != kUnbounded) {
    messages = std::min(messages, static_cast<std::size_t>(settings_.capacity));
  }
  if (settings_.max_bytes != kUnbounded) {
    bytes = std::min(bytes, static_cast<std::size_t>(settings_.max_bytes) / 2);
  }
  return batch_.size() >= messages || batch_bytes_ >= bytes;
}

void Sender::add_to_batch(std::string body) {
  batch_bytes_ += body.size();
  batch_.push_back(plan_.message(std::move(body)));
  if (batch_is_full()) send_batch();
}

void Sender::send_batch() {
  if (batch_.empty()) return;
  std::vector<Message> batch = std::exchange(batch_, {});
  batch_bytes_ = 0;
  if (!bounded() || batch.size() == 1) {
    report_all(queue_.send_batch(std::move(batch), plan_.options));
    return;
  }
  try {
    report_all(queue_.send_batch(batch, plan_.options));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kTryAgain) throw;
    // Nothing of it was accepted: as many as there is room for.
    for (Message& message : batch) {
      report(queue_.send_checked(std::move(message), plan_.options));
    }
  }
}

void Sender::put_result(const SendResult& result) {
  if (context_.json) {
    put_line(json_line({{"id", result.id.text()}, {"duplicate", result.duplicate}}));
  } else {
    put_line(result.id.text());
  }
  ++sent_;
  if (plan_.waits) awaited_.push_back(result.id);
}

void Sender::report_all(std::span<const SendResult> results) {
  for (const SendResult& result : results) put_result(result);
  settle_out();
  if (awaited_.size() >= kMaxAwaited) wait_for_all();
}

void Sender::wait_for_all() {
  const auto start = std::chrono::steady_clock::now();
  for (const MessageId& id : std::exchange(awaited_, {})) {
    std::optional<Milliseconds> left = plan_.options.timeout;
    if (left) {
      const auto gone =
          std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - start);
      left = std::max(Milliseconds{0}, *left - gone);
    }
    const Settled settled = queue_.wait_settled(id, left);
    timed_out_ |= settled == Settled::kTimeout;
    died_ |= settled == Settled::kDead;
    if (settled == Settled::kAcked) continue;
    put_word(context_, "spoolmq: wait: " + id.text() + ": " +
                           (settled == Settled::kDead ? "it went dead"
                                                      : "not acknowledged in time; it stays"));
  }
}

int Sender::settle() {
  wait_for_all();
  if (died_) return kPartly;
  return timed_out_ ? kNothing : kDone;
}

}  // namespace spoolmq::cli
