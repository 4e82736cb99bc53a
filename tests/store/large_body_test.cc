// Bodies larger than body-inline: streamed in, kept in a file of their own, streamed out verified.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

constexpr std::int64_t kInline = 1000;

Settings small_inline(BodyCheck check = BodyCheck::kNone) {
  Settings settings;
  settings.body_inline = kInline;
  settings.check = check;
  return settings;
}

std::string pattern(std::size_t length) {
  std::string bytes(length, '\0');
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<char>((i * 7 + i / 251) & 0xff);
  return bytes;
}

// Hands out `bytes` in pieces of at most `piece`.
BodySource source_of(std::string bytes, std::size_t piece) {
  return [bytes = std::move(bytes), piece, at = std::size_t{0}](std::span<char> into) mutable {
    const std::size_t count = bytes.copy(into.data(), std::min(into.size(), piece), at);
    at += count;
    return count;
  };
}

std::size_t bodies(StoreWorld& world) {
  std::size_t found = 0;
  for (const std::string& file : world.spool_files()) found += file.ends_with(".body") ? 1U : 0U;
  return found;
}

TEST(LargeBody, StreamsInAndOutByteForByte) {
  StoreWorld world(small_inline());
  const std::string whole = pattern(300'000);
  const SendResult sent = world.queue().send_stream({}, source_of(whole, 777));
  auto delivery = world.queue().receive();
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->message().id, sent.id);
  EXPECT_TRUE(delivery->message().body.empty());
  EXPECT_EQ(delivery->message().body_size(), whole.size());
  EXPECT_EQ(body_of(*delivery), whole);
  EXPECT_EQ(world.queue().status(sent.id)->size, whole.size());
  delivery->ack();
  world.queue().maintain();
  EXPECT_TRUE(world.spool_files().empty());
}

TEST(LargeBody, IsReadToItsEndByFsck) {
  StoreWorld world(small_inline());
  const MessageId id = world.queue().send_stream({}, source_of(pattern(30'000), 777)).id;
  EXPECT_TRUE(world.queue().fsck(FsckMode::kLook).empty());
  for (const std::string& name : world.spool_files()) {
    if (!name.ends_with(".body")) continue;
    const std::size_t slash = name.find('/');
    const std::unique_ptr<Dir> shard =
        world.queue_dir()->open_dir("msgs")->open_dir(name.substr(0, slash));
    const std::byte wrong{0x5a};
    shard->open(name.substr(slash + 1), Access::kReadWrite)->write_at({&wrong, 1}, 29'000);
  }
  const std::vector<FsckFinding> found = world.queue().fsck(FsckMode::kLook);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].where, id.text());
  EXPECT_FALSE(found[0].repaired);
  EXPECT_TRUE(world.queue().fsck(FsckMode::kRepair).at(0).repaired);
  EXPECT_EQ(count(world.queue(), State::kCorrupt), 1);
}

TEST(LargeBody, GoesInlineWhereItFits) {
  StoreWorld world(small_inline());
  for (const std::int64_t length : {std::int64_t{0}, std::int64_t{1}, kInline - 1, kInline}) {
    const std::string whole = pattern(static_cast<std::size_t>(length));
    world.queue().send_stream({}, source_of(whole, 64));
    auto delivery = world.queue().receive();
    ASSERT_TRUE(delivery);
    EXPECT_FALSE(delivery->message().large_body);
    EXPECT_EQ(delivery->message().body, whole);
    delivery->ack();
  }
  EXPECT_EQ(bodies(world), 0U);
}

TEST(LargeBody, LeavesTheRecordAtOneByteMore) {
  StoreWorld world(small_inline());
  const std::string whole = pattern(kInline + 1);
  world.queue().send(text(whole));
  EXPECT_EQ(bodies(world), 1U);
  EXPECT_EQ(drain(world.queue()), std::vector<std::string>{whole});
}

TEST(LargeBody, StandsInABatchBetweenSmallOnes) {
  StoreWorld world(small_inline());
  const std::string whole = pattern(5000);
  world.queue().send_batch({text("before"), text(whole), text("after")});
  std::vector<std::string> got = drain(world.queue());
  EXPECT_EQ(got, (std::vector<std::string>{"before", whole, "after"}));
}

TEST(LargeBody, WorksInXmlToo) {
  Settings settings = small_inline();
  settings.format = Format::kXml;
  StoreWorld world(settings);
  const std::string whole = pattern(5000);
  world.queue().send_stream({}, source_of(whole, 4096));
  EXPECT_EQ(bodies(world), 1U);
  EXPECT_EQ(drain(world.queue()), std::vector<std::string>{whole});
}

TEST(LargeBody, WorksUnderAForeignId) {
  StoreWorld world(small_inline());
  Message message;
  message.id = some_id(5);
  const std::string whole = pattern(5000);
  EXPECT_EQ(world.queue().send_stream(message, source_of(whole, 4096)).id, some_id(5));
  EXPECT_TRUE(world.queue().send_stream(message, source_of(whole, 100)).duplicate);
  EXPECT_EQ(drain(world.queue()), std::vector<std::string>{whole});
  world.queue().maintain();
  EXPECT_TRUE(world.spool_files().empty());
}

TEST(LargeBody, IsTakenFromAFile) {
  StoreWorld world(small_inline(), On::kDisk);
  const std::string whole = pattern(200'000);
  const std::string path = world.path() + "/body";
  std::ofstream(path, std::ios::binary) << whole;
  for (const BodyFile how : {BodyFile::kCopy, BodyFile::kTake}) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(descriptor, 0);
    world.queue().send_file({}, descriptor, how);
    ::close(descriptor);
  }
  std::filesystem::remove(path);  // it was given up: nobody writes to that file again
  std::ofstream(path, std::ios::binary) << "small";
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  world.queue().send_file({}, descriptor, BodyFile::kCopy);
  ::close(descriptor);
  EXPECT_EQ(drain(world.queue()), (std::vector<std::string>{whole, whole, "small"}));
}

TEST(LargeBody, LeavesNothingWhenItsSourceFails) {
  StoreWorld world(small_inline());
  int calls = 0;
  const BodySource failing = [&](std::span<char> into) -> std::size_t {
    if (++calls == 3) throw Error(ErrorCode::kIo, "read", "the source", "it broke");
    return into.size();
  };
  EXPECT_EQ(refusal([&] { world.queue().send_stream({}, failing); }), ErrorCode::kIo);
  EXPECT_TRUE(world.spool_files().empty());
  EXPECT_EQ(total(world.queue()), 0);
}

TEST(LargeBody, TellsTheReaderOfADamagedByte) {
  StoreWorld world(small_inline());
  world.queue().send(text(pattern(100'000)));
  for (const std::string& name : world.spool_files()) {
    if (!name.ends_with(".body")) continue;
    const auto shard = world.queue_dir()->open_dir("msgs")->open_dir(name.substr(0, 2));
    const auto file = shard->open(name.substr(3), Access::kReadWrite);
    file->write_at(as_bytes("!"), 54'321);
  }
  auto delivery = world.queue().receive();
  ASSERT_TRUE(delivery);
  EXPECT_EQ(refusal([&] { static_cast<void>(body_of(*delivery)); }), ErrorCode::kBadData);
}

TEST(LargeBody, CannotBeSentUncheckedIntoAQueueThatChecks) {
  StoreWorld world(small_inline(BodyCheck::kUtf8));
  EXPECT_EQ(refusal([&] { world.queue().send_stream({}, source_of(std::string(5000, 'x'), 100)); }),
            ErrorCode::kBadData);
  EXPECT_TRUE(world.spool_files().empty());
}

TEST(LargeBody, CountsWithAllItsBytesAgainstTheQueuesLimit) {
  Settings settings = small_inline();
  settings.max_bytes = 10'000;
  StoreWorld world(settings);
  EXPECT_EQ(
      refusal([&] { world.queue().send_stream({}, source_of(std::string(20'000, 'x'), 4096)); }),
      ErrorCode::kTryAgain);
  EXPECT_TRUE(world.spool_files().empty());
  EXPECT_EQ(world.queue().stats().reserved, 0);
}

}  // namespace
}  // namespace spoolmq::test
