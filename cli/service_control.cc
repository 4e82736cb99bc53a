#include "cli/service_control.h"

#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "core/units.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kObeyWithin{5};
constexpr std::chrono::milliseconds kLookEvery{10};

json time_or_null(std::int64_t wall_ms) {
  return wall_ms == 0 ? json() : json(format_time(wall_ms));
}

json text_or_null(const std::string& text) { return text.empty() ? json() : json(text); }

std::string text_of(const json& request, const char* key) {
  const auto found = request.find(key);
  if (found == request.end()) return {};
  if (!found->is_string()) {
    throw Error(ErrorCode::kBadData, "ask the service", key, "it must be text");
  }
  return found->get<std::string>();
}

json explain_all(const std::vector<std::shared_ptr<AdapterRunner>>& runners,
                 const std::string& path) {
  json answers = json::array();
  for (const auto& runner : runners) {
    const auto reasons = runner->explain(path);
    if (!reasons) continue;
    json shown = json::array();
    for (const adapters::FileReason& reason : *reasons) {
      shown.push_back({{"rule", reason.rule},
                       {"why", reason.why},
                       {"left_ms", reason.left_ms ? json(*reason.left_ms) : json()},
                       {"id", reason.id ? json(reason.id->text()) : json()}});
    }
    const AdapterStatus status = runner->status();
    answers.push_back(
        {{"adapter", status.name}, {"queue", status.queue}, {"reasons", std::move(shown)}});
  }
  return {{"answers", std::move(answers)}};
}

}  // namespace

json adapter_json(const AdapterStatus& status) {
  json object;
  object["name"] = status.name;
  object["type"] = status.type;
  object["queue"] = status.queue;
  object["directory"] = status.directory;
  object["state"] = adapter_state_name(status.state);
  object["until"] = time_or_null(status.until_wall_ms.value_or(0));
  object["why"] = text_or_null(status.why);
  object["since"] = time_or_null(status.since_wall_ms);
  object["moved"] = status.moved;
  object["bytes"] = status.bytes;
  object["refused"] = status.refused;
  object["waiting"] = status.waiting;
  object["last_success"] = time_or_null(status.last_success_wall_ms);
  object["last_error"] = text_or_null(status.last_error);
  object["last_error_at"] = time_or_null(status.last_error_wall_ms);
  return object;
}

ServiceControl::ServiceControl(Supervisor& supervisor, asio::thread_pool& slow,
                               const std::string& config_error, std::int64_t started_wall_ms)
    : supervisor_(supervisor),
      slow_(slow),
      config_error_(config_error),
      started_wall_ms_(started_wall_ms) {}

asio::awaitable<json> ServiceControl::answer(json request) {
  const std::string command = text_of(request, "do");
  const std::string name = text_of(request, "name");
  if (command == "adapters") {
    co_return adapters(name.empty() ? supervisor_.statuses()
                                    : std::vector<AdapterStatus>(1, find(name)->status()));
  }
  if (command == "pause" || command == "resume" || command == "restart") {
    co_return co_await act(command, name);
  }
  if (command == "why") co_return co_await why(text_of(request, "path"));
  throw Error(ErrorCode::kUsage, "ask the service", "do",
              "it must be adapters, pause, resume, restart or why");
}

json ServiceControl::adapters(std::vector<AdapterStatus> statuses) const {
  json shown = json::array();
  for (const AdapterStatus& status : statuses) shown.push_back(adapter_json(status));
  return {{"adapters", std::move(shown)},
          {"config_error", text_or_null(config_error_)},
          {"pid", ::getpid()},
          {"started", time_or_null(started_wall_ms_)}};
}

std::shared_ptr<AdapterRunner> ServiceControl::find(const std::string& name) {
  std::shared_ptr<AdapterRunner> runner = supervisor_.find(name);
  if (!runner) {
    throw Error(ErrorCode::kNotFound, "look for the adapter", name,
                "the service runs none so named");
  }
  return runner;
}

asio::awaitable<json> ServiceControl::act(std::string command, std::string name) {
  const std::shared_ptr<AdapterRunner> runner = find(name);
  if (command == "pause") runner->pause();
  if (command == "resume") runner->resume();
  if (command == "restart") runner->restart();
  asio::steady_timer timer(co_await asio::this_coro::executor);
  const auto deadline = std::chrono::steady_clock::now() + kObeyWithin;
  while (!runner->is_quiet() && std::chrono::steady_clock::now() < deadline) {
    timer.expires_after(kLookEvery);
    asio::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  AdapterStatus status = runner->status();
  if (!runner->is_quiet()) status.why = command + " waits for the end of a running turn";
  co_return adapters(std::vector<AdapterStatus>(1, std::move(status)));
}

asio::awaitable<json> ServiceControl::why(std::string path) {
  if (!path.starts_with('/')) {
    throw Error(ErrorCode::kUsage, "explain", path, "the path must be absolute");
  }
  // The work is done in the pool, the coroutine goes on here.
  auto explained = [](std::vector<std::shared_ptr<AdapterRunner>> runners,
                      std::string of) -> asio::awaitable<json> {
    co_return explain_all(runners, of);
  };
  json answers = co_await asio::co_spawn(slow_, explained(supervisor_.all(), std::move(path)),
                                         asio::use_awaitable);
  co_return answers;
}

}  // namespace spoolmq::cli
