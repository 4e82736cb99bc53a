// adapters: what the service of this root runs, and a hand on it.

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/control_client.h"
#include "cli/json_output.h"
#include "cli/output.h"
#include "cli/table.h"
#include "core/clock.h"
#include "core/text.h"
#include "core/units.h"

namespace spoolmq::cli {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 3> kActs = {"pause", "resume", "restart"};
constexpr std::array<const char*, 15> kFields = {
    "name",  "type",  "queue",   "directory", "state",        "until",      "why",          "since",
    "moved", "bytes", "refused", "waiting",   "last_success", "last_error", "last_error_at"};

json request_of(const Arguments& arguments) {
  const std::vector<std::string>& words = arguments.operands;
  const bool act = !words.empty() && std::ranges::find(kActs, words[0]) != kActs.end();
  if (act && words.size() == 2) return {{"do", words[0]}, {"name", words[1]}};
  if (act || words.size() == 2) {
    throw Error(ErrorCode::kUsage, "adapters", words[0],
                act ? "of which adapter?" : "not one of pause resume restart");
  }
  if (words.empty()) return {{"do", "adapters"}};
  return {{"do", "adapters"}, {"name", words[0]}};
}

std::string text_of(const json& adapter, const char* field) {
  const auto found = adapter.find(field);
  if (found == adapter.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

// How long ago, or from now; empty where there is no such time.
std::string distance(const json& adapter, const char* field, std::int64_t now_ms) {
  const std::optional<std::int64_t> time_ms = parse_time(text_of(adapter, field));
  if (!time_ms) return {};
  return rough_duration(std::max(now_ms, *time_ms) - std::min(now_ms, *time_ms));
}

// "paused,12s": it will be tried again in 12 s.
std::string state_cell(const json& adapter, std::int64_t now_ms) {
  const std::string until = distance(adapter, "until", now_ms);
  return text_of(adapter, "state") + (until.empty() ? "" : "," + until);
}

// What is wrong now, or was wrong last.
std::string error_cell(const json& adapter) {
  const std::string why = text_of(adapter, "why");
  return why.empty() ? text_of(adapter, "last_error") : why;
}

std::string table_of(const json& adapters) {
  const std::int64_t now_ms = SystemClock().wall_ms();
  Table table({{"NAME"},
               {"TYPE"},
               {"QUEUE"},
               {"STATE"},
               {"MOVED", Align::kRight},
               {"REFUSED", Align::kRight},
               {"WAITING", Align::kRight},
               {"LAST-SUCCESS", Align::kRight},
               {"LAST-ERROR"}});
  for (const json& one : adapters) {
    table.add({text_of(one, "name"), text_of(one, "type"), text_of(one, "queue"),
               state_cell(one, now_ms), text_of(one, "moved"), text_of(one, "refused"),
               text_of(one, "waiting"), distance(one, "last_success", now_ms), error_cell(one)});
  }
  return table.take();
}

void print_fields(const json& adapter) {
  for (const char* const field : kFields) {
    const std::string text = text_of(adapter, field);
    if (!text.empty()) write_out(std::string(field) + ": " + printable(text) + "\n");
  }
}

void print_json(const json& adapters, const json& config_error) {
  for (const json& one : adapters) {
    nlohmann::ordered_json object;
    for (const char* const field : kFields) object[field] = one.value(field, json());
    object["config_error"] = config_error;
    print_line(object);
  }
}

int run_adapters(Context& context, const Arguments& arguments) {
  const json request = request_of(arguments);
  const std::string root = context.root_path.empty() ? Root::default_path() : context.root_path;
  const std::optional<json> reply = ask_service(root, request);
  if (!reply) {
    throw Error(ErrorCode::kUnavailable, "adapters", root, "no service runs on this root");
  }
  const json adapters = reply->value("adapters", json::array());
  const json config_error = reply->value("config_error", json());
  if (config_error.is_string()) say("reload", root, config_error.get<std::string>());
  if (context.json) {
    print_json(adapters, config_error);
  } else if (request.contains("name") && request["do"] == "adapters") {
    for (const json& one : adapters) print_fields(one);
  } else {
    write_out(table_of(adapters));
  }
  return adapters.empty() ? kNothing : kDone;
}

constexpr std::array kAdapters = {
    Command{"service",
            "adapters",
            "[NAME | pause NAME | resume NAME | restart NAME]",
            0,
            2,
            false,
            "lists what the service runs; pauses, resumes or restarts one of it",
            "spoolmq adapters pause orders-in",
            {},
            run_adapters},
};

}  // namespace

std::span<const Command> adapter_commands() { return kAdapters; }

}  // namespace spoolmq::cli
