// A move between queues, cut at every operation: each message is in exactly one of them.

#include <gtest/gtest.h>

#include "tests/store/crash_cuts.h"

namespace spoolmq::test {
namespace {

WorldOptions two_queues() {
  WorldOptions options;
  options.settings.backoff = Milliseconds{0};
  options.settings.body_inline = 1000;
  options.two_queues = true;
  return options;
}

void move_all(World& world) {
  std::vector<std::pair<MessageId, std::string>> messages;
  for (const MessageStatus& one : world.queue().scan({})) {
    const Message message = *world.queue().load(one.id);
    messages.emplace_back(one.id, whole_body(*world.queue().open_body(message)));
  }
  world.queue("other").stats();
  world.move(messages);
}

TEST(CrashMove, LeavesASmallMessageInExactlyOneQueue) {
  expect_no_violation({.name = "move one",
                       .options = two_queues(),
                       .prepare = [](World& world) { world.send("alpha"); },
                       .act = move_all},
                      {.stride = 2, .nested_stride = 30, .recovery_stride = 9});
}

TEST(CrashMove, LeavesEveryMessageInExactlyOneQueue) {
  expect_no_violation({.name = "move some",
                       .options = two_queues(),
                       .prepare =
                           [](World& world) {
                             world.send_all({"a", "b", std::string(3000, 'c')});
                             world.queue("other").stats();
                           },
                       .act =
                           [](World& world) {
                             move_all(world);
                             world.queue().maintain();
                           }},
                      {.stride = 3, .nested_stride = 40, .recovery_stride = 9});
}

}  // namespace
}  // namespace spoolmq::test
