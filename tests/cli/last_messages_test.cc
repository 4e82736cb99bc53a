// The last messages of a queue, whatever is missing between them.

#include "cli/last_messages.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace spoolmq::cli {
namespace {

class Place {
 public:
  Place() : root_(Root::open(directory_.path() + "/root")) {
    root_.create_queue("q");
    OpenOptions options;
    options.background = false;
    queue.emplace(root_.open_queue("q", options));
  }
  std::vector<MessageId> send(int count) {
    std::vector<Message> messages(static_cast<std::size_t>(count));
    std::vector<MessageId> ids;
    for (const SendResult& one : queue->send_batch(messages)) ids.push_back(one.id);
    return ids;
  }

 private:
  test::TemporaryDirectory directory_;
  Root root_;

 public:
  std::optional<Queue> queue;
};

TEST(LastMessages, AreNoneInAnEmptyQueue) {
  Place place;
  const LastMessages found = find_last_messages(*place.queue, 3);
  EXPECT_EQ(found.last, std::nullopt);
  EXPECT_EQ(found.before, std::nullopt);
}

TEST(LastMessages, BeginBehindTheOneInFrontOfThem) {
  Place place;
  const std::vector<MessageId> ids = place.send(20);
  for (std::size_t count = 0; count < 20; ++count) {
    const LastMessages found = find_last_messages(*place.queue, count);
    EXPECT_EQ(found.last, ids.back()) << count;
    EXPECT_EQ(found.before, ids[19 - count]) << count;
  }
  for (const std::size_t count : {20U, 21U, 1'000'000U}) {
    const LastMessages found = find_last_messages(*place.queue, count);
    EXPECT_EQ(found.last, ids.back()) << count;
    EXPECT_EQ(found.before, std::nullopt) << count;
  }
}

TEST(LastMessages, AreFoundAcrossWhatIsGone) {
  Place place;
  const std::vector<MessageId> ids = place.send(2000);
  const std::span<const MessageId> all(ids);
  ASSERT_EQ(place.queue->remove(all.subspan(3, 1900)).changed.size(), 1900U);
  ASSERT_EQ(place.queue->remove(all.last(7)).changed.size(), 7U);
  EXPECT_EQ(find_last_messages(*place.queue, 1).last, ids[1992]);
  EXPECT_EQ(find_last_messages(*place.queue, 1).before, ids[1991]);
  EXPECT_EQ(find_last_messages(*place.queue, 90).before, ids[2]);
  EXPECT_EQ(find_last_messages(*place.queue, 92).before, ids[0]);
  EXPECT_EQ(find_last_messages(*place.queue, 93).before, std::nullopt);
}

}  // namespace
}  // namespace spoolmq::cli
