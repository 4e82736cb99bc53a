#include "cli/record_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace spoolmq::cli {
namespace {

// Hands its bytes out `step` at a time; would wait whenever `waits`.
struct Bytes {
  std::string left;
  std::size_t step = 1000;
  bool waits = false;

  RecordReader::Source source() {
    return {[this](std::span<char> into) {
              const std::size_t count = left.copy(into.data(), std::min(step, into.size()));
              left.erase(0, count);
              return count;
            },
            [this] { return waits; }};
  }
};

std::vector<std::string> all(RecordReader& reader) {
  std::vector<std::string> records;
  std::string record;
  while (true) {
    const Next next = reader.next(record, Patience::kWait);
    if (next == Next::kEnd) return records;
    if (next == Next::kLong) {
      char piece[3];
      while (const std::size_t count = reader.read_rest(piece)) record.append(piece, count);
      record += '!';
    }
    records.push_back(record);
  }
}

TEST(RecordReader, CutsAtTheEndByteHoweverTheBytesArrive) {
  struct Case {
    std::string bytes;
    std::vector<std::string> records;
  };
  const std::vector<Case> cases = {
      {"", {}},
      {"a", {"a"}},
      {"a\n", {"a"}},
      {"a\nb", {"a", "b"}},
      {"\n\na\n", {"", "", "a"}},
      {"a\r\nb\r\n", {"a\r", "b\r"}},
      {std::string("x\0y\n", 4), {std::string("x\0y", 3)}},
      {"12345\n", {"12345"}},
      {"12345", {"12345"}},
      {"123456\nz\n", {"123456!", "z"}},
      {"1234567890\n\nz", {"1234567890!", "", "z"}},
      {"1234567", {"1234567!"}},
  };
  for (const Case& c : cases) {
    for (std::size_t step = 1; step <= c.bytes.size() + 1; ++step) {
      Bytes bytes{c.bytes, step};
      RecordReader reader(bytes.source(), '\n', 5);
      EXPECT_EQ(all(reader), c.records) << c.bytes << " in steps of " << step;
    }
  }
}

TEST(RecordReader, ReadsNulTerminatedRecords) {
  Bytes bytes{std::string("a\nb\0c\0", 6)};
  RecordReader reader(bytes.source(), '\0', 100);
  EXPECT_EQ(all(reader), (std::vector<std::string>{"a\nb", "c"}));
}

TEST(RecordReader, SaysNotYetInsteadOfWaiting) {
  Bytes bytes{"a\nb"};
  RecordReader reader(bytes.source(), '\n', 100);
  std::string record;
  EXPECT_EQ(reader.next(record, Patience::kWait), Next::kRecord);
  bytes.waits = true;
  EXPECT_EQ(reader.next(record, Patience::kNoWait), Next::kNotYet);
  bytes.left = "c\nd\n";
  bytes.waits = false;
  EXPECT_EQ(reader.next(record, Patience::kNoWait), Next::kRecord);
  EXPECT_EQ(record, "bc");
  bytes.waits = true;  // what is at hand needs no patience
  EXPECT_EQ(reader.next(record, Patience::kNoWait), Next::kRecord);
  EXPECT_EQ(record, "d");
}

}  // namespace
}  // namespace spoolmq::cli
