#include "cli/follow.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/bell.h"
#include "cli/adapter_runner.h"
#include "spoolmq/error.h"
#include "watcher/directory_watcher.h"

namespace spoolmq::cli {
namespace {

constexpr std::int64_t kLongestWaitMs = 3'600'000;

Error refused(std::string_view what) { return Error::from_errno(errno, "follow", what); }

// How the command ends by itself.
struct Ending {
  std::optional<Error> failure;  // that no other try will mend: its one line
  bool over = false;
};

// Keeps how the command is to end. Null inside: there never was an adapter.
class Watched final : public adapters::Adapter {
 public:
  Watched(std::unique_ptr<Adapter> inner, const FollowPlan& plan, Ending& ending)
      : inner_(std::move(inner)), plan_(plan), ending_(ending) {}

  Turn turn() override {
    try {
      if (inner_) {
        const Turn turn = inner_->turn();
        if (!turn.over) return turn;
        ending_.over = true;
      }
    } catch (const Error& error) {
      if (may_pass(error.code()) && !plan_.once) throw;
      ending_.failure = error;
    }
    return {AdapterRunner::kNever, true};
  }
  [[nodiscard]] std::vector<watcher::WatchOptions> watches() const override {
    return inner_ ? inner_->watches() : std::vector<watcher::WatchOptions>();
  }
  void hint(std::size_t watch, const watcher::Hint& hint) override { inner_->hint(watch, hint); }
  void interrupt() override {
    if (inner_) inner_->interrupt();
  }

 private:
  const std::unique_ptr<Adapter> inner_;
  const FollowPlan& plan_;
  Ending& ending_;
};

class Following {
 public:
  Following(const StopSignals& signals, const FollowPlan& plan)
      : plan_(plan),
        watcher_(*plan.clock),
        runner_(start()),
        stopper_([this, &signals] { wait_for_signal(signals.descriptor()); }) {}
  ~Following() {
    quit_.ring();
    stopper_.join();
  }
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;

  void run() {
    while (true) {
      const std::int64_t due_boot_ms = runner_->step();
      if (runner_->has_ended()) return;
      if (ending_.failure) throw Error(*ending_.failure);
      if (ending_.over) return;
      const AdapterStatus status = runner_->status();
      if (status.state == AdapterState::kStopped) {
        throw Error(ErrorCode::kInternal, "follow", status.queue, status.why);
      }
      wait_until(std::min(due_boot_ms, watcher_.next_due_boot_ms()));
    }
  }

 private:
  std::shared_ptr<AdapterRunner> start() {
    AdapterRunner::Surroundings surroundings;
    surroundings.root = plan_.root;
    surroundings.clock = plan_.clock;
    surroundings.make = [this](const AdapterConfig& config, const adapters::AdapterPlace& given) {
      adapters::AdapterPlace place = given;
      place.wake = [this, wake = given.wake] {
        wake();
        bell_.ring();
      };
      std::unique_ptr<adapters::Adapter> made;
      try {
        made = plan_.make(config, std::move(place));
      } catch (const Error& error) {
        if (may_pass(error.code()) && !plan_.once) throw;
        ending_.failure = error;
      }
      return std::make_unique<Watched>(std::move(made), plan_, ending_);
    };
    surroundings.watch = [this](AdapterRunner& runner, std::uint64_t session,
                                const std::vector<watcher::WatchOptions>& watches) {
      for (const auto token : tokens_) watcher_.forget(token);
      tokens_.clear();
      for (std::size_t i = 0; i < watches.size(); ++i) {
        tokens_.push_back(watcher_.watch(
            watches[i],
            [&runner, session, i](const watcher::Hint& hint) { runner.hint(session, i, hint); }));
      }
    };
    return std::make_shared<AdapterRunner>(plan_.config, std::move(surroundings));
  }

  // In a thread of its own, so that a turn at work on a large body is interrupted.
  void wait_for_signal(int signals) {
    std::array<pollfd, 2> waited{{{signals, POLLIN, 0}, {quit_.descriptor(), POLLIN, 0}}};
    while (::poll(waited.data(), waited.size(), -1) < 0) {
      if (errno != EINTR) break;  // not to be stopped by a signal is no reason to go on
    }
    if (waited[1].revents != 0) return;
    runner_->end();
    bell_.ring();
  }

  void wait_until(std::int64_t due_boot_ms) {
    const std::int64_t left_ms =
        std::clamp<std::int64_t>(due_boot_ms - plan_.clock->boot_ms(), 0, kLongestWaitMs);
    std::array<pollfd, 2> waited{
        {{bell_.descriptor(), POLLIN, 0}, {watcher_.descriptor(), POLLIN, 0}}};
    const int ready = ::poll(waited.data(), waited.size(), static_cast<int>(left_ms));
    if (ready < 0 && errno != EINTR) throw refused("poll");
    bell_.silence();
    if ((ready > 0 && waited[1].revents != 0) ||
        watcher_.next_due_boot_ms() <= plan_.clock->boot_ms()) {
      watcher_.process();
    }
  }

  const FollowPlan& plan_;
  adapters::Bell bell_;
  adapters::Bell quit_;
  Ending ending_;
  watcher::DirectoryWatcher watcher_;
  std::vector<watcher::DirectoryWatcher::Token> tokens_;
  const std::shared_ptr<AdapterRunner> runner_;
  std::thread stopper_;
};

}  // namespace

void follow(const StopSignals& signals, const FollowPlan& plan) { Following(signals, plan).run(); }

}  // namespace spoolmq::cli
