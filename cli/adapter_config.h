#pragma once
// One [[adapter]] of spoolmq.toml. Private to what reads that file.

#include <optional>
#include <string>

#include "cli/config_values.h"
#include "cli/service_config.h"

namespace spoolmq::cli {

struct AdapterTable {
  std::string name;  // also of one that cannot be used: no other may have it; empty: not known
  std::optional<AdapterConfig> adapter;  // none: something was reported, or it is not enabled
};

// Reports everything that is wrong with it.
AdapterTable read_adapter(const toml::table& table, ConfigReport& report);

}  // namespace spoolmq::cli
