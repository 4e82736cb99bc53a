#include "cli/adapter_config.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>
#include <vector>

#include "core/names.h"
#include "core/text.h"

namespace spoolmq::cli {
namespace {

using adapters::KeyValue;
using std::string_view_literals::operator""sv;

constexpr std::string_view kDirectory = "directory";
constexpr std::string_view kQueue = "queue";
constexpr std::array kCommonKeys{"name"sv, "type"sv, kQueue, kDirectory, "enabled"sv};
constexpr std::size_t kMaxPathBytes = 4095;  // PATH_MAX less its NUL

// "/srv//in/./" → "/srv/in": adapters and `why` compare paths by their text.
std::string without_detours(const std::string& path) {
  const std::filesystem::path normal = std::filesystem::path(path).lexically_normal();
  return (normal.has_filename() ? normal : normal.parent_path()).string();
}

bool has_directory(const AdapterKind& kind) { return kind.has_directory == HasDirectory::kYes; }

bool is_of_one(const AdapterKind& kind) { return kind.of_queue == OfQueue::kOne; }

// The keys that every adapter of that kind has.
std::vector<std::string_view> common_keys(const AdapterKind& kind) {
  std::vector<std::string_view> keys(kCommonKeys.begin(), kCommonKeys.end());
  if (!has_directory(kind)) std::erase(keys, kDirectory);
  if (!is_of_one(kind)) std::erase(keys, kQueue);
  return keys;
}

// What is written may be wrong in several places: each reader reports what it finds and goes on.
class AdapterReader {
 public:
  AdapterReader(const toml::table& table, ConfigReport& report) : table_(table), report_(report) {}

  // Nothing: something was reported, or it is not enabled.
  std::optional<AdapterConfig> read() {
    const std::size_t before = report_.problems.size();
    const AdapterKind* const kind = read_kind();
    const bool has_queue = kind == nullptr || is_of_one(*kind);
    const std::string queue = has_queue ? read_queue() : std::string();
    const std::string directory =
        kind == nullptr || has_directory(*kind) ? read_directory() : std::string();
    const std::string name = read_name(queue, has_queue);
    const bool enabled = read_enabled();
    if (kind == nullptr) return std::nullopt;
    read_keys(*kind);
    const std::optional<AdapterSettings> settings = read_settings(*kind, queue, directory);
    if (!settings || !enabled || report_.problems.size() > before) return std::nullopt;
    return AdapterConfig{.name = name,
                         .type = std::string(kind->type),
                         .settings = *settings,
                         .fingerprint = fingerprint(*kind, queue, directory),
                         .line = table_.source().begin.line};
  }

  // Also of one that cannot be used: no other may have it.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  void report(std::string_view key, std::string_view why) {
    const toml::node* const node = table_.get(key);
    report_.add(node == nullptr ? table_.source() : node->source(),
                std::string(key) + ": " + std::string(why));
  }

  // Empty: reported.
  std::string read_required(std::string_view key, std::string_view wanted) {
    const toml::node* const node = table_.get(key);
    if (node == nullptr) {
      report(key, "every adapter needs one, " + std::string(wanted));
      return {};
    }
    const auto text = read_text(key, *node, wanted, report_);
    if (text && text->empty()) report(key, "it must be " + std::string(wanted));
    return text.value_or("");
  }

  const AdapterKind* read_kind() {
    std::string wanted = "one of the strings";
    for (const AdapterKind& kind : adapter_kinds()) wanted.append(" ").append(kind.type);
    type_ = read_required("type", wanted);
    if (type_.empty()) return nullptr;
    const AdapterKind* const kind = find_adapter_kind(type_);
    if (kind == nullptr)
      report_.add(table_.get("type")->source(), shown("type", type_) + ": it must be " + wanted);
    return kind;
  }

  std::string read_queue() {
    std::string queue = read_required("queue", "the name of a queue");
    if (queue.empty()) return queue;
    if (const auto why = names::refuse_queue_name(queue)) {
      report_.add(table_.get("queue")->source(), shown("queue", queue) + ": " + *why);
    }
    return queue;
  }

  std::string read_directory() {
    std::string directory = read_required("directory", "an absolute path");
    if (directory.empty()) return directory;
    if (directory.front() != '/' || directory.find('\0') != std::string::npos ||
        directory.size() > kMaxPathBytes) {
      report_.add(table_.get("directory")->source(),
                  shown("directory", directory) + ": it must be an absolute path");
    }
    return without_detours(directory);
  }

  std::string read_name(const std::string& queue, bool has_queue) {
    const toml::node* const node = table_.get("name");
    if (node == nullptr) {
      if (!type_.empty() && has_queue != queue.empty())
        name_ = adapters::default_name(type_, queue);
      return name_;
    }
    const auto given = read_text("name", *node, "a string", report_);
    if (!given) return {};
    name_ = *given;
    if (const auto why = names::refuse_queue_name(name_)) {
      report_.add(node->source(), shown("name", name_) + ": " + *why);
    }
    return name_;
  }

  bool read_enabled() {
    const toml::node* const node = table_.get("enabled");
    if (node == nullptr) return true;
    return read_bool("enabled", *node, report_).value_or(true);
  }

  // Fills values_.
  void read_keys(const AdapterKind& kind) {
    const std::vector<std::string_view> common = common_keys(kind);
    std::vector<std::string_view> allowed = common;
    for (const adapters::AdapterKey& key : kind.keys()) allowed.push_back(key.name);
    for (const auto& [name, node] : table_) {
      if (std::ranges::find(common, name.str()) != common.end()) continue;
      const auto keys = kind.keys();
      const auto key = std::ranges::find(keys, name.str(), &adapters::AdapterKey::name);
      if (key == keys.end()) {
        report_.add(name.source(), unknown_key(name.str(), allowed));
        continue;
      }
      for (ConfigValue& value : read_values(*key, node, report_)) {
        values_.push_back(std::move(value));
      }
    }
  }

  // A parser stops at the first value that it refuses: the others are looked at without that one.
  // How the rest goes together is told only where every value is right by itself.
  std::optional<AdapterSettings> read_settings(const AdapterKind& kind, const std::string& queue,
                                               const std::string& directory) {
    std::vector<KeyValue> given;
    for (const ConfigValue& value : values_) given.push_back(value.given);
    std::optional<AdapterSettings> settings;
    while (!settings) {
      try {
        settings = kind.parse(queue, directory, given);
      } catch (const Error& error) {
        if (error.operation() == adapters::kClashOperation && given.size() < values_.size()) break;
        const auto refused = std::ranges::find(given, error.subject(), &KeyValue::where);
        report_refused(error);
        if (refused == given.end()) break;
        given.erase(refused);
      }
    }
    if (given.size() < values_.size()) return std::nullopt;
    return settings;
  }

  void report_refused(const Error& error) {
    const auto found = std::ranges::find_if(values_, [&error](const ConfigValue& value) {
      return value.given.where == error.subject();
    });
    if (found == values_.end()) {
      report_.add(table_.source(), error.subject() + ": " + error.why());
      return;
    }
    const std::string place = report_.path + ":" + std::to_string(found->line) + ": ";
    report_.problems.push_back(
        {found->line, printable(error.subject().substr(place.size()) + ": " + error.why())});
  }

  // Every part with its length in front: no two lists of parts look the same.
  [[nodiscard]] std::string fingerprint(const AdapterKind& kind, const std::string& queue,
                                        const std::string& directory) const {
    std::string text;
    const auto append = [&text](std::string_view part) {
      text.append(std::to_string(part.size())).append(":").append(part);
    };
    for (const std::string_view part : {kind.type, std::string_view(name_), std::string_view(queue),
                                        std::string_view(directory)}) {
      append(part);
    }
    for (const ConfigValue& value : values_) {
      append(value.given.key);
      append(value.given.value);
    }
    return text;
  }

  const toml::table& table_;
  ConfigReport& report_;
  std::string type_;
  std::string name_;
  std::vector<ConfigValue> values_;
};

}  // namespace

AdapterTable read_adapter(const toml::table& table, ConfigReport& report) {
  AdapterReader reader(table, report);
  AdapterTable read;
  read.adapter = reader.read();
  read.name = reader.name();
  return read;
}

}  // namespace spoolmq::cli
