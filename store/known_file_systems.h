#pragma once
// Local file systems whose record locks and syncs are known to hold what they promise.

#include <string_view>

#include "core/file_system.h"

namespace spoolmq {

// Throws Error(kConfiguration) with this operation if the directory is on another one.
void require_known_file_system(Dir& dir, std::string_view operation);

}  // namespace spoolmq
