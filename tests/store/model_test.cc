// Random acts on a queue, each beside the same act on a simple model of what the README says.
//   SPOOLMQ_SEEDS=N   with the seeds 1 to N (6)
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/store/queue_player.h"

namespace spoolmq::test {
namespace {

constexpr int kActs = 1500;
constexpr int kBetweenLooks = 40;

std::uint32_t seeds() {
  const char* const told = std::getenv("SPOOLMQ_SEEDS");
  return told == nullptr ? 6 : static_cast<std::uint32_t>(std::atoi(told));
}

class RandomActs : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(RandomActs, AgreeWithTheModel) {
  std::mt19937 random(GetParam());
  QueuePlayer player([&](int most) { return std::uniform_int_distribution<int>(0, most)(random); });
  for (int i = 0; i < kActs; ++i) {
    SCOPED_TRACE("act " + std::to_string(i));
    player.act();
    if (i % kBetweenLooks == 0) player.compare();
  }
  player.compare();
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomActs, ::testing::Range(1U, 1 + seeds()));

}  // namespace
}  // namespace spoolmq::test
