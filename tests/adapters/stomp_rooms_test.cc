// What becomes of the mailbox of a requester whose server was killed.

#include "adapters/stomp_rooms.h"

#include <gtest/gtest.h>

#include "spoolmq/request.h"
#include "tests/adapters/directory_world.h"

namespace spoolmq::adapters::test {
namespace {

class StompRoomsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    root.create_queue("requests");
    make_room(root, {StompOpening::Kind::kMailbox, mailbox, {}});
  }
  void reply(std::int64_t expires_at_ms = 0) {
    Message message;
    message.body = "answer";
    message.headers.emplace_back(kReplyQueueHeader, "requests");
    message.expires_at_ms = expires_at_ms;
    root.open_queue(mailbox).send(std::move(message));
  }
  void remove_after(std::int64_t age_ms) { remove_abandoned_rooms(root, made_ms + age_ms); }
  std::int64_t dead_requests() {
    return root.open_queue("requests").stats().of(State::kDead).messages;
  }

  DirectoryWorld world;
  Root root = Root::open(world.dir("root"), world.shared_clock());
  const std::string mailbox = "reply/0192f0c1-0000-7000-8000-000000000000";
  const std::int64_t made_ms =
      MessageId::parse(std::string_view(mailbox).substr(6)).value().time_ms();
};

TEST_F(StompRoomsTest, BuriesWhatNobodyWillEverFetch) {
  reply();
  reply();
  remove_after(kMailboxAge.count());
  EXPECT_FALSE(root.has_queue(mailbox));
  EXPECT_EQ(dead_requests(), 2);
}

TEST_F(StompRoomsTest, RemovesAnEmptyOne) {
  remove_after(kMailboxAge.count());
  EXPECT_FALSE(root.has_queue(mailbox));
}

TEST_F(StompRoomsTest, LeavesOneThatIsYoung) {
  reply();
  remove_after(kMailboxAge.count() - 1);
  EXPECT_TRUE(root.has_queue(mailbox));
}

TEST_F(StompRoomsTest, LeavesOneThatSomebodyHasOpen) {
  reply();
  const Queue owner = root.open_queue(mailbox);
  remove_after(kMailboxAge.count());
  EXPECT_TRUE(root.has_queue(mailbox));
}

TEST_F(StompRoomsTest, LeavesWhatExpiresByItself) {
  reply();
  reply(world.clock().wall_ms() + 1'000'000);
  remove_after(kMailboxAge.count());
  EXPECT_TRUE(root.has_queue(mailbox));
  EXPECT_EQ(dead_requests(), 0);
}

}  // namespace
}  // namespace spoolmq::adapters::test
