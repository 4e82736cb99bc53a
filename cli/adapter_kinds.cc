#include "cli/adapter_kinds.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "adapters/bridge_kinds.h"
#include "adapters/export_adapter.h"
#include "adapters/import_adapter.h"
#include "adapters/tail_adapter.h"
#include "cli/json_output.h"
#include "cli/tail_json.h"

namespace spoolmq::cli {
namespace {

using adapters::KeyValue;

template <auto kParse>
AdapterSettings parse_as(std::string queue, std::string directory,
                         std::span<const KeyValue> given) {
  return kParse(std::move(queue), std::move(directory), given);
}

template <typename Settings, typename Made>
std::unique_ptr<adapters::Adapter> make_as(const AdapterSettings& settings,
                                           adapters::AdapterPlace place) {
  return std::make_unique<Made>(std::get<Settings>(settings), std::move(place));
}

std::unique_ptr<adapters::Adapter> make_tail(const AdapterSettings& settings,
                                             adapters::AdapterPlace place) {
  const auto json = [](const TailMessage& message, std::optional<std::string_view> body) {
    return json_line(tail_json(message, body));
  };
  return std::make_unique<adapters::TailAdapter>(std::get<adapters::TailSettings>(settings),
                                                 std::move(place), json);
}

// The plan knows how to make what it plans.
AdapterKind kind_of(const adapters::BridgeKind& bridge) {
  return {bridge.type,
          HasDirectory::kNo,
          bridge.of_queue,
          bridge.keys,
          [parse = bridge.parse](std::string queue, const std::string& /*directory*/,
                                 std::span<const KeyValue> given) -> AdapterSettings {
            return parse(std::move(queue), given);
          },
          [](const AdapterSettings& settings, adapters::AdapterPlace place) {
            return std::get<std::shared_ptr<const adapters::BridgePlan>>(settings)->make(
                std::move(place));
          }};
}

std::vector<AdapterKind> make_kinds() {
  std::vector<AdapterKind> kinds{
      AdapterKind{"import", HasDirectory::kYes, OfQueue::kOne, adapters::import_keys,
                  parse_as<adapters::parse_import_settings>,
                  make_as<adapters::ImportSettings, adapters::ImportAdapter>},
      AdapterKind{"export", HasDirectory::kYes, OfQueue::kOne, adapters::export_keys,
                  parse_as<adapters::parse_export_settings>,
                  make_as<adapters::ExportSettings, adapters::ExportAdapter>},
      AdapterKind{"tail", HasDirectory::kNo, OfQueue::kOne, adapters::tail_keys,
                  parse_as<adapters::parse_tail_settings>, make_tail},
  };
  for (const adapters::BridgeKind& bridge : adapters::bridge_kinds()) {
    kinds.push_back(kind_of(bridge));
  }
  return kinds;
}

}  // namespace

std::span<const AdapterKind> adapter_kinds() {
  static const std::vector<AdapterKind> kinds = make_kinds();
  return kinds;
}

const AdapterKind* find_adapter_kind(std::string_view type) {
  const std::span<const AdapterKind> kinds = adapter_kinds();
  const auto found = std::ranges::find(kinds, type, &AdapterKind::type);
  return found == kinds.end() ? nullptr : &*found;
}

const std::string& queue_of(const AdapterSettings& settings) {
  return std::visit(
      [](const auto& one) -> const std::string& {
        if constexpr (requires { one.queue; })
          return one.queue;
        else
          return one->queue;
      },
      settings);
}

const std::string& directory_of(const AdapterSettings& settings) {
  return std::visit(
      [](const auto& one) -> const std::string& {
        if constexpr (requires { one.directory; })
          return one.directory;
        else
          return one->place;
      },
      settings);
}

}  // namespace spoolmq::cli
