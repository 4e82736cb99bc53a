#pragma once
// What operators did and how messages died, one JSON line each, in ROOT/history/QUEUE.log; rotated
// at 8 MiB, four old ones kept. Written without a sync: it explains, it does not decide.
// Lines of several processes never mix: a record lock covers each append. Thread-safe.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/file_system.h"
#include "spoolmq/id.h"

namespace spoolmq {

class History {
 public:
  History(std::shared_ptr<Dir> root, std::string queue_name, const Clock& clock);

  struct Event {
    std::string_view act;     // "requeue" "delete" "hold" "dead" "acked" …
    MessageId id;             // nil: the whole queue
    std::string_view reason;  // may be empty
    std::int64_t deliveries = 0;
    std::int64_t failures = 0;
  };
  // A history that cannot be written is logged and does not stop the work.
  void tell(const Event& event);
  // The lines that speak of `id`, oldest first, at most 1,000.
  std::vector<std::string> of(const MessageId& id);

 private:
  void append(const std::string& line);
  std::string file_name(int age) const;

  std::shared_ptr<Dir> root_;
  const std::string queue_;
  const Clock& clock_;
};

}  // namespace spoolmq
