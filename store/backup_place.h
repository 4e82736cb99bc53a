#pragma once
// From what a user calls a backup's place to a directory and a name in it.

#include <string>

#include "spoolmq/backup.h"

namespace spoolmq {

// Throws Error(kUsage) if it would be inside the root, kNotFound if there is no directory to make
// it in, kConfiguration if that is on a file system that is not known to be fit for a queue.
BackupPlace place_of_new_backup(const std::string& root, const std::string& path);
// Throws Error(kNotFound) if there is no such directory.
BackupPlace place_of_backup(const std::string& path);

}  // namespace spoolmq
