#include "cli/why_file.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

#include "cli/control_client.h"
#include "cli/json_output.h"
#include "cli/output.h"
#include "cli/table.h"
#include "core/clock.h"
#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

namespace fs = std::filesystem;
using adapters::FileReason;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kReady = "ready";
constexpr std::string_view kImported = "imported";

// ---- Asking

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const json& list_of(const json& object, const char* name) {
  static const json none = json::array();
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : none;
}

FileReason reason_of(const json& object) {
  FileReason reason{text_of(object, "rule"), text_of(object, "why"), {}, {}};
  const auto left = object.find("left_ms");
  if (left != object.end() && left->is_number_integer()) reason.left_ms = left->get<std::int64_t>();
  reason.id = MessageId::parse(text_of(object, "id"));
  return reason;
}

ServiceConfig config_of(const std::string& root) {
  const std::string path = root + "/" + std::string(kServiceConfig);
  const std::optional<std::string> text = read_service_config(path);
  if (!text) return {};
  ConfigResult result = parse_service_config(*text, path);
  if (!result.problems.empty()) {
    throw Error(ErrorCode::kConfiguration, "why", path,
                "line " + std::to_string(result.problems.front().line) + ": " +
                    result.problems.front().why);
  }
  return std::move(result.config);
}

enum class Service : std::uint8_t { kRuns, kNone };
struct Answers {
  std::vector<FileAnswer> of_imports;
  Service service = Service::kRuns;
};

Answers ask_everybody(Context& context, const std::vector<std::string>& paths) {
  const std::string root = context.root().path();
  Answers answers;
  for (const std::string& path : paths) {
    const std::optional<json> answer = ask_service(root, {{"do", "why"}, {"path", path}});
    if (!answer) {
      answers.service = Service::kNone;
      break;
    }
    answers.of_imports = file_answers(*answer);
    if (!answers.of_imports.empty()) return answers;
  }
  if (answers.service == Service::kRuns) return answers;
  const ServiceConfig config = config_of(root);
  const SystemClock clock;
  for (const std::string& path : paths) {
    answers.of_imports = look_at_file(context.root(), clock, config, path);
    if (!answers.of_imports.empty()) break;
  }
  return answers;
}

// ---- Telling

void print_reason(const Context& context, const std::string& path, const FileAnswer& answer,
                  const FileReason& reason) {
  if (context.json) {
    ordered_json object;
    object["file"] = path;
    object["adapter"] = answer.adapter;
    object["queue"] = answer.queue;
    object["rule"] = reason.rule;
    object["reason"] = reason.why;
    if (reason.left_ms) object["left_ms"] = *reason.left_ms;
    if (reason.id) object["id"] = reason.id->text();
    print_line(object);
    return;
  }
  std::string line = answer.adapter + ": " + reason.rule + ": " + reason.why;
  if (reason.left_ms) line += ", " + rough_duration(*reason.left_ms) + " left";
  if (reason.id) line += ", " + reason.id->text();
  write_out(printable(line) + "\n");
}

bool is_there(const std::string& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

// Taken, and known by its path.
bool names_a_message(const FileAnswer& answer) {
  return std::ranges::any_of(answer.reasons,
                             [](const FileReason& one) { return one.id.has_value(); });
}

}  // namespace

std::vector<FileAnswer> file_answers(const json& answer) {
  std::vector<FileAnswer> found;
  for (const json& one : list_of(answer, "answers")) {
    if (!one.is_object()) continue;
    FileAnswer of_one{text_of(one, "adapter"), text_of(one, "queue"), {}};
    for (const json& reason : list_of(one, "reasons")) {
      if (reason.is_object()) of_one.reasons.push_back(reason_of(reason));
    }
    found.push_back(std::move(of_one));
  }
  return found;
}

std::vector<FileAnswer> look_at_file(Root& root, const Clock& clock, const ServiceConfig& config,
                                     const std::string& absolute_path) {
  std::vector<FileAnswer> found;
  for (const AdapterConfig& adapter : config.adapters) {
    const AdapterKind* const kind = find_adapter_kind(adapter.type);
    adapters::AdapterPlace place;
    place.root = &root;
    place.clock = &clock;
    place.name = adapter.name;
    FileAnswer answer{adapter.name, queue_of(adapter.settings), {}};
    try {
      auto reasons = kind->make(adapter.settings, std::move(place))->explain(absolute_path);
      if (!reasons) continue;
      answer.reasons = std::move(*reasons);
    } catch (const Error& error) {
      if (!absolute_path.starts_with(directory_of(adapter.settings) + "/")) continue;
      answer.reasons.push_back({"import", error.what(), {}, {}});
    }
    found.push_back(std::move(answer));
  }
  return found;
}

bool is_moving(const FileAnswer& answer) {
  return std::ranges::all_of(answer.reasons, [](const FileReason& reason) {
    return reason.rule == kReady || reason.rule == kImported;
  });
}

std::vector<std::string> absolute_paths(const std::string& path) {
  const std::string as_given = fs::absolute(path).lexically_normal().string();
  std::error_code error;
  const fs::path whole = fs::absolute(path);
  const fs::path parent = fs::weakly_canonical(whole.parent_path(), error);
  const std::string followed = (parent / whole.filename()).string();
  if (error || followed == as_given) return {as_given};
  return {as_given, followed};
}

bool means_file(Context& context, const std::string& operand) {
  if (operand.empty() || context.root().has_queue(operand)) return false;
  return operand.find('/') != std::string::npos || is_there(operand);
}

int run_why_file(Context& context, const std::string& path) {
  const std::vector<std::string> paths = absolute_paths(path);
  const bool there = is_there(path);
  Answers answers = ask_everybody(context, paths);
  if (!there) {
    std::erase_if(answers.of_imports,
                  [](const FileAnswer& answer) { return !names_a_message(answer); });
    if (answers.of_imports.empty()) {
      throw Error(ErrorCode::kNotFound, "why", path, "no such file, and no such queue");
    }
  }
  if (answers.of_imports.empty()) {
    throw Error(ErrorCode::kNotFound, "why", path, "no import of this root watches its directory");
  }
  bool moves = false;
  for (FileAnswer& answer : answers.of_imports) {
    const bool is_in = !answer.reasons.empty() && answer.reasons.front().rule == kImported;
    if (answers.service == Service::kNone && !is_in) {
      answer.reasons.insert(answer.reasons.begin(),
                            {"service", "no service runs on this root: nothing moves", {}, {}});
    }
    for (const FileReason& reason : answer.reasons) {
      print_reason(context, paths.front(), answer, reason);
    }
    moves = moves || is_moving(answer);
  }
  return moves ? kDone : kNothing;
}

}  // namespace spoolmq::cli
