#pragma once
// Who owns what this process makes inside somebody's directory: that directory's owner and group.
// Root can give both away, others only the group, and only if they are in it.
//
// The directories that all queues of a root share (queues, history, run, topics) also take the
// root's permission bits, less writing by everybody, and their files those of owner and group:
// users who share a root share them as far as the root itself says. The umask never matters.

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/file_system.h"

namespace spoolmq {

// Gives what was just made the owner of `directory`, as far as the process may.
void give_owner(File& made, const FileStatus& directory);
void give_owner(Dir& made, const FileStatus& directory);

// ROOT/name, made when missing. nullptr if it is missing and may not be made, or may not be read.
std::unique_ptr<Dir> open_shared_dir(Dir& root, std::string_view name);
// As above, but nothing is made: nullptr where there is none.
std::unique_ptr<Dir> look_shared_dir(Dir& root, std::string_view name);
// A file of a shared directory, with its owner and permission bits.
std::unique_ptr<File> create_shared_file(Dir& shared, std::string_view name, IfExists if_exists);

}  // namespace spoolmq
