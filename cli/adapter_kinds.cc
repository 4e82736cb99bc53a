#include "cli/adapter_kinds.h"

#include <algorithm>
#include <array>
#include <utility>

#include "adapters/export_adapter.h"
#include "adapters/import_adapter.h"

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

constexpr std::array kKinds = {
    AdapterKind{"import", adapters::import_keys, parse_as<adapters::parse_import_settings>,
                make_as<adapters::ImportSettings, adapters::ImportAdapter>},
    AdapterKind{"export", adapters::export_keys, parse_as<adapters::parse_export_settings>,
                make_as<adapters::ExportSettings, adapters::ExportAdapter>},
};

}  // namespace

std::span<const AdapterKind> adapter_kinds() { return kKinds; }

const AdapterKind* find_adapter_kind(std::string_view type) {
  const auto* const found = std::ranges::find(kKinds, type, &AdapterKind::type);
  return found == kKinds.end() ? nullptr : found;
}

const std::string& queue_of(const AdapterSettings& settings) {
  return std::visit([](const auto& one) -> const std::string& { return one.queue; }, settings);
}

const std::string& directory_of(const AdapterSettings& settings) {
  return std::visit([](const auto& one) -> const std::string& { return one.directory; }, settings);
}

}  // namespace spoolmq::cli
