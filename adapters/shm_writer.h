#pragma once
// A producer's side of a segment: messages go in as there is room, and come back, each with its
// verdict, once the consumer freed their entries. What a former run left there unfreed is
// recognised by its id, and not put a second time.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "adapters/shm_side.h"
#include "spoolmq/id.h"

namespace spoolmq::adapters {

class ShmWriter final : public ShmSide {
 public:
  ShmWriter(const ShmSettings& settings, const Clock& clock);
  ~ShmWriter() override;

  struct Freed {
    MessageId id;
    std::uint32_t verdict = 0;  // an exit code
  };
  [[nodiscard]] std::uint32_t most_body_bytes() const { return segment_.shape().most_body_bytes(); }
  // `body` is within most_body_bytes().
  void put(const MessageId& id, std::string body, std::uint16_t priority);
  // nullopt: none is freed that was not told. Throws what the thread met.
  std::optional<Freed> next_freed();

 private:
  struct Waiting {
    MessageId id;
    std::string body;
    std::uint16_t priority = 0;
  };
  struct Done {
    std::deque<Freed> freed;
    bool has_put = false;
  };
  void round() override;
  void find_left(const ShmRing::Counts& counts);
  void collect(const ShmRing::Counts& counts, Done& done);
  void put_waiting(ShmRing::Counts counts, Done& done);

  std::map<MessageId, std::uint64_t> left_;       // of the thread: put by a former run
  std::map<std::uint64_t, MessageId> under_way_;  // likewise: put and not freed, by number
  bool has_looked_ = false;                       // likewise: for those
  std::uint64_t freed_ = 0;                       // likewise: at the last look
  std::deque<Waiting> waiting_;                   // guarded by mutex_, as is the next
  std::deque<Freed> done_;
};

}  // namespace spoolmq::adapters
