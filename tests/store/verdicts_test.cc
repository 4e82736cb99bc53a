// verdicts.log with entries that verify and yet say what nobody writes.
#include "store/verdicts.h"

#include <gtest/gtest.h>

#include "core/checksum.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

template <typename T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// Appends one entry that verifies.
void append_entry(std::string& log, std::uint32_t kind, const std::string& payload) {
  const std::size_t begin = log.size();
  log += bytes_of(kind) + bytes_of(static_cast<std::uint32_t>(payload.size())) + payload;
  log += bytes_of(checksum(as_bytes(log).subspan(begin), begin + 1));
}

std::string message_payload(const MessageId& id, std::uint32_t state) {
  return bytes_of(id.bytes()) + bytes_of(state) + std::string(4 + 4 * 8, '\0') + "why";
}

class VerdictsLog : public ::testing::Test {
 protected:
  Verdicts::Known known() {
    dir.dir().create(names::kVerdicts, 0600, IfExists::kFail)->write_at(as_bytes(log), 0);
    return Verdicts(dir).load();
  }
  MemoryFileSystem disk;
  QueueDir dir{disk.root(), Settings{}};
  std::string log;
};

TEST_F(VerdictsLog, BelievesNoStateThatIsNoVerdict) {
  for (std::uint32_t state = 0; state < 300; ++state) {
    append_entry(log, 2, message_payload(some_id(static_cast<int>(state)), state));
  }
  const Verdicts::Known read = known();
  EXPECT_EQ(read.messages.size(), 4U);
  for (const int state : {1, 5, 6, 8}) EXPECT_TRUE(read.messages.contains(some_id(state)));
}

TEST_F(VerdictsLog, AcknowledgesNothingByRangesWithNothingInThem) {
  const std::string file = bytes_of(some_id(1).bytes());
  const std::uint64_t backwards[] = {200, 100, 300, 300};
  append_entry(log, 1, file);
  append_entry(log, 1, file + bytes_of(backwards));
  EXPECT_TRUE(known().acked.empty());
}

// The entry behind it is believed, whichever of its bytes was turned.
TEST_F(VerdictsLog, BelievesNoEntryWithATurnedByte) {
  const std::string file = bytes_of(some_id(1).bytes());
  const std::uint64_t range[] = {64, 128};
  std::string whole;
  append_entry(whole, 1, file + bytes_of(range));
  const std::size_t first = whole.size();
  append_entry(whole, 1, bytes_of(some_id(2).bytes()) + bytes_of(range));
  for (std::size_t at = 0; at < first; ++at) {
    log = whole;
    log[at] = static_cast<char>(log[at] ^ 1);
    const Verdicts::Known read = known();
    EXPECT_EQ(read.acked.size(), 1U) << at;
    EXPECT_TRUE(read.acked.contains(some_id(2))) << at;
    dir.dir().unlink(names::kVerdicts);
  }
}

}  // namespace
}  // namespace spoolmq::test
