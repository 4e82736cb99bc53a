#pragma once
// Removes a directory with all that is in it; nothing where there is none. Links are not followed.

#include <string>

#include "core/file_system.h"

namespace spoolmq {

void remove_tree(Dir& parent, const std::string& name);

}  // namespace spoolmq
