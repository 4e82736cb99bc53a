#include "cli/service.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <utility>
#include <variant>

#include "adapters/unix_socket.h"
#include "cli/adapter_kinds.h"
#include "cli/prometheus.h"
#include "cli/service_metrics.h"
#include "core/log.h"

namespace spoolmq::cli {
namespace {

constexpr std::uint32_t kControlMode = 0600;
constexpr std::string_view kControl = "control";
constexpr std::chrono::seconds kCountsWithin{5};
constexpr std::chrono::milliseconds kStatusEvery{1'000};
constexpr std::chrono::milliseconds kDrainLookEvery{10};

sigset_t service_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGHUP, SIGTERM, SIGINT}) ::sigaddset(&set, signal);
  return set;
}

int open_signals() {
  const sigset_t set = service_signals();
  const int opened = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (opened < 0) throw Error::from_errno(errno, "serve", "signals");
  return opened;
}

std::unique_ptr<adapters::Adapter> make_adapter(const AdapterConfig& config,
                                                const adapters::AdapterPlace& place) {
  const AdapterKind* const kind = find_adapter_kind(config.type);
  if (kind == nullptr) {
    throw Error(ErrorCode::kConfiguration, "serve", config.name, "unknown type " + config.type);
  }
  return kind->make(config.settings, place);
}

std::string count_of(std::size_t count, std::string_view what) {
  std::string text = std::to_string(count) + " " + std::string(what);
  if (count != 1) text += 's';
  return text;
}

}  // namespace

void block_service_signals() {
  const sigset_t set = service_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

Service::Service(Parts parts, ServiceConfig config)
    : parts_(std::move(parts)),
      config_(std::move(config)),
      started_wall_ms_(parts_.clock->wall_ms()),
      signals_(loop_, open_signals()),
      drain_timer_(loop_),
      desk_(loop_, *parts_.clock),
      sweeper_(*parts_.root, *parts_.clock),
      supervisor_(surroundings()),
      control_(supervisor_, slow_, config_error_, started_wall_ms_) {
  if (!parts_.log_level) log::set_level(config_.log_level);
  control_server_.emplace(
      loop_,
      adapters::listen_at(parts_.run_directory->path() + "/" + std::string(kControl), kControlMode),
      [this](nlohmann::json request) { return control_.answer(std::move(request)); });
  use_metrics(config_.metrics);
}

Service::~Service() = default;

AdapterRunner::Surroundings Service::surroundings() {
  AdapterRunner::Surroundings surroundings;
  surroundings.root = parts_.root;
  surroundings.clock = parts_.clock;
  surroundings.make = parts_.make ? parts_.make : make_adapter;
  surroundings.watch = [this](AdapterRunner& runner, std::uint64_t session,
                              std::vector<watcher::WatchOptions> watches) {
    asio::post(loop_, [this, weak = runner.weak_from_this(), session,
                       watches = std::move(watches)] { desk_.set(weak, session, watches); });
  };
  return surroundings;
}

void Service::use_metrics(const std::string& text) {
  metrics_.reset();
  if (text.empty()) return;
  const auto place = parse_metrics_place(text);
  if (const auto* const refusal = std::get_if<MetricsRefusal>(&place)) {
    throw Error(ErrorCode::kConfiguration, "show metrics", text, refusal->why);
  }
  metrics_ = std::make_unique<MetricsServer>(loop_, std::get<MetricsPlace>(place),
                                             [this] { return metrics_text(); });
}

ServiceEnd Service::run() {
  sweeping_ = std::jthread([this](const std::stop_token& stop) {
    sweeper_.run(stop);
    swept_out_ = true;
  });
  supervisor_.apply(config_.adapters);
  asio::co_spawn(loop_, take_signals(), asio::detached);
  asio::co_spawn(loop_, keep_status(), asio::detached);
  if (const auto limit = parts_.notifier.watchdog_limit()) {
    asio::co_spawn(loop_, keep_watchdog(*limit / 2), asio::detached);
  }
  shown_status_ = status_text();
  parts_.notifier.ready(shown_status_);
  log::info("serving", {{"root", parts_.root->path()}, {"adapters", config_.adapters.size()}});
  loop_.run();
  control_server_.reset();
  ::unlink((parts_.run_directory->path() + "/" + std::string(kControl)).c_str());
  metrics_.reset();
  log::info("ended", {{"root", parts_.root->path()}});
  return end_;
}

// ---- In the loop

asio::awaitable<void> Service::take_signals() {
  while (true) {
    signalfd_siginfo came{};
    asio::error_code error;
    co_await signals_.async_read_some(asio::buffer(&came, sizeof came),
                                      asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    if (came.ssi_signo == SIGHUP) {
      if (!draining_) reload();
    } else {
      end();
    }
  }
}

void Service::reload() {
  parts_.notifier.reloading();
  const std::string old_metrics = config_.metrics;
  try {
    ServiceConfig config = parts_.read_config();
    if (config.metrics != old_metrics) use_metrics(config.metrics);
    config_ = std::move(config);
    config_error_.clear();
    if (!parts_.log_level) log::set_level(config_.log_level);
    supervisor_.apply(config_.adapters);
    log::info("configuration reloaded", {{"adapters", config_.adapters.size()}});
  } catch (const std::exception& error) {
    config_error_ = error.what();
    log::error("configuration not reloaded: the old one goes on", {{"why", error.what()}});
    try {
      if (!metrics_) use_metrics(old_metrics);
    } catch (const std::exception& again) {
      log::error("metrics not shown any more", {{"why", again.what()}});
    }
  }
  shown_status_ = status_text();
  parts_.notifier.ready(shown_status_);
}

void Service::end() {
  if (draining_) {
    drain_until_ = std::chrono::steady_clock::now();
    return;
  }
  draining_ = true;
  drain_until_ = std::chrono::steady_clock::now() + config_.drain;
  log::info("ending", {{"root", parts_.root->path()}});
  parts_.notifier.stopping("ending: running turns may finish");
  supervisor_.end_all();
  asio::co_spawn(loop_, drain(), asio::detached);
}

// The adapters first, so that the sweeper's handles are the last and leave a clean mark.
asio::awaitable<void> Service::drain() {
  asio::error_code ignored;
  bool in_time = true;
  while (!swept_out_ && in_time) {
    if (supervisor_.reap().empty()) sweeping_.request_stop();
    drain_timer_.expires_after(kDrainLookEvery);
    co_await drain_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    in_time = std::chrono::steady_clock::now() < drain_until_;
  }
  if (!swept_out_) {
    end_ = ServiceEnd::kHung;
    const std::vector<std::string> unended = supervisor_.reap();
    for (const std::string& name : unended) {
      log::error("adapter did not end in time", {{"adapter", name}});
    }
    if (unended.empty()) log::error("sweeping did not end in time");
  }
  loop_.stop();
}

asio::awaitable<void> Service::keep_status() {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (!draining_) {
    supervisor_.reap();
    std::string now = status_text();
    if (now != shown_status_) {
      shown_status_ = std::move(now);
      parts_.notifier.status(shown_status_);
    }
    timer.expires_after(kStatusEvery);
    asio::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

// Being run is the proof: what hangs elsewhere, a file system say, a restart would not heal.
asio::awaitable<void> Service::keep_watchdog(std::chrono::microseconds every) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (true) {
    parts_.notifier.watchdog();
    timer.expires_after(every);
    asio::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

std::string Service::status_text() const {
  std::size_t paused = 0;
  std::size_t stopped = 0;
  const std::vector<AdapterStatus> statuses = supervisor_.statuses();
  for (const AdapterStatus& one : statuses) {
    paused += one.state == AdapterState::kPaused ? 1 : 0;
    stopped += one.state == AdapterState::kStopped ? 1 : 0;
  }
  std::string text = count_of(statuses.size(), "adapter");
  if (paused > 0) text += ", " + std::to_string(paused) + " paused";
  if (stopped > 0) text += ", " + std::to_string(stopped) + " stopped";
  text += "; " + count_of(sweeper_.queues(), "queue") + " swept";
  if (!config_error_.empty()) text += "; reload refused: " + config_error_;
  return text;
}

asio::awaitable<std::optional<std::string>> Service::metrics_text() {
  struct Counts {
    explicit Counts(asio::io_context& loop) : timer(loop, kCountsWithin) {}
    asio::steady_timer timer;
    std::optional<std::vector<NamedStats>> queues;
  };
  auto counts = std::make_shared<Counts>(loop_);
  const bool asked = sweeper_.ask([this, counts](const std::vector<NamedStats>& queues) {
    asio::post(loop_, [counts, queues] {
      counts->queues = queues;
      counts->timer.cancel();
    });
  });
  if (!asked) co_return std::nullopt;
  asio::error_code ignored;
  co_await counts->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  if (!counts->queues) co_return std::nullopt;
  ServiceFacts facts;
  facts.started_wall_ms = started_wall_ms_;
  facts.queues_swept = static_cast<std::int64_t>(sweeper_.queues());
  facts.config_ok = config_error_.empty();
  co_return prometheus_text(*counts->queues, parts_.clock->wall_ms()) +
      service_metrics_text(facts, supervisor_.statuses());
}

}  // namespace spoolmq::cli
