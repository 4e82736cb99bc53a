#include "watcher/inotify.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "tests/watcher/watch_world.h"
#include "watcher/watch_directory.h"

namespace spoolmq::watcher {
namespace {

using Bytes = std::vector<std::byte>;

void append(Bytes& to, int watch, std::uint32_t mask, const std::string& name,
            std::size_t padded_length) {
  struct inotify_event head {};
  head.wd = watch;
  head.mask = mask;
  head.len = static_cast<std::uint32_t>(padded_length);
  const auto at = to.size();
  to.resize(at + sizeof head + padded_length);
  std::memcpy(to.data() + at, &head, sizeof head);
  std::memcpy(to.data() + at + sizeof head, name.data(), name.size());
}

std::vector<std::string> decode(std::span<const std::byte> bytes) {
  std::vector<std::string> found;
  InotifyEvents events(bytes);
  while (const auto event = events.next()) {
    found.push_back(std::to_string(event->watch) + ":" + std::to_string(event->mask) + ":" +
                    std::string(event->name));
  }
  return found;
}

TEST(InotifyEvents, AreDecodedWithTheirNames) {
  Bytes bytes;
  append(bytes, 1, IN_CREATE, "a", 16);
  append(bytes, -1, IN_Q_OVERFLOW, "", 0);
  append(bytes, 2, IN_DELETE, std::string(16, 'x'), 16);  // no room for a NUL
  append(bytes, 3, IN_MODIFY, "\n\xff", 16);
  EXPECT_EQ(decode(bytes), (std::vector<std::string>{
                               "1:256:a", "-1:16384:", "2:512:xxxxxxxxxxxxxxxx", "3:2:\n\xff"}));
}

TEST(InotifyEvents, EndWhereTheBytesDo) {
  Bytes bytes;
  append(bytes, 1, IN_CREATE, "a", 16);
  append(bytes, 2, IN_DELETE, "b", 16);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    // A copy of its own, so that reading past it is seen under a sanitizer.
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(decode(cut).size(), length < 32 ? 0U : 1U) << length;
  }
}

TEST(InotifyEvents, DoNotBelieveALengthBeyondTheBuffer) {
  Bytes bytes;
  append(bytes, 1, IN_CREATE, "a", 16);
  const std::uint32_t length = 0xFFFFFFFF;
  std::memcpy(bytes.data() + offsetof(struct inotify_event, len), &length, sizeof length);
  EXPECT_TRUE(decode(bytes).empty());
}

int opened_watch(Inotify& inotify, const OpenDirectory& directory) {
  return std::get<int>(inotify.add(directory.descriptor(), IN_CREATE));
}

TEST(Inotify, WatchesTheOpenDirectoryWhateverItsPathNames) {
  const test::WatchWorld world;
  world.make_dir("in");
  auto inotify = std::get<Inotify>(Inotify::open());
  const auto directory = OpenDirectory::at_path(world.path("in"));
  world.rename("in", "elsewhere");
  world.make_dir("in");
  const int watch = opened_watch(inotify, *directory);
  EXPECT_FALSE(inotify.has_events());
  world.make_empty("in/not-this");
  world.make_empty("elsewhere/this");
  EXPECT_TRUE(inotify.has_events());
  auto events = inotify.read();
  const auto event = events.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->watch, watch);
  EXPECT_EQ(event->name, "this");
  EXPECT_FALSE(events.next());
}

TEST(Inotify, SaysNothingMoreOfAWatchThatWasRemovedButThatItWas) {
  const test::WatchWorld world;
  world.make_dir("in");
  auto inotify = std::get<Inotify>(Inotify::open());
  const auto directory = OpenDirectory::at_path(world.path("in"));
  const int watch = opened_watch(inotify, *directory);
  inotify.remove(watch);
  world.make_empty("in/a");
  auto events = inotify.read();
  const auto event = events.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->mask & IN_IGNORED, std::uint32_t{IN_IGNORED});
  EXPECT_FALSE(events.next());
  EXPECT_NE(opened_watch(inotify, *directory), watch) << "the number was given again";
}

TEST(Inotify, ReadsNothingWhereNothingIs) {
  auto inotify = std::get<Inotify>(Inotify::open());
  EXPECT_FALSE(inotify.read().next());
}

TEST(Inotify, IsRefusedAsAValueWhereDescriptorsRanOut) {
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const struct rlimit none { 3, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto opened = Inotify::open();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_TRUE(std::holds_alternative<WatchRefused>(opened));
  EXPECT_EQ(std::get<WatchRefused>(opened).error_number, EMFILE);
}

TEST(WatchDirectory, FollowsLinksInAPathAndNoneBelowIt) {
  const test::WatchWorld world;
  world.make_dir("in");
  world.make_dir("in/real");
  world.write("in/file");
  world.link_to("real", "in/link");
  world.link_to("in", "link");
  const auto top = OpenDirectory::at_path(world.path("link"));
  ASSERT_TRUE(top);
  EXPECT_EQ(identity_of(top->descriptor()), identity_at(world.path("in")));
  EXPECT_TRUE(OpenDirectory::below(top->descriptor(), "real"));
  for (const char* name : {"link", "file", "missing"}) {
    EXPECT_FALSE(OpenDirectory::below(top->descriptor(), name)) << name;
  }
  EXPECT_FALSE(identity_at(world.path("in/file")));
}

TEST(WatchDirectory, KnowsFileSystemsThatChangeUnseen) {
  for (const std::int64_t type : {0x6969LL, 0x517BLL, 0xFF534D42LL, 0xFE534D42LL, 0x65735546LL,
                                  0x01021997LL, -11317950LL /* CIFS, with its sign */}) {
    EXPECT_TRUE(is_changed_unseen(type)) << std::hex << type;
  }
  for (const std::int64_t type : {0xEF53LL, 0x58465342LL, 0x9123683ELL, 0x01021994LL, 0x794C7630LL,
                                  0LL}) {  // ext4, XFS, btrfs, tmpfs, overlay, unknown
    EXPECT_FALSE(is_changed_unseen(type)) << std::hex << type;
  }
}

}  // namespace
}  // namespace spoolmq::watcher
