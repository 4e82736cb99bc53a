#pragma once
// One adapter of the service: makes it, gives it its turns, answers what a turn throws, and obeys
// the operator. A failure that may pass (adapter.h) pauses it: tried again after 1 s, doubling to
// 60 s (5 s where a directory or queue is missing), ±20 %; any other stops it. It is logged once
// when it begins and once when it works again.
//
//   running ──failure that may pass──▶ paused, until…  ──a turn succeeds──▶ running
//   running ──any other failure──────▶ stopped, why    ──resume, restart──▶ running
//   any     ──pause──────────────────▶ paused, by an operator: the adapter itself is gone, and with
//                                      it all that it held
//
// Threads: step() and run() belong to one thread, the adapter's; the rest may be called from any.
// Only make, turn and the adapter's end happen in the adapter's thread, so that no other ever waits
// for a slow one.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/adapter.h"
#include "cli/service_config.h"
#include "core/clock.h"

namespace spoolmq::cli {

enum class AdapterState : std::uint8_t { kRunning, kPaused, kStopped };
std::string_view adapter_state_name(AdapterState state);

// A failure of this kind pauses an adapter, any other stops it (adapter.h).
bool may_pass(ErrorCode code);

struct AdapterStatus {
  std::string name;
  std::string type;
  std::string queue;
  std::string directory;
  AdapterState state = AdapterState::kRunning;
  std::optional<std::int64_t> until_wall_ms;  // paused: when it is tried again
  std::string why;                            // it is paused or stopped
  std::int64_t since_wall_ms = 0;             // it is in this state
  std::uint64_t moved = 0;
  std::uint64_t bytes = 0;
  std::uint64_t refused = 0;
  std::uint64_t waiting = 0;
  std::int64_t last_success_wall_ms = 0;  // 0: never
  std::string last_error;                 // stays when it works again
  std::int64_t last_error_wall_ms = 0;
};

class AdapterRunner : public std::enable_shared_from_this<AdapterRunner> {
 public:
  struct Surroundings {
    Root* root = nullptr;
    const Clock* clock = nullptr;
    std::function<std::unique_ptr<adapters::Adapter>(const AdapterConfig&,
                                                     const adapters::AdapterPlace&)>
        make;
    // From the adapter's thread: from now on hints of these directories are wanted, under this
    // session's number; none: no longer. May be empty.
    std::function<void(AdapterRunner& runner, std::uint64_t session,
                       std::vector<watcher::WatchOptions> watches)>
        watch;
    std::function<void()> ended;  // from the adapter's thread, its last act; may be empty
  };
  static constexpr std::int64_t kNever = INT64_MAX;

  AdapterRunner(AdapterConfig config, Surroundings surroundings);

  // ---- the adapter's thread (adapter_runner.cc)
  // Does what is due; returns when to call again (boot milliseconds) if nothing wakes it.
  std::int64_t step();
  void run();  // steps until end() was asked for and done

  // ---- any thread (adapter_requests.cc)
  void pause();    // a running turn comes to its end first: is_quiet() tells
  void resume();   // also tries at once what is paused by a failure, and starts what is stopped
  void restart();  // made anew, whatever its state
  // Runs by this from the next turn on. False: it has ended, so that a new one is needed.
  [[nodiscard]] bool change(AdapterConfig config);
  void end();
  void wake();
  void hint(std::uint64_t session, std::size_t watch, const watcher::Hint& hint);
  std::optional<std::vector<adapters::FileReason>> explain(const std::string& absolute_path);

  [[nodiscard]] AdapterStatus status() const;
  [[nodiscard]] std::string fingerprint() const;
  [[nodiscard]] bool is_ending() const;  // and not changed since
  [[nodiscard]] bool has_ended() const;
  [[nodiscard]] bool is_quiet() const;  // every request was obeyed

 private:
  enum class Next : std::uint8_t { kTurn, kRest, kEnd };
  Next choose(std::unique_lock<std::mutex>& lock);
  void make();
  void drop(std::unique_lock<std::mutex>& lock);
  void request(const std::function<void()>& change);
  [[nodiscard]] bool is_asked() const { return asked_ != obeyed_; }
  void succeeded(const adapters::Adapter::Turn& turn);
  enum class Failure : std::uint8_t { kMayPass, kMissing, kFinal };
  static Failure failure_of(ErrorCode code);
  void failed(Failure kind, bool keep, const std::string& why);
  void enter(AdapterState state, std::string why);
  std::int64_t jittered_backoff(std::int64_t longest_ms);

  const Surroundings surroundings_;
  adapters::AdapterCounters counters_;

  // Held while a call goes to the adapter, which may call wake(): taken before mutex_, never
  // behind.
  std::mutex calls_mutex_;
  std::shared_ptr<adapters::Adapter> adapter_;  // changed by its thread alone
  std::uint64_t session_ = 0;                   // of adapter_

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::shared_ptr<const AdapterConfig> config_;
  std::uint64_t asked_ = 0;   // requests so far
  std::uint64_t obeyed_ = 0;  // of them
  bool ending_ = false;
  bool held_ = false;  // by an operator
  bool remake_ = false;
  bool retry_ = false;
  bool ended_ = false;
  bool woken_ = false;
  bool outage_ = false;
  std::int64_t due_boot_ms_ = 0;
  std::int64_t backoff_ms_ = 0;
  AdapterState state_ = AdapterState::kRunning;
  std::optional<std::int64_t> until_wall_ms_;
  std::string why_;
  std::int64_t since_wall_ms_ = 0;
  std::string last_error_;
  std::int64_t last_error_wall_ms_ = 0;
};

}  // namespace spoolmq::cli
