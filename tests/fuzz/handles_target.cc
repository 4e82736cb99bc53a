// `handles` and the header of `lock`, as another process may have left them: read within their
// limits, and what this process writes there is read as it was written, beside what it does not
// own.

#include "core/clock.h"
#include "store/handle_table.h"
#include "store/writer_lock.h"
#include "tests/fuzz/target.h"
#include "tests/support/memory_file_system.h"

namespace spoolmq::fuzz {
namespace {

using layout::HandleRecord;

constexpr std::uint32_t kSlots = 40;
constexpr std::size_t kWholeHeader = 40;  // bytes; the header of a shorter `lock` says nothing

bool is_equal(const HandleRecord& a, const HandleRecord& b) {
  return a.incarnation == b.incarnation && a.pid == b.pid && a.uid == b.uid &&
         a.opened_at_ms == b.opened_at_ms && a.acks_durable == b.acks_durable &&
         a.acks_indexed == b.acks_indexed && a.flags == b.flags && a.segment == b.segment &&
         a.durable_end == b.durable_end && a.indexed_end == b.indexed_end &&
         a.singles_begun == b.singles_begun && a.singles_indexed == b.singles_indexed &&
         a.name == b.name && a.host == b.host;
}

void check_slots(HandleTable& table, const std::vector<HandleTable::Slot>& slots) {
  std::int64_t last = -1;
  for (const HandleTable::Slot& slot : slots) {
    SPOOLMQ_CHECK(slot.number > last && slot.number < kSlots);
    last = slot.number;
    SPOOLMQ_CHECK(slot.record.incarnation != 0);
    SPOOLMQ_CHECK(slot.record.name.size() <= 24 && slot.record.host.size() <= 24);
    SPOOLMQ_CHECK(is_equal(slot.record, table.read_one(slot.number)));
  }
}

void check_table(Dir& dir, std::string_view input) {
  dir.create("handles", 0600, IfExists::kFail)->write_at(as_bytes(input), 0);
  HandleTable table(dir.open("handles", Access::kReadWrite));
  const auto before = table.read(kSlots);
  check_slots(table, before);

  HandleRecord record;
  record.incarnation = 77;
  record.pid = 4711;
  record.name = "fuzz";
  // A torn last record is no slot to others, but whoever takes the slot reaps what is there.
  const bool had_first = !before.empty() && before.front().number == 0;
  const HandleRecord first = table.read_one(0);
  bool reaped = false;
  const std::uint32_t high = table.take(kSlots, record, [&](const HandleTable::Slot& former) {
    SPOOLMQ_CHECK(former.number == 0 && is_equal(former.record, first));
    reaped = true;
  });
  SPOOLMQ_CHECK(high == kSlots && table.own_slot() == 0);
  SPOOLMQ_CHECK(reaped == (first.incarnation != 0));
  table.publish_segment(MessageId(), 800, 400);
  table.set_flag(layout::kWaiting);
  SPOOLMQ_CHECK(is_equal(table.read_one(0), table.own()));
  SPOOLMQ_CHECK(table.own().durable_end == 800 && table.own().flags == layout::kWaiting);

  // The others are as they were.
  const auto after = table.read(kSlots);
  check_slots(table, after);
  SPOOLMQ_CHECK(after.size() == before.size() + (had_first ? 0 : 1));
  for (std::size_t i = 1; i < after.size(); ++i) {
    SPOOLMQ_CHECK(is_equal(after[i].record, before[had_first ? i : i - 1].record));
  }
  table.give_back();
  SPOOLMQ_CHECK(table.read_one(0).incarnation == 0);
}

void check_lock(Dir& dir, std::string_view input) {
  dir.create("lock", 0600, IfExists::kFail)->write_at(as_bytes(input), 0);
  const SystemClock clock;
  RequestBoard board;
  WriterLock lock(dir.open("lock", Access::kReadWrite), clock, "q", std::chrono::milliseconds{0},
                  board);
  layout::LockHeader header = lock.peek();
  SPOOLMQ_CHECK(header.slots <= layout::kMaxSlots);

  // Whoever waits in vain is told who has it, whatever stands there.
  {
    const auto other = dir.open("lock", Access::kReadWrite);
    SPOOLMQ_CHECK(other->try_lock(layout::kByteIndexWriter, 1, LockKind::kExclusive));
    SPOOLMQ_CHECK(is_refused([&] { static_cast<void>(lock.take(layout::Purpose::kSend)); }));
  }

  header.slots = kSlots;
  header.generation += 1;
  header.database_stamp += 1;
  auto hold = lock.take(layout::Purpose::kOpen);
  if (input.size() >= kWholeHeader) {
    SPOOLMQ_CHECK(hold.header().generation + 1 == header.generation);
  }
  hold.write_header(header);
  const layout::LockHeader read = lock.peek();
  SPOOLMQ_CHECK(read.slots == kSlots && read.generation == header.generation);
  SPOOLMQ_CHECK(read.transaction == header.transaction && read.flags == header.flags);
  SPOOLMQ_CHECK(read.settings_version == header.settings_version);
  SPOOLMQ_CHECK(read.database_stamp == header.database_stamp);
}

}  // namespace

void handles(std::string_view input) {
  test::MemoryFileSystem disk;
  const auto root = disk.root();
  check_table(*root, input);
  check_lock(*root, input);
}

}  // namespace spoolmq::fuzz
