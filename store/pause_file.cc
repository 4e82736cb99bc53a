#include "store/pause_file.h"

#include <nlohmann/json.hpp>

#include "core/checksum.h"
#include "core/file_system.h"
#include "core/text.h"

namespace spoolmq {

namespace {

using Json = nlohmann::ordered_json;

std::string as_text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string check_of(const Json& json) { return hex16(checksum(as_bytes(as_text(json)))); }

}  // namespace

std::string format_pause(const Pause& pause, std::int64_t now_ms) {
  Json json;
  json["receive"] = pause.receive;
  json["send"] = pause.send;
  json["until_ms"] = pause.until_ms;
  json["reason"] = pause.reason;
  json["by"] = pause.by;
  json["at_ms"] = now_ms;
  json["check"] = check_of(json);
  return as_text(json) + "\n";
}

Pause unreadable_pause() {
  return {true, true, 0, "the file `paused` is damaged; `resume` ends the pause", "somebody"};
}

std::optional<Pause> parse_pause(std::string_view text) {
  try {
    Json json = Json::parse(text);
    if (json.contains("check")) {
      const std::string check = json["check"].get<std::string>();
      json.erase("check");
      if (check != check_of(json)) return std::nullopt;
    }
    Pause pause;
    pause.receive = json.at("receive").get<bool>();
    pause.send = json.at("send").get<bool>();
    pause.until_ms = json.at("until_ms").get<std::int64_t>();
    pause.reason = json.at("reason").get<std::string>();
    pause.by = json.at("by").get<std::string>();
    return pause;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace spoolmq
