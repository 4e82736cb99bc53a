#include "cli/consume_crew.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <thread>

#include "adapters/message_environment.h"
#include "cli/stop_signals.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr std::int64_t kMaxWorkers = 256;

class Descriptor {
 public:
  Descriptor(int descriptor, std::string_view what) : descriptor_(descriptor) {
    if (descriptor_ < 0) throw Error::from_errno(errno, "make", what);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { ::close(descriptor_); }
  [[nodiscard]] int get() const { return descriptor_; }
  void raise() const {  // of an eventfd
    const std::uint64_t one = 1;
    static_cast<void>(!::write(descriptor_, &one, sizeof one));
  }

 private:
  int descriptor_;
};

// Waits until `workers` of them have raised `ended`, and passes signals on meanwhile.
void wait_for_workers(std::size_t workers, const Descriptor& ended, const StopSignals& signals,
                      const Descriptor& kill_now, ConsumeState& state) {
  int stops = 0;
  while (workers > 0) {
    std::array<pollfd, 2> waits = {pollfd{ended.get(), POLLIN, 0},
                                   pollfd{signals.descriptor(), POLLIN, 0}};
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) {
      throw Error::from_errno(errno, "wait", "workers");
    }
    std::uint64_t count = 0;
    if (waits[0].revents != 0 && ::read(ended.get(), &count, sizeof count) == sizeof count) {
      workers -= count;
    }
    if (waits[1].revents != 0) {
      stops += signals.take();
      state.stop();
      if (stops > 1) kill_now.raise();
    }
  }
}

std::int64_t dead_messages(Queue& queue) { return queue.stats().of(State::kDead).messages; }

Queue open_handle(Context& context, const std::string& name, const std::string& as) {
  OpenOptions options;
  options.name = as;
  return context.root().open_queue(name, options);
}

}  // namespace

int run_crew(Context& context, const Arguments& arguments, const ReplyRules* replies) {
  const std::string& name = arguments.operands[0];
  const auto workers =
      static_cast<std::size_t>(arguments.integer("--concurrency", 1, kMaxWorkers).value_or(1));
  const Until until = arguments.has("--until-empty") ? Until::kEmpty : Until::kStopped;
  const std::string as = arguments.value("--as").value_or("");

  const StopSignals signals;
  const Descriptor kill_now(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "event descriptor");
  const Descriptor ended(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "event descriptor");
  Queue looking = open_handle(context, name, as);

  AttendedRules rules;
  rules.run.command = arguments.trailing;
  rules.run.environment = adapters::own_environment();
  rules.run.signal_mask = signals.mask_before();
  rules.run.timeout = arguments.duration("--timeout");
  rules.lease = looking.settings().lease;
  rules.kill_now = kill_now.get();
  std::optional<adapters::PrivateDirectory> directory;
  if (adapters::uses_file(rules.run.command)) rules.run.directory = &directory.emplace();

  const std::int64_t dead_before = dead_messages(looking);
  ConsumeState state;
  std::vector<std::unique_ptr<ConsumeWorker>> crew;
  for (std::size_t i = 0; i < workers; ++i) {
    crew.push_back(std::make_unique<ConsumeWorker>(context, open_handle(context, name, as), rules,
                                                   until, state, replies));
  }
  {
    std::vector<std::jthread> threads;
    try {
      for (const auto& worker : crew) {
        threads.emplace_back([&worker = *worker, &ended] {
          worker.run();
          ended.raise();
        });
      }
      wait_for_workers(threads.size(), ended, signals, kill_now, state);
    } catch (...) {
      state.fail(std::current_exception());  // the threads are joined first
    }
  }
  if (const std::optional<int> code = state.result()) return *code;
  if (until == Until::kStopped) return kDone;
  return state.died() || dead_messages(looking) > dead_before ? kPartly : kDone;
}

}  // namespace spoolmq::cli
