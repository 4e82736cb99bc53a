// Whoever sends beside others: threads of one process that share syncs, and several processes.
#include <sys/types.h>

#include <exception>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/crash/powercut_scenarios.h"

namespace powercut {

using namespace spoolmq;

namespace {

constexpr int kThreads = 4;
constexpr int kSendsEach = 7;
constexpr Milliseconds kIdle{100};  // a consumer that finds nothing for so long is done

// Runs `act` in several threads; throws what one of them threw.
void together(int threads, const std::function<void(int number)>& act) {
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(threads));
  {
    std::vector<std::jthread> running;
    for (int i = 0; i < threads; ++i) {
      running.emplace_back([&, i] {
        try {
          act(i);
        } catch (...) {
          failures[static_cast<std::size_t>(i)] = std::current_exception();
        }
      });
    }
  }
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

void send_together(Phase& phase) {
  Root root = Root::open(phase.root());
  Queue queue = root.open_queue(kQueue, quiet());
  together(kThreads, [&](int number) {
    for (int i = 0; i < kSendsEach; ++i) {
      send(phase, queue, static_cast<std::size_t>(60 + 900 * number), i == 3);
    }
    send_batch(phase, queue, 3, 200);
  });
  queue.close();
}

void make_two_queues(Phase& phase) {
  fill_segment(phase);
  make_queue(phase, kOtherQueue, Format::kBinary);
}

// ---- Several processes, each with its own role

void crowd(Phase& phase) {
  std::vector<pid_t> others;
  int number = 0;
  for (const char* const role : {"crowd-send", "crowd-take", "crowd-once", "crowd-move"}) {
    others.push_back(start_another(phase, role, ++number));
  }
  int failed = 0;
  for (const pid_t other : others) failed += wait_for(other) != 0 ? 1 : 0;
  if (failed != 0) throw std::runtime_error(std::to_string(failed) + " of the crowd failed");
}

void crowd_send(Phase& phase) {
  Root root = Root::open(phase.root());
  Queue queue = root.open_queue(kQueue, {});
  together(2, [&](int number) {
    for (int i = 0; i < kSendsEach; ++i) send(phase, queue, number == 0 ? 90 : 2500);
  });
  queue.close();
}

void crowd_once(Phase& phase) {
  for (int i = 0; i < kThreads; ++i) {
    Root root = Root::open(phase.root());
    OpenOptions options;
    options.one_shot = true;
    Queue queue = root.open_queue(i % 2 == 0 ? kQueue : kOtherQueue, options);
    send(phase, queue, 300);
  }
}

void crowd_take(Phase& phase) {
  Root root = Root::open(phase.root());
  Queue queue = root.open_queue(kQueue, {});
  Queue other = root.open_queue(kOtherQueue, {});
  while (take(phase, queue, 4, true, kIdle) + take(phase, other, 2, false) > 0) {
  }
  queue.maintain();
}

void crowd_move(Phase& phase) {
  Root root = Root::open(phase.root());
  Queue from = root.open_queue(kQueue, {});
  Queue to = root.open_queue(kOtherQueue, {});
  for (int i = 0; i < kThreads; ++i) {
    ScanOptions newest;
    newest.states = {State::kReady};
    newest.limit = 3;
    std::vector<MessageId> ids;
    for (const MessageStatus& one : from.scan(newest)) ids.push_back(one.id);
    root.move(from, ids, to);
    from.maintain();
  }
}

}  // namespace

Scenarios crowd_scenarios() {
  const auto empty = [](Format format) {
    return [format](Phase& phase) { make_queue(phase, kQueue, format); };
  };
  const auto nothing = [](Phase&) {};
  return {
      {"send-group", {empty(Format::kBinary), send_together}},
      {"send-group-xml", {empty(Format::kXml), send_together}},
      {"crowd", {make_two_queues, crowd}},
      {"crowd-send", {nothing, crowd_send}},
      {"crowd-take", {nothing, crowd_take}},
      {"crowd-once", {nothing, crowd_once}},
      {"crowd-move", {nothing, crowd_move}},
  };
}

}  // namespace powercut
