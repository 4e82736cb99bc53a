// Tails: every message that is sent reaches each of them, once, in its sender's order, whatever the
// hot cache can or cannot tell.
#include "spoolmq/tail.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "store/hot_cache_layout.h"
#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using namespace std::chrono_literals;
using Source = TailMessage::Source;

// The file of that kind that belongs to the world's queue; empty: there is none.
std::string shared_file(StoreWorld& world, const std::string& kind) {
  const FileStatus status = world.queue_dir()->status();
  const std::string path = "/dev/shm/spoolmq-" + std::to_string(status.uid) + "/" + kind + "-" +
                           std::to_string(status.device) + "-" + std::to_string(status.inode);
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 ? path : std::string();
}

std::vector<std::string> bodies(Tail& tail) {
  std::vector<std::string> all;
  while (const TailMessage* message = tail.wait(Milliseconds{0})) all.emplace_back(message->body());
  return all;
}

std::vector<std::string> numbers(int from, int to) {
  std::vector<std::string> all;
  for (int i = from; i <= to; ++i) all.push_back(std::to_string(i));
  return all;
}

void send_numbers(Queue& queue, int from, int to, const SendOptions& options = {}) {
  for (int i = from; i <= to; ++i) queue.send(text(std::to_string(i)), options);
}

void send_batch(Queue& queue, int from, int to) {
  std::vector<Message> batch;
  for (int i = from; i <= to; ++i) batch.push_back(text(std::to_string(i)));
  queue.send_batch(std::move(batch));
}

// On disk with a hot cache, on disk without, and on the twin, which has no shared memory.
enum class Ring : std::uint8_t { kOn, kOff, kTwin };

class Tails : public ::testing::TestWithParam<Ring> {
 protected:
  static Settings settings() {
    Settings settings;
    settings.hot_cache = GetParam() == Ring::kOff ? 0 : 64 << 10;
    return settings;
  }
  static bool is_hot() { return GetParam() == Ring::kOn; }

  StoreWorld world_{settings(), GetParam() == Ring::kTwin ? On::kTwin : On::kDisk};
  Queue observer_ = world_.open();
};

TEST_P(Tails, TellWhatIsSentFromNowOnByEveryPath) {
  world_.queue().send(text("before"));
  Tail tail = observer_.tail();
  EXPECT_EQ(tail.is_hot(), is_hot());
  EXPECT_EQ(tail.poll(), nullptr);
  SendOptions xml;
  xml.format = Format::kXml;
  SendOptions os;
  os.durability = Durability::kOs;
  send_numbers(world_.queue(), 1, 3);
  send_numbers(world_.queue(), 4, 5, xml);
  send_batch(world_.queue(), 6, 9);
  send_numbers(world_.queue(), 10, 10, os);
  EXPECT_EQ(bodies(tail), numbers(1, 10));
  EXPECT_EQ(tail.counts().from_hot_cache, is_hot() ? 10U : 0U);
  EXPECT_EQ(tail.counts().gaps, 0U);
  EXPECT_EQ(count(observer_, State::kReady), 11);
}

TEST_P(Tails, ShowWholeMessages) {
  Tail tail = observer_.tail();
  Message sent = text("b\0dy");
  sent.headers = {{"site", "LYS"}, {"site", "CDG"}};
  sent.priority = 7;
  sent.order_key = "k";
  const MessageId id = world_.queue().send(sent);
  const TailMessage* const told = tail.wait(10s);
  ASSERT_NE(told, nullptr);
  EXPECT_EQ(told->id(), id);
  EXPECT_EQ(told->message(), *observer_.load(id));
  EXPECT_EQ(told->source(), is_hot() ? Source::kHotCache : Source::kDisk);
  EXPECT_EQ(told->file(), observer_.status(id)->file);
  EXPECT_EQ(tail.position(), id);
}

TEST_P(Tails, BeginWithTheOldestOrBehindAMessage) {
  send_numbers(world_.queue(), 1, 5);
  const MessageId third = everything(world_.queue())[2].id;
  TailOptions oldest;
  oldest.start = TailOptions::Start::kOldest;
  Tail all = observer_.tail(oldest);
  TailOptions after;
  after.after = third;
  Tail rest = observer_.tail(after);
  send_numbers(world_.queue(), 6, 8);
  EXPECT_EQ(bodies(all), numbers(1, 8));
  EXPECT_EQ(bodies(rest), numbers(4, 8));
}

TEST_P(Tails, GoOnBehindAMessageThatIsGone) {
  send_numbers(world_.queue(), 1, 3);
  const MessageId second = everything(world_.queue())[1].id;
  EXPECT_EQ(take(world_.queue()), "1");
  EXPECT_EQ(take(world_.queue()), "2");
  world_.clock().advance(5s);
  world_.queue().maintain();
  TailOptions after;
  after.after = second;
  Tail tail = observer_.tail(after);
  EXPECT_EQ(bodies(tail), numbers(3, 3));
}

// Lapped on purpose, several times over.
TEST_P(Tails, CatchUpFromDiskOnceAndInOrder) {
  Tail tail = observer_.tail();
  send_numbers(world_.queue(), 1, 20);
  std::vector<std::string> told;
  for (int i = 0; i < 10; ++i) told.emplace_back(tail.wait(10s)->body());
  for (int from = 21; from <= 2001; from += 180) send_batch(world_.queue(), from, from + 179);
  std::ranges::copy(bodies(tail), std::back_inserter(told));
  send_numbers(world_.queue(), 2181, 2200);
  std::ranges::copy(bodies(tail), std::back_inserter(told));
  EXPECT_EQ(told, numbers(1, 2200));
  if (is_hot()) {
    EXPECT_GE(tail.counts().gaps, 1U);
    EXPECT_GT(tail.counts().from_disk, 1000U);
  }
}

TEST_P(Tails, TellLargeBodiesByTheirFile) {
  Tail tail = observer_.tail();
  const std::vector<SettingText> smaller{{"body-inline", "4K"}};
  world_.queue().configure(smaller);
  world_.queue().send(text(std::string(10'000, 'x')));
  const TailMessage* const told = tail.wait(10s);
  ASSERT_NE(told, nullptr);
  ASSERT_TRUE(told->message().large_body);
  EXPECT_EQ(told->message().large_body->length, 10'000U);
  EXPECT_EQ(told->body(), "");
}

TEST_P(Tails, MarkWhatReceiversDoNotGetNow) {
  Tail tail = observer_.tail();
  Message later = text("later");
  later.not_before_ms = world_.clock().wall_ms() + 60'000;
  world_.queue().send(later);
  Message over = text("over");
  over.expires_at_ms = world_.clock().wall_ms() - 1;
  world_.queue().send(over);
  const TailMessage* told = tail.wait(10s);
  ASSERT_NE(told, nullptr);
  EXPECT_TRUE(told->is_delayed());
  EXPECT_FALSE(told->has_expired());
  told = tail.wait(10s);
  ASSERT_NE(told, nullptr);
  EXPECT_TRUE(told->has_expired());
  EXPECT_FALSE(told->is_delayed());
}

TEST_P(Tails, DoNotTellDuplicates) {
  Tail tail = observer_.tail();
  Message keyed = text("once");
  keyed.dedupe_key = "k";
  world_.queue().send(keyed);
  world_.queue().send(keyed);
  EXPECT_EQ(bodies(tail), std::vector<std::string>{"once"});
}

TEST_P(Tails, TellARequeuedMessageOnce) {
  Tail tail = observer_.tail();
  world_.clock().advance(1s);
  const MessageId id = world_.queue().send(text("one"));
  EXPECT_EQ(bodies(tail), std::vector<std::string>{"one"});
  world_.queue().receive()->reject("bad");
  world_.clock().advance(1s);
  EXPECT_EQ(bodies(tail).size(), 0U);
  EXPECT_EQ(world_.queue().requeue(std::vector{id}).changed.size(), 1U);
  Tail later = observer_.tail();
  EXPECT_EQ(bodies(later).size(), 0U);
}

TEST_P(Tails, GoOnAfterTheIndexWasRebuilt) {
  Tail tail = observer_.tail();
  world_.clock().advance(1s);
  send_numbers(world_.queue(), 1, 30);
  EXPECT_EQ(bodies(tail), numbers(1, 30));
  world_.clock().advance(1s);
  world_.queue().fsck(FsckMode::kRebuildIndex);
  send_numbers(world_.queue(), 31, 40);
  EXPECT_EQ(bodies(tail), numbers(31, 40));
}

TEST_P(Tails, WaitForASendOfAnotherThread) {
  Tail tail = observer_.tail();
  Queue& sender = world_.queue();
  std::jthread later([&] { send_numbers(sender, 1, 50); });
  std::vector<std::string> told;
  while (told.size() < 50) {
    const TailMessage* const message = tail.wait(20s);
    ASSERT_NE(message, nullptr);
    told.emplace_back(message->body());
  }
  EXPECT_EQ(told, numbers(1, 50));
}

INSTANTIATE_TEST_SUITE_P(All, Tails, ::testing::Values(Ring::kOn, Ring::kOff, Ring::kTwin),
                         [](const auto& one) {
                           return one.param == Ring::kOn    ? "Hot"
                                  : one.param == Ring::kOff ? "Off"
                                                            : "Twin";
                         });

// ---- The ring's file

class HotTail : public ::testing::Test {
 protected:
  static Settings settings() {
    Settings settings;
    settings.hot_cache = 64 << 10;
    return settings;
  }
  StoreWorld world_{settings(), On::kDisk};
  Queue observer_ = world_.open();
};

TEST_F(HotTail, SpinsWithoutTheDisk) {
  Tail tail = observer_.tail();
  send_numbers(world_.queue(), 1, 100);
  std::vector<std::string> told;
  while (told.size() < 100) {
    if (const TailMessage* const message = tail.poll()) told.emplace_back(message->body());
  }
  EXPECT_EQ(told, numbers(1, 100));
  EXPECT_EQ(tail.counts().from_hot_cache, 100U);
}

TEST_F(HotTail, HasARingOfItsOwnForTheOwnerOnly) {
  world_.queue().send(text("x"));
  const std::string path = shared_file(world_, "hot-1");
  ASSERT_NE(path, "");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  EXPECT_EQ(static_cast<std::uint64_t>(status.st_size), hot_cache::Size::of(64 << 10).file_bytes());
}

TEST_F(HotTail, ForgetsWhatWasDeleted) {
  Tail tail = observer_.tail();
  const MessageId id = world_.queue().send(text("secret secret secret"));
  const std::string before = shared_file(world_, "hot-1");
  const int held = ::open(before.c_str(), O_RDONLY | O_CLOEXEC);
  world_.queue().remove(std::vector{id});
  EXPECT_EQ(shared_file(world_, "hot-1"), "");
  std::string bytes(1 << 20, '\0');
  bytes.resize(
      static_cast<std::size_t>(std::max<ssize_t>(::pread(held, bytes.data(), bytes.size(), 0), 0)));
  ::close(held);
  EXPECT_GT(bytes.size(), 64U << 10);
  EXPECT_EQ(bytes.find("secret"), std::string::npos);
  send_numbers(world_.queue(), 1, 3);  // into a new one
  EXPECT_NE(shared_file(world_, "hot-1"), "");
  EXPECT_EQ(bodies(tail), numbers(1, 3));
}

TEST_F(HotTail, LeavesNothingOfARemovedQueue) {
  world_.queue().send(text("x"));
  const std::string ring = shared_file(world_, "hot-1");
  const std::string bell = shared_file(world_, "bell-5");
  ASSERT_NE(ring, "");
  ASSERT_NE(bell, "");
  observer_.close();
  world_.queue().close();
  world_.root().remove_queue("q", Force::kYes);
  EXPECT_NE(::access(ring.c_str(), F_OK), 0);
  EXPECT_NE(::access(bell.c_str(), F_OK), 0);
}

TEST_F(HotTail, FindsANewRingWhereTheOldOneWasUnlinked) {
  Tail tail = observer_.tail();
  send_numbers(world_.queue(), 1, 3);
  ASSERT_EQ(::unlink(shared_file(world_, "hot-1").c_str()), 0);
  send_numbers(world_.queue(), 4, 6);
  EXPECT_EQ(bodies(tail), numbers(1, 6));
  EXPECT_TRUE(eventually([&] {
    static_cast<void>(tail.wait(Milliseconds{10}));
    return !shared_file(world_, "hot-1").empty() && tail.is_hot();
  }));
  send_numbers(world_.queue(), 7, 9);
  EXPECT_EQ(bodies(tail), numbers(7, 9));
}

TEST_F(HotTail, IsMadeAnewBySendersAlone) {
  OpenOptions options;
  options.clock = std::make_shared<SystemClock>();
  Queue sender = world_.open("q", options);
  sender.send(text("x"));
  ASSERT_EQ(::unlink(shared_file(world_, "hot-1").c_str()), 0);
  EXPECT_TRUE(eventually([&] {
    sender.send(text("y"));
    return !shared_file(world_, "hot-1").empty();
  }));
}

TEST_F(HotTail, ChangesItsSizeAndGoesByTheSetting) {
  Tail tail = observer_.tail();
  send_numbers(world_.queue(), 1, 2);
  const std::vector<SettingText> larger{{"hot-cache", "256K"}};
  world_.queue().configure(larger);
  send_numbers(world_.queue(), 3, 4);
  EXPECT_EQ(bodies(tail), numbers(1, 4));
  struct stat status {};
  ASSERT_EQ(::stat(shared_file(world_, "hot-1").c_str(), &status), 0);
  EXPECT_GT(status.st_size, 256 << 10);
  const std::vector<SettingText> off{{"hot-cache", "0"}};
  world_.queue().configure(off);
  send_numbers(world_.queue(), 5, 6);
  EXPECT_EQ(shared_file(world_, "hot-1"), "");
  EXPECT_EQ(bodies(tail), numbers(5, 6));
  EXPECT_FALSE(tail.is_hot());
}

// Truncated, of another kind, or scribbled over: never mapped, never touched.
TEST_F(HotTail, WorksWithoutARingWhoseFileIsNotOne) {
  world_.queue().send(text("x"));
  const std::string path = shared_file(world_, "hot-1");
  world_.queue().close();
  observer_.close();
  ASSERT_EQ(::truncate(path.c_str(), 8192), 0);
  Queue queue = world_.open();
  Tail tail = queue.tail();
  EXPECT_FALSE(tail.is_hot());
  send_numbers(queue, 1, 5);
  EXPECT_EQ(bodies(tail), numbers(1, 5));
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 8192);
  ::unlink(path.c_str());
}

// An inode number is used again, and so is the name of what its former queue left.
TEST_F(HotTail, DoesNotTakeOverTheRingOfAFormerQueue) {
  world_.queue().send(text("x"));
  const std::string path = shared_file(world_, "hot-1");
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(file, 0);
  constexpr off_t kBirthAt = 64;
  const std::uint64_t earlier_ns = 1'700'000'000'000'000'000;
  ASSERT_EQ(::pwrite(file, &earlier_ns, sizeof earlier_ns, kBirthAt), 8);
  struct stat former {};
  ASSERT_EQ(::fstat(file, &former), 0);
  world_.reopen();
  Queue another = world_.open();
  another.send(text("y"));
  struct stat now {};
  ASSERT_EQ(::stat(path.c_str(), &now), 0);
  EXPECT_NE(now.st_ino, former.st_ino);
  ::close(file);
}

// What a queue left that was removed without us goes when the next ring is made.
TEST_F(HotTail, RemovesWhatQueuesLeftThatAreGone) {
  std::string left;
  struct stat before {};
  {
    StoreWorld gone{settings(), On::kDisk};
    gone.queue().send(text("x"));
    left = shared_file(gone, "hot-1");
    ASSERT_EQ(::stat(left.c_str(), &before), 0);
  }
  // By the next queue, or by one of another test's that runs beside this one.
  EXPECT_TRUE(eventually([&] {
    StoreWorld next{settings(), On::kDisk};
    next.queue().send(text("y"));
    struct stat now {};  // the next queue's may have the same name
    return ::stat(left.c_str(), &now) != 0 || now.st_ino != before.st_ino;
  }));
}

}  // namespace
}  // namespace spoolmq::test
