#pragma once
// why FILE: what the imports of this root make of a file, and which rule holds it back. The service
// that runs is asked, for it has seen the file before; where none runs, each import of
// ROOT/spoolmq.toml has a look of its own.

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "adapters/adapter.h"
#include "cli/command.h"
#include "cli/service_config.h"

namespace spoolmq::cli {

// What one import makes of the file; no reason at all: nothing keeps it.
struct FileAnswer {
  std::string adapter;
  std::string queue;
  std::vector<adapters::FileReason> reasons;  // most blocking first
};

// The service's answer to {"do": "why", "path": PATH}: {"answers": [{"adapter", "queue",
// "reasons": [{"rule", "why", "left_ms", "id"}]}]}. Fields that are missing or strange are left
// out.
std::vector<FileAnswer> file_answers(const nlohmann::json& answer);

// A look without a service: of the imports in `config` that watch over the file. What keeps one of
// them from looking is its only reason.
std::vector<FileAnswer> look_at_file(Root& root, const Clock& clock, const ServiceConfig& config,
                                     const std::string& absolute_path);

// It is in a queue already, or nothing keeps it from getting there.
bool is_moving(const FileAnswer& answer);

// The paths under which adapters may know the file: as it was given, and with its directory's
// symbolic links followed; absolute and without "." and "..".
std::vector<std::string> absolute_paths(const std::string& path);

// `why` with this operand means a file: it is no queue, and has a '/' or is there.
bool means_file(Context& context, const std::string& operand);
int run_why_file(Context& context, const std::string& path);

}  // namespace spoolmq::cli
