// Roots: names, creating, finding and removing queues; who may write where.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

std::uint32_t mode_of(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

TEST(Root, TakesTheseQueueNamesAndNoOthers) {
  StoreWorld world;
  for (const std::string& good :
       {std::string("a"), std::string("A9._-"), std::string("orders/lyon.2"), std::string("a/b/c"),
        std::string(128, 'x')}) {
    EXPECT_EQ(world.root().create_queue(good), Created::kNew) << good;
    EXPECT_TRUE(world.root().has_queue(good));
    world.open(good).send(text("x"));
  }
  for (const std::string& bad :
       {std::string(), std::string("/a"), std::string("a/"), std::string("a//b"), std::string("."),
        std::string(".."), std::string("../a"), std::string("a/../b"), std::string("-a"),
        std::string("a b"), std::string("a%2Fb"), std::string("\xc3\xbc"), std::string("a\0b", 3),
        std::string("a\n"), std::string(129, 'x')}) {
    EXPECT_EQ(refusal([&] { world.root().create_queue(bad); }), ErrorCode::kUsage) << bad;
    EXPECT_EQ(refusal([&] { world.open(bad); }), ErrorCode::kUsage) << bad;
    EXPECT_FALSE(world.root().has_queue(bad)) << bad;
  }
}

TEST(Root, ListsItsQueuesSorted) {
  StoreWorld world;
  for (const char* name : {"z", "a/b", "a", "m"}) world.root().create_queue(name);
  EXPECT_EQ(world.root().queues(), (Names{"a", "a/b", "m", "q", "z"}));
}

TEST(Root, CreatesAQueueOnce) {
  StoreWorld world;
  Settings settings;
  settings.capacity = 7;
  EXPECT_EQ(world.root().create_queue("one", settings), Created::kNew);
  world.open("one").send(text("x"));
  EXPECT_EQ(world.root().create_queue("one", settings), Created::kSameExists);
  settings.lease = std::chrono::minutes(2);
  try {
    world.root().create_queue("one", settings);
    FAIL() << "with another lease";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCannotCreate);
    EXPECT_EQ(error.why(), "it exists with different settings: lease=30s, not 2m");
  }
  settings.lease = Settings{}.lease;
  Queue one = world.open("one");
  EXPECT_EQ(one.settings(), settings);
  EXPECT_EQ(total(one), 1);
}

TEST(Root, SaysThatAQueueIsNotThere) {
  StoreWorld world;
  EXPECT_EQ(refusal([&] { world.open("nothing"); }), ErrorCode::kNotFound);
  EXPECT_EQ(refusal([&] { world.root().remove_queue("nothing"); }), ErrorCode::kNotFound);
  EXPECT_FALSE(world.root().has_queue("nothing"));
}

TEST(Root, RemovesAnEmptyQueue) {
  StoreWorld world;
  world.create("old").close();
  world.root().remove_queue("old");
  EXPECT_EQ(world.root().queues(), Names{"q"});
  EXPECT_EQ(world.disk().names("queues"), Names{"q"});
  EXPECT_EQ(world.root().create_queue("old"), Created::kNew);
}

TEST(Root, KeepsAQueueWithMessagesUnlessForced) {
  StoreWorld world;
  Queue queue = world.create("busy");
  queue.send(text("x"));
  queue.close();
  EXPECT_EQ(refusal([&] { world.root().remove_queue("busy"); }), ErrorCode::kTryAgain);
  EXPECT_TRUE(world.root().has_queue("busy"));
  world.root().remove_queue("busy", Force::kYes);
  EXPECT_FALSE(world.root().has_queue("busy"));
}

TEST(Root, KeepsAQueueWithDeadMessagesToo) {
  StoreWorld world;
  Queue queue = world.create("busy");
  queue.send(text("x"));
  queue.receive()->reject();
  queue.close();
  EXPECT_EQ(refusal([&] { world.root().remove_queue("busy"); }), ErrorCode::kTryAgain);
}

TEST(Root, KeepsAQueueThatSomebodyHasOpen) {
  StoreWorld world;
  Queue queue = world.create("open");
  EXPECT_EQ(refusal([&] { world.root().remove_queue("open"); }), ErrorCode::kTryAgain);
  queue.close();
  world.root().remove_queue("open");
}

TEST(Root, MayBeOpenedAgainWhileItIsOpen) {
  StoreWorld world({}, On::kDisk);
  Root again = Root::open(world.path());
  world.queue().send(text("x"));
  Queue other = again.open_queue("q", StoreWorld::no_thread());
  EXPECT_EQ(take(other), "x");
  EXPECT_EQ(again.path(), world.root().path());
}

TEST(Root, MakesItsDirectoryForItsOwnerAlone) {
  const StoreWorld world({}, On::kDisk);
  const mode_t before = ::umask(0);
  const std::string path = world.path() + "/deep/er/root";
  const Root root = Root::open(path + "//");
  ::umask(before);
  EXPECT_EQ(root.path(), path);
  EXPECT_EQ(mode_of(path), 0700U);
}

TEST(Root, RefusesAFileSystemItDoesNotKnowUnlessForced) {
  EXPECT_EQ(refusal([] { Root::open("/proc/self"); }), ErrorCode::kConfiguration);
  EXPECT_NO_THROW(Root::open("/proc/self", Force::kYes));
}

TEST(Root, RefusesAnEmptyPathAndAFile) {
  const StoreWorld world({}, On::kDisk);
  EXPECT_EQ(refusal([] { Root::open(""); }), ErrorCode::kUsage);
  EXPECT_TRUE(refusal([] { Root::open("/proc/self/status"); }));
}

class Modes : public ::testing::TestWithParam<mode_t> {};

TEST_P(Modes, AreExactlyTheQueuesWhateverTheUmask) {
  StoreWorld world({}, On::kDisk);
  const mode_t before = ::umask(GetParam());
  for (const std::uint32_t mode : {0600U, 0640U, 0660U}) {
    Settings settings;
    settings.mode = mode;
    settings.body_inline = 100;
    const std::string name = "m" + std::to_string(mode);
    Queue queue = world.create(name, settings);
    queue.send(text("x"));
    queue.send_batch({text("1"), text("2"), text(std::string(1000, 'x'))});
    const MessageId id = everything(queue).front().id;
    queue.hold(std::span(&id, 1), "");
    queue.pause({true, false, 0, "", ""});
    queue.maintain();
    const std::uint32_t directory = mode | 0700 | ((mode & 0444) >> 2);
    for (const auto& entry : fs::recursive_directory_iterator(world.path() + "/queues/" + name)) {
      const std::uint32_t expected = entry.is_directory() ? directory : mode;
      EXPECT_EQ(mode_of(entry.path()), expected) << entry.path() << std::oct << expected;
    }
    EXPECT_EQ(mode_of(world.path() + "/queues/" + name), directory);
  }
  ::umask(before);
}

INSTANTIATE_TEST_SUITE_P(Umasks, Modes, ::testing::Values(0, 022, 077, 0777));

TEST(Permissions, RefuseAQueueWhoseDirectoriesOthersCanWrite) {
  StoreWorld world({}, On::kDisk);
  world.queue().send(text("x"));
  world.reopen();
  const fs::path queue = world.path() + "/queues/q";
  const fs::path shard = fs::directory_iterator(queue / "msgs")->path();
  for (const fs::path& directory : {queue, queue / "msgs", shard}) {
    for (const mode_t open : {0702U, 0720U, 0777U}) {
      ::chmod(directory.c_str(), open);
      EXPECT_EQ(refusal([&] { static_cast<void>(take(world.queue())); }), ErrorCode::kPermission)
          << directory;
      world.reopen();
    }
    ::chmod(directory.c_str(), 0700);
  }
  EXPECT_EQ(take(world.queue()), "x");
}

}  // namespace
}  // namespace spoolmq::test
