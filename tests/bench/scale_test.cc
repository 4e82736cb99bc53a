// What must not grow with the number of messages waiting. The clock of a busy machine proves
// nothing, so the tests compare what was read and written, and print the times beside it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "spoolmq/queue.h"
#include "cli/bench/bench_place.h"
#include "tests/bench/scale_operations.h"

namespace spoolmq::bench {
namespace {

constexpr std::size_t kMessages = 1'000'000;
constexpr std::size_t kOrderKeys = 500'000;
constexpr std::size_t kBlockedKeys = 400'000;
constexpr std::size_t kSendTogether = 1000;
constexpr std::size_t kClaimTogether = 4096;
constexpr double kFactor = 2;
// The way down trees of a million rows instead of a few, once per operation.
constexpr double kDeeperBytes = 192 << 10;
constexpr double kDeeperCalls = 48;
// The first to open the index reads what its log holds: whoever closes leaves at most 1 MiB.
constexpr double kLogBytes = 1.25 * (1 << 20);
constexpr double kLogCalls = 2 * kLogBytes / 4096;
constexpr double kMostMemoryKib = 64 << 10;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
constexpr double kMostMicrosecondsPerClaim = 1000;

const std::string kParent = "/var/tmp";

Queue make_queue(const std::string& root_path) {
  Root root = Root::open(root_path);
  Settings settings;
  settings.durability = Durability::kOs;  // only to fill it soon
  settings.history = HistoryLevel::kOff;
  root.create_queue(kQueueName, settings);
  OpenOptions options;
  options.one_shot = true;
  return root.open_queue(kQueueName, options);
}

void fill(Queue& queue, std::size_t order_keys) {
  for (std::size_t sent = 0; sent < kMessages;) {
    std::vector<Message> batch(kSendTogether);
    for (Message& one : batch) {
      one.body.assign(16, 'x');
      if (order_keys > 0) one.order_key = "key-" + std::to_string(sent % order_keys);
      ++sent;
    }
    queue.send_batch(std::move(batch));
  }
}

void compare(const Costs& empty, const Costs& full) {
  ASSERT_EQ(full.of.size(), 6U);
  for (const auto& [operation, cost] : full.of) {
    const Cost& before = empty.of.at(operation);
    std::printf(
        "%-12s empty: %8.0f us %8.0f B in %3.0f reads %8.0f B in %3.0f writes\n"
        "             full:  %8.0f us %8.0f B in %3.0f reads %8.0f B in %3.0f writes\n",
        operation.c_str(), before.microseconds, before.read_bytes, before.read_calls,
        before.written_bytes, before.write_calls, cost.microseconds, cost.read_bytes,
        cost.read_calls, cost.written_bytes, cost.write_calls);
    const bool open = operation == "open";
    const double more_bytes = kDeeperBytes + (open ? kLogBytes : 0);
    const double more_calls = kDeeperCalls + (open ? kLogCalls : 0);
    EXPECT_LE(cost.read_bytes, kFactor * before.read_bytes + more_bytes) << operation;
    EXPECT_LE(cost.read_calls, kFactor * before.read_calls + more_calls) << operation;
    EXPECT_LE(cost.written_bytes, kFactor * before.written_bytes + kDeeperBytes) << operation;
    EXPECT_LE(cost.write_calls, kFactor * before.write_calls + kDeeperCalls) << operation;
  }
  std::printf("memory       empty: %.0f KiB full: %.0f KiB\n", empty.peak_memory_kib,
              full.peak_memory_kib);
  // A sanitizer's shadow is not ours: there, what a full queue adds.
  const double own_kib = kSanitized ? full.peak_memory_kib - empty.peak_memory_kib
                                    : full.peak_memory_kib;
  EXPECT_LT(own_kib, kMostMemoryKib);
}

Costs costs_when_empty() {
  const Place place(kParent);
  make_queue(place.path()).close();
  return costs_in_fresh_process(place.path());
}

TEST(Scale, AMillionWaitingMessagesCostWhatNoneCost) {
  const Costs empty = costs_when_empty();
  const Place place(kParent);
  {
    Queue queue = make_queue(place.path());
    const double began = now_seconds();
    fill(queue, 0);
    std::printf("filled in %.1f s\n", now_seconds() - began);
    ASSERT_EQ(queue.stats().of(State::kReady).messages, std::int64_t{kMessages});
    queue.close();
  }
  compare(empty, costs_in_fresh_process(place.path()));
}

TEST(Scale, BlockedOrderKeysDoNotSlowAClaim) {
  const Costs empty = costs_when_empty();
  const Place place(kParent);
  Queue queue = make_queue(place.path());
  const double began = now_seconds();
  fill(queue, kOrderKeys);
  // The first message of most keys is taken, by this process, and stays so.
  ReceiveOptions options;
  options.max = kClaimTogether;
  options.lease = Milliseconds{3'600'000};
  for (std::size_t taken = 0; taken < kBlockedKeys;) {
    options.max = std::min(kClaimTogether, kBlockedKeys - taken);
    std::vector<Delivery> deliveries = queue.receive_batch(options);
    ASSERT_FALSE(deliveries.empty());
    for (Delivery& one : deliveries) one.detach();
    taken += deliveries.size();
  }
  std::printf("filled and blocked in %.1f s\n", now_seconds() - began);
  ASSERT_EQ(queue.stats().of(State::kLeased).messages, std::int64_t{kBlockedKeys});
  const Costs full = costs_in_fresh_process(place.path());
  compare(empty, full);
  EXPECT_LT(full.of.at("claim").microseconds, kMostMicrosecondsPerClaim);
}

}  // namespace
}  // namespace spoolmq::bench

int main(int count, char** words) {
  if (count == 3 && std::strcmp(words[1], spoolmq::bench::kOperateOption) == 0) {
    try {
      spoolmq::bench::operate(words[2]);
      return 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      return 1;
    }
  }
  testing::InitGoogleTest(&count, words);
  return RUN_ALL_TESTS();
}
