#include "store/pause_file.h"

#include <nlohmann/json.hpp>

namespace spoolmq {

std::string format_pause(const Pause& pause, std::int64_t now_ms) {
  nlohmann::ordered_json json;
  json["receive"] = pause.receive;
  json["send"] = pause.send;
  json["until_ms"] = pause.until_ms;
  json["reason"] = pause.reason;
  json["by"] = pause.by;
  json["at_ms"] = now_ms;
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::optional<Pause> parse_pause(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto flag = [&](const char* name) {
    return json.contains(name) && json[name].is_boolean() && json[name].get<bool>();
  };
  const auto word = [&](const char* name) {
    return json.contains(name) && json[name].is_string() ? json[name].get<std::string>()
                                                         : std::string();
  };
  Pause pause;
  pause.receive = flag("receive");
  pause.send = flag("send");
  if (json.contains("until_ms") && json["until_ms"].is_number_integer()) {
    pause.until_ms = json["until_ms"].get<std::int64_t>();
  }
  pause.reason = word("reason");
  pause.by = word("by");
  return pause;
}

}  // namespace spoolmq
