#pragma once
// Asks the service that runs on a root: one JSON object each way over ROOT/run/control.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace spoolmq::cli {

// nullopt: no service runs there. Throws Error(kUnavailable) where one runs and does not answer
// within 10 s, and what the service refused (its "error") as Error with the code it says.
std::optional<nlohmann::json> ask_service(const std::string& root_path,
                                          const nlohmann::json& request);

}  // namespace spoolmq::cli
