#pragma once
// Brings back what was imported and then died in the queue: its body appears in the import's errors
// directory under the file's own name, with NAME.reason beside it (lines `key: value`), the reason
// first. A taken name gets a number. The message stays dead in the queue; requeued and dead again,
// it is brought back again.
//   temporaries of both written and synced → directory synced → row → NAME.reason → synced → NAME →
//   synced
// After a cut anywhere the next one goes on: no file appears twice. The rows are those of
// ExportIdentity, for the errors directory, which is no export's target; a row stays while its
// message is dead with those redrives.
// Costs one look at the queue's counters while the number of dead messages stays the same. Memory:
// 50 bytes per dead message. Throws Error; the next turn goes on. Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "adapters/export_identity.h"
#include "core/clock.h"
#include "core/file_system.h"
#include "spoolmq/queue.h"

namespace spoolmq::adapters {

inline constexpr std::string_view kSourceHeader = "source";

class DeadLetters {
 public:
  // Messages whose header `source` is `source`. All but it must outlive this.
  DeadLetters(Queue& queue, std::string source, Dir& errors, ExportIdentity& identity,
              const Clock& clock);

  struct Turn {
    std::size_t returned = 0;  // files that appeared
    bool more = false;         // there is more to do at once
  };
  // A bounded piece of work, but for a single large body; `keep_going` is asked between its pieces
  // (empty: to the end).
  Turn turn(const std::function<bool()>& keep_going = {});

 private:
  struct Letter {
    MessageStatus status;
    Message message;
    ExportRow row;
    bool is_recorded = false;
  };
  struct Looked {
    std::int64_t redrives = 0;
    std::uint64_t walk = 0;  // the last one that met it
  };

  void begin_walk(const StateCount& dead);
  void walk(Turn& turn, const std::function<bool()>& keep_going);
  void end_walk();
  void forget_gone();
  void remove_leftovers();
  // False: told to end.
  bool look_at(const MessageStatus& status, const std::function<bool()>& keep_going);
  bool write(Letter& letter, const std::function<bool()>& keep_going);
  void choose_name(Letter& letter);
  std::size_t place_all();
  void place_reason(Letter& letter);
  bool place_file(Letter& letter);
  void drop_batch();
  [[noreturn]] void refuse_name(const std::string& name) const;
  void undo(const ExportRow& row);
  void remember(const MessageStatus& status);
  [[nodiscard]] bool is_free(const std::string& name);
  [[nodiscard]] std::string reason_text(const Letter& letter) const;

  Queue& queue_;
  const std::string source_;
  Dir& errors_;
  ExportIdentity& identity_;
  const Clock& clock_;

  bool started_ = false;
  bool walking_ = false;
  std::uint64_t walk_ = 0;
  std::int64_t cursor_ = -1;          // of this walk: a sequence
  std::optional<StateCount> walked_;  // the counters that the last walk began with
  std::int64_t walk_anyway_boot_ms_ = 0;
  std::unordered_map<MessageId, Looked> looked_;  // dead ones that need nothing more
  std::vector<MessageId> gone_;                   // perhaps not dead any more: their rows may go
  std::size_t loads_ = 0;                         // of this turn
  std::vector<Letter> letters_;                   // of this batch
  std::uint64_t letter_bytes_ = 0;
  std::unordered_set<std::string> names_;  // of this batch
};

}  // namespace spoolmq::adapters
