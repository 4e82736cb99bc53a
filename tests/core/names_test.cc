#include "core/names.h"

#include <gtest/gtest.h>

#include <string>

#include "spoolmq/error.h"

namespace spoolmq::names {
namespace {

constexpr std::string_view kIdText = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

TEST(QueueName, AcceptsSegments) {
  const std::string longest(kMaxQueueNameBytes, 'q');
  for (const std::string_view name :
       {std::string_view("orders"), std::string_view("0"), std::string_view("a/b/c"),
        std::string_view("A.b_c-d"), std::string_view("process/NAME-"),
        std::string_view(longest)}) {
    EXPECT_EQ(refuse_queue_name(name), std::nullopt) << name;
  }
}

TEST(QueueName, RefusesWhatCouldLeaveOrHideInTheRoot) {
  const std::string too_long(kMaxQueueNameBytes + 1, 'q');
  for (const std::string_view name :
       {std::string_view(""),     std::string_view("/"),       std::string_view("/a"),
        std::string_view("a/"),   std::string_view("a//b"),    std::string_view("."),
        std::string_view(".."),   std::string_view("a/.."),    std::string_view("../a"),
        std::string_view(".a"),   std::string_view("-a"),      std::string_view("_a"),
        std::string_view("a/-b"), std::string_view("a b"),     std::string_view("a%2Fb"),
        std::string_view("a\nb"), std::string_view("a\0b", 3), std::string_view("\xc3\xa4"),
        std::string_view("a:b"),  std::string_view(too_long)}) {
    const auto why = refuse_queue_name(name);
    ASSERT_TRUE(why) << name;
    EXPECT_FALSE(why->empty());
    EXPECT_EQ(why->find('\n'), std::string::npos);
  }
}

TEST(QueueDirectory, WritesSlashesAsPercent2F) {
  EXPECT_EQ(queue_directory("orders"), "orders");
  EXPECT_EQ(queue_directory("a/b.c/d"), "a%2Fb.c%2Fd");
  EXPECT_EQ(queue_of_directory("a%2Fb.c%2Fd"), "a/b.c/d");
  EXPECT_EQ(queue_of_directory("orders"), "orders");
}

TEST(QueueDirectory, OfANameThatIsRefusedIsABug) { EXPECT_THROW(queue_directory("../a"), Error); }

TEST(QueueDirectory, IsNoLongerThanAFileNameMayBe) {
  std::string name;
  while (name.size() + 2 < kMaxQueueNameBytes) name += "a/";
  name += "ab";
  ASSERT_EQ(name.size(), kMaxQueueNameBytes);
  EXPECT_LE(queue_directory(name).size(), 255u);  // NAME_MAX
  EXPECT_EQ(queue_of_directory(queue_directory(name)), name);
}

TEST(QueueDirectory, KnowsNoOtherSpelling) {
  for (const std::string_view name : {"", "a/b", "a%2fb", "%2Fa", "a%2F", "a%2F%2Fb", "a%41", "a%",
                                      "a%2", ".tmp", "..", "lost+found", "a b"}) {
    EXPECT_EQ(queue_of_directory(name), std::nullopt) << name;
  }
}

TEST(SpoolFile, IsNamedByItsIdAndKind) {
  const MessageId id = MessageId::parse(kIdText).value();
  EXPECT_EQ(spool_file(id, SpoolKind::kXml), std::string(kIdText) + ".xml");
  EXPECT_EQ(spool_file(id, SpoolKind::kBinary), std::string(kIdText) + ".seg");
  EXPECT_EQ(spool_file(id, SpoolKind::kBody), std::string(kIdText) + ".body");
  for (const auto kind : {SpoolKind::kXml, SpoolKind::kBinary, SpoolKind::kBody}) {
    const auto parsed = parse_spool_file(spool_file(id, kind));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->file, id);
    EXPECT_EQ(parsed->kind, kind);
  }
}

TEST(SpoolFile, KnowsNoOtherSpelling) {
  const std::string name = std::string(kIdText) + ".body";
  for (std::size_t length = 0; length < name.size(); ++length) {
    EXPECT_FALSE(parse_spool_file(name.substr(0, length))) << length;
  }
  for (const std::string_view other :
       {"017F22E2-79B0-7CC3-98C4-DC0C0C07398F.xml", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f.XML",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f.xml~", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f.tmp",
        ".017f22e2-79b0-7cc3-98c4-dc0c0c07398f.xml", "queue.toml"}) {
    EXPECT_FALSE(parse_spool_file(other)) << other;
  }
}

TEST(ShardDirectory, IsTwoHexDigits) {
  EXPECT_EQ(shard_directory(0), "00");
  EXPECT_EQ(shard_directory(0x0a), "0a");
  EXPECT_EQ(shard_directory(0xff), "ff");
}

TEST(Temporary, CarriesItsIncarnation) {
  EXPECT_EQ(temporary(0x1a, 2), ".tmp-000000000000001a-0000000000000002");
  EXPECT_EQ(parse_temporary(".tmp-000000000000001a-0000000000000002"), 0x1au);
  EXPECT_EQ(parse_temporary(temporary(UINT64_MAX, UINT64_MAX)), UINT64_MAX);
}

TEST(Temporary, KnowsNoOtherSpelling) {
  const std::string name = temporary(0xabcdef, 2);
  for (std::size_t length = 0; length < name.size(); ++length) {
    EXPECT_FALSE(parse_temporary(name.substr(0, length))) << length;
  }
  for (std::size_t at = 0; at < name.size(); ++at) {
    std::string other = name;
    other[at] = 'X';
    EXPECT_FALSE(parse_temporary(other)) << other;
  }
  EXPECT_FALSE(parse_temporary(name + "0"));
  EXPECT_FALSE(parse_temporary(".tmp-0000000000ABCDEF-0000000000000002"));
}

TEST(IndexFile, IsNamedByItsGeneration) {
  EXPECT_EQ(index_file(0), "index.0.db");
  EXPECT_EQ(index_file(17), "index.17.db");
  for (const std::uint64_t generation : {std::uint64_t{0}, std::uint64_t{17}, UINT64_MAX}) {
    for (const std::string_view suffix : {"", "-wal", "-shm"}) {
      EXPECT_EQ(parse_index_file(index_file(generation).append(suffix)), generation);
    }
  }
}

TEST(IndexFile, KnowsNoOtherSpelling) {
  for (const std::string_view name :
       {"", "index.db", "index..db", "index.01.db", "index.-1.db", "index.+1.db",
        "index.1.db-wal-shm", "index.1.db-shm-wal", "index.1.db-journal", "index.1", "index.1db",
        "index.1 .db", "xindex.1.db", "index.18446744073709551616.db", "index.1.db.bad", "-wal"}) {
    EXPECT_EQ(parse_index_file(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace spoolmq::names
