#pragma once
// The slots of `handles`: which processes have this queue open, whether each still lives (its slot
// byte is locked), and what a reaper must know of it (layout.h has the bytes).
//
// A slot is taken only under byte 0 of `lock`, and a dead one reaped only under byte 0 by whoever
// holds the dead slot's byte. The owner alone writes its own record; fields that others read while
// it lives are 8 bytes, written whole. The publish and flag functions may be called from any
// thread; everything else is called under byte 0.

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/file_system.h"
#include "store/layout.h"

namespace spoolmq {

class HandleTable {
 public:
  explicit HandleTable(std::unique_ptr<File> file);

  struct Slot {
    std::uint32_t number = 0;
    layout::HandleRecord record;
  };

  // Where the files of their own are of whoever has that slot.
  static std::uint8_t shard_of(std::uint32_t slot) { return static_cast<std::uint8_t>(slot); }
  // Every slot below `high_water` with an incarnation, our own included.
  std::vector<Slot> read(std::uint32_t high_water);
  layout::HandleRecord read_one(std::uint32_t slot);
  // Whether another handle holds that slot's byte. Our own slot: true.
  bool is_alive(std::uint32_t slot);

  // Under byte 0: locks a free or dead slot, calls `reap` with what a dead incarnation left there,
  // then writes `record`. Returns the new high water. Throws Error(kOsResource) if all are taken.
  std::uint32_t take(std::uint32_t high_water, layout::HandleRecord record,
                     const std::function<void(const Slot&)>& reap);
  // Under byte 0: locks the dead slot's byte, calls `reap`, unlocks. The record stays: once what
  // `reap` did is committed, and still under byte 0, clear_reaped() is due.
  // False if the slot turned out to be alive, or was reaped by someone else.
  bool reap(std::uint32_t slot, const std::function<void(const Slot&)>& reap);
  void clear_reaped(std::uint32_t slot, std::uint64_t incarnation);
  // Under byte 0, at an orderly close: clears our record and unlocks.
  void give_back();

  [[nodiscard]] bool owns_slot() const { return own_.has_value(); }
  [[nodiscard]] std::uint32_t own_slot() const { return *own_; }
  [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }
  layout::HandleRecord own();

  // What this handle tells the others; each is one small write.
  void publish_segment(const MessageId& segment, std::uint64_t durable_end,
                       std::uint64_t indexed_end);
  void publish_durable_end(std::uint64_t durable_end);
  void publish_indexed_end(std::uint64_t indexed_end);
  void publish_singles_begun(std::uint64_t count);
  void publish_singles_indexed(std::uint64_t count);
  void publish_acks_durable(std::uint16_t count);
  void set_flag(layout::HandleFlags flag);
  void clear_flag(layout::HandleFlags flag);

  // Under byte 0: another handle's records were indexed up to here (a hint; the index decides).
  void write_indexed_end_of(std::uint32_t slot, std::uint64_t indexed_end);
  // Likewise, of any handle's early acknowledgements.
  void write_acks_indexed_of(std::uint32_t slot, std::uint16_t count);

  File& file() { return *file_; }
  void abandon_after_fork();

 private:
  void write_record(std::uint32_t slot, const layout::HandleRecord& record);
  void write_field(std::size_t offset, std::uint64_t value);
  void write_flags();

  std::unique_ptr<File> file_;
  std::optional<std::uint32_t> own_;
  std::uint64_t incarnation_ = 0;
  std::mutex mutex_;  // guards record_, our own slot's content
  layout::HandleRecord record_;
};

}  // namespace spoolmq
