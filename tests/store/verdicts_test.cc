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

}  // namespace
}  // namespace spoolmq::test
