#pragma once
// Turns the messages of a queue into files of a directory, in the order of delivery, round by
// round. A file appears under its name complete and synced, or not at all; its message is
// acknowledged after that is durable. A message that comes again because a round was cut short does
// not appear twice (export_identity.h, export_append_identity.h).
// Where the target refuses (full, read-only, gone), a round throws Error; its messages are in the
// queue again, without a failure counted.
// Not thread-safe, but for *interrupted; passes of several processes may run at the same time.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "adapters/export_settings.h"
#include "adapters/export_writer.h"
#include "adapters/identity_database.h"
#include "core/clock.h"
#include "core/file_system.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

struct ExportReport {
  std::size_t exported = 0;
  std::uint64_t bytes = 0;  // of those
  std::size_t skipped = 0;
  std::size_t left = 0;  // each time anew
  std::size_t bad = 0;   // damaged in the queue; nacked
  bool stopped = false;  // too many were left: the rest was not tried
};

// Any of them may be empty.
struct ExportReactions {
  // After the message is acknowledged.
  std::function<void(const MessageId& id, const std::string& name, std::uint64_t size)> on_exported;
  // Of what was left or is bad, once per message.
  std::function<void(const MessageId& id, const std::string& name, std::string_view why)> on_left;
};

// Where an export works; all of it outlives the pass.
struct ExportPlace {
  Queue& queue;
  Dir& target;
  IdentityDatabase& identities;
  const Clock& clock;
  const std::atomic<bool>* interrupted = nullptr;  // set: a round that waits or copies ends soon
};

class ExportPass {
 public:
  // Removes what earlier passes left of messages that are gone. Throws Error(kUsage) where there is
  // no group of that name.
  ExportPass(const ExportPlace& place, const ExportSettings& settings,
             const ExportReactions& reactions, ExportReport& report);
  ~ExportPass();  // what was left goes back to the queue

  enum class Round : std::uint8_t {
    kMoved,
    kEmpty,        // no message came within `wait`
    kInterrupted,  // its messages are in the queue again
    kStopped,      // the limit is reached, or kMaxLeft messages are held
  };
  Round round(Milliseconds wait);
  // Of the messages that cannot be exported, those held for so long go back to the queue.
  void release_left(Milliseconds held_for);
  [[nodiscard]] std::size_t holding() const { return left_.size(); }
  // Nothing is to do: what is remembered of acknowledged messages goes.
  void idle();

 private:
  struct Left {
    Receipt receipt;
    std::int64_t since_boot_ms = 0;
  };
  [[nodiscard]] std::size_t round_size();
  [[nodiscard]] bool is_interrupted() const;
  void renew(std::span<const ExportItem> items);
  void settle(std::span<ExportItem> items);
  void report_done(const ExportItem& item, LeaseOutcome outcome);
  void put_back(ExportItem& item);
  void tell(const ExportItem& item);

  const ExportPlace place_;
  const ExportSettings& settings_;
  const ExportReactions& reactions_;
  ExportReport& report_;
  const std::int64_t renew_after_ms_;
  std::unique_ptr<ExportWriter> writer_;
  std::vector<Left> left_;  // leased, so that they do not come again at once
  std::int64_t renewed_boot_ms_;
  std::size_t round_messages_;  // of the next round at most
  std::unordered_set<MessageId> told_;
};

// One pass: until the queue has none, the limit is reached, or too many were left.
ExportReport export_pass(const ExportPlace& place, const ExportSettings& settings,
                         const ExportReactions& reactions = {});

}  // namespace spoolmq::adapters
