#pragma once
// The table of adapter types. Whatever reads spoolmq.toml, makes options of the command line or
// starts an adapter goes by it; nothing else knows what types there are.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "adapters/adapter.h"
#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"
#include "adapters/bridge_kinds.h"
#include "adapters/export_settings.h"
#include "adapters/import_settings.h"
#include "adapters/tail_settings.h"

namespace spoolmq::cli {

using AdapterSettings =
    std::variant<adapters::ImportSettings, adapters::ExportSettings, adapters::TailSettings,
                 std::shared_ptr<const adapters::BridgePlan>>;

using adapters::OfQueue;
enum class HasDirectory : std::uint8_t { kNo, kYes };

struct AdapterKind {
  std::string_view type;  // of those with a directory also the command that makes one pass
  HasDirectory has_directory;
  OfQueue of_queue;
  std::span<const adapters::AdapterKey> (*keys)();
  // Throws Error(kUsage), its subject being the `where` of the value that is refused.
  std::function<AdapterSettings(std::string queue, std::string directory,
                                std::span<const adapters::KeyValue> given)>
      parse;
  // Opens the queue. Throws Error.
  std::unique_ptr<adapters::Adapter> (*make)(const AdapterSettings& settings,
                                             adapters::AdapterPlace place);
};

std::span<const AdapterKind> adapter_kinds();
const AdapterKind* find_adapter_kind(std::string_view type);  // null: there is none

// Empty: it is not of one.
const std::string& queue_of(const AdapterSettings& settings);
// Of one without: where its messages go, for people.
const std::string& directory_of(const AdapterSettings& settings);

}  // namespace spoolmq::cli
