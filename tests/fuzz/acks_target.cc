// The file of early acknowledgements, as somebody hostile or a disk may leave it: what verifies is
// read, each entry once, wherever a reader begins.

#include <algorithm>

#include "store/ack_log.h"
#include "tests/fuzz/target.h"
#include "tests/support/memory_file_system.h"

namespace spoolmq::fuzz {

void acks(std::string_view input) {
  constexpr std::uint32_t kSlot = 3;
  test::MemoryFileSystem twin;
  const std::unique_ptr<Dir> dir = twin.root();
  const std::string name = names::acks_file(kSlot);
  SPOOLMQ_CHECK(names::is_acks_file(name));
  const std::unique_ptr<File> file = dir->create(name, 0600, IfExists::kFail);
  file->write_at(as_bytes(input), 0);
  const std::vector<AckLog::Entry> all = AckLog::read_all(*file);
  SPOOLMQ_CHECK(all.size() <=
                std::min<std::uint64_t>(input.size() / AckLog::kEntryBytes, AckLog::kEntries));
  SPOOLMQ_CHECK(AckLog::read(*dir, kSlot, 0, AckLog::kEntries) == all);
  Choices choices(input);
  const std::uint64_t number = std::uint64_t{choices.below(255)} * 257;
  const std::uint64_t count = choices.below(255);
  const std::vector<AckLog::Entry> some = AckLog::read(*dir, kSlot, number, count);
  SPOOLMQ_CHECK(some.size() <= count);
  for (const AckLog::Entry& one : some) SPOOLMQ_CHECK(std::ranges::count(all, one) > 0);
  const std::vector<AckLog::Entry> round = AckLog::read(*dir, kSlot, number, UINT64_MAX);
  SPOOLMQ_CHECK(
      std::ranges::is_permutation(round, all, {}, &AckLog::Entry::offset, &AckLog::Entry::offset));
}

}  // namespace spoolmq::fuzz
