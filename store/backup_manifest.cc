#include "store/backup_manifest.h"

#include <nlohmann/json.hpp>

#include "core/checksum.h"
#include "core/file_system.h"
#include "core/names.h"
#include "core/text.h"
#include "core/units.h"

namespace spoolmq {
namespace {

using nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr std::size_t kHex16 = 16;

ordered_json json_of(const BackupManifest::Queue& queue) {
  ordered_json small = ordered_json::array();
  for (const BackupManifest::Small& file : queue.small) {
    small.push_back(
        {{"name", file.name}, {"bytes", file.bytes}, {"checksum", hex16(file.checksum)}});
  }
  return {{"queue", queue.name},         {"generation", queue.generation},
          {"messages", queue.messages},  {"ids", hex16(queue.ids)},
          {"files", queue.files},        {"bytes", queue.bytes},
          {"names", hex16(queue.names)}, {"small", std::move(small)}};
}

// Throws what nlohmann throws, for the caller.
std::uint64_t hex_at(const ordered_json& json, const char* key) {
  const auto value = parse_hex16(json.at(key).get<std::string>());
  if (!value) throw std::invalid_argument(std::string(key) + " is not a checksum");
  return *value;
}

BackupManifest::Queue queue_of(const ordered_json& json) {
  BackupManifest::Queue queue;
  queue.name = json.at("queue").get<std::string>();
  if (names::refuse_queue_name(queue.name)) throw std::invalid_argument("a queue's name is none");
  queue.generation = json.at("generation").get<std::uint64_t>();
  queue.messages = json.at("messages").get<std::int64_t>();
  queue.ids = hex_at(json, "ids");
  queue.files = json.at("files").get<std::uint64_t>();
  queue.bytes = json.at("bytes").get<std::uint64_t>();
  queue.names = hex_at(json, "names");
  for (const ordered_json& file : json.at("small")) {
    queue.small.push_back({file.at("name").get<std::string>(),
                           file.at("bytes").get<std::uint64_t>(), hex_at(file, "checksum")});
  }
  return queue;
}

}  // namespace

std::string format_manifest(const BackupManifest& manifest) {
  ordered_json queues = ordered_json::array();
  for (const BackupManifest::Queue& queue : manifest.queues) queues.push_back(json_of(queue));
  ordered_json bindings = ordered_json::array();
  for (const Binding& one : manifest.bindings) bindings.push_back({one.pattern, one.queue});
  const ordered_json json{{"spoolmq_backup", kVersion},
                          {"made_at", format_time(manifest.made_at_ms)},
                          {"queues", std::move(queues)},
                          {"bindings", std::move(bindings)}};
  std::string text = json.dump() + "\n";
  const std::string sum = hex16(checksum(as_bytes(text)));
  return text + "\"" + sum + "\"\n";
}

std::variant<BackupManifest, NotAManifest> parse_manifest(std::string_view text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return NotAManifest{"it was never finished"};
  const std::string_view line = text.substr(0, end + 1);
  const std::string_view sum = text.substr(end + 1);
  const bool framed = sum.size() == kHex16 + 3 && sum.front() == '"' && sum.ends_with("\"\n");
  if (!framed || parse_hex16(sum.substr(1, kHex16)) != checksum(as_bytes(line))) {
    return NotAManifest{"its checksum is wrong"};
  }
  try {
    const ordered_json json = ordered_json::parse(line);
    if (json.at("spoolmq_backup").get<int>() != kVersion) {
      return NotAManifest{"it is of another version"};
    }
    BackupManifest manifest;
    manifest.made_at_ms = parse_time(json.at("made_at").get<std::string>()).value_or(0);
    for (const ordered_json& queue : json.at("queues")) manifest.queues.push_back(queue_of(queue));
    for (const ordered_json& one : json.at("bindings")) {
      manifest.bindings.push_back({one.at(0).get<std::string>(), one.at(1).get<std::string>()});
    }
    return manifest;
  } catch (const std::exception& error) {
    return NotAManifest{error.what()};
  }
}

}  // namespace spoolmq
