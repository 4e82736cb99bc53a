#pragma once
// `serve`: the long-lived process of a root.

#include <optional>
#include <string>

#include "cli/service_config.h"

namespace spoolmq::cli {

// Where the configuration is, and whether it may be missing (the default one may: then nothing but
// sweeping is done).
struct ConfigFile {
  std::string path;
  bool must_exist = false;
};

// The file as it is now. Throws Error(kConfiguration) if it cannot be read or is missing.
ConfigResult read_config_file(const ConfigFile& file);

// Likewise; every problem of it is Error(kConfiguration), in one line.
ServiceConfig usable_config(const ConfigFile& file);

}  // namespace spoolmq::cli
