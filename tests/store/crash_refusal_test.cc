// One operation after the other is refused (EIO, ENOSPC), the process goes on, and then ends.

#include <gtest/gtest.h>

#include <cerrno>

#include "tests/store/crash_cuts.h"

namespace spoolmq::test {
namespace {

WorldOptions plain() {
  WorldOptions options;
  options.settings.backoff = Milliseconds{0};
  options.settings.body_inline = 1000;
  return options;
}

void send_some(World& world) {
  world.send("alpha");
  world.send("beta");
  world.send("gamma");
  world.send(std::string(3000, 'L'));
}

void send_more(World& world) {
  world.send("delta");
  world.send("epsilon");
}

void take_and_clean_up(World& world) {
  world.take_and_ack(2);
  world.queue().maintain();
}

const Scenario& sending() {
  static const Scenario scenario{.name = "send",
                                 .options = plain(),
                                 .prepare = [](World& world) { world.queue().stats(); },
                                 .act = send_some,
                                 .again = send_more};
  return scenario;
}

const Scenario& acknowledging() {
  static const Scenario scenario{.name = "ack",
                                 .options = plain(),
                                 .prepare = send_some,
                                 .act = take_and_clean_up,
                                 .again = [](World& world) { world.take_and_ack(2); }};
  return scenario;
}

TEST(CrashRefusal, OfAnyOperationOfASendLosesNothing) {
  expect_no_violation_when_refused(sending(), 1, EIO);
}

TEST(CrashRefusal, OfSpaceForASendLosesNothing) {
  expect_no_violation_when_refused(sending(), 3, ENOSPC);
}

TEST(CrashRefusal, OfAnyOperationOfAnAckLosesNothing) {
  expect_no_violation_when_refused(acknowledging(), 1, EIO);
}

TEST(CrashRefusal, OfSpaceForAnAckLosesNothing) {
  expect_no_violation_when_refused(acknowledging(), 3, ENOSPC);
}

}  // namespace
}  // namespace spoolmq::test
