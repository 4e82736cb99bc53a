#pragma once
// How a program gets to run as its settings say: posix_spawn(3) changes neither user nor limits, so
// setpriv(1) and prlimit(1) of util-linux stand before its words where that is asked for. They
// replace themselves by the program: the process, its group and its descriptors stay the same.

#include <string>
#include <vector>

#include "adapters/child.h"
#include "adapters/program_settings.h"

namespace spoolmq::adapters {

struct Launch {
  std::vector<std::string> words;
  std::vector<std::string> environment;
  Privileges privileges = Privileges::kNone;
};

// Throws Error(kConfiguration): no such user or group, or this process may not become them. That
// takes CAP_SETUID, CAP_SETGID and CAP_KILL, which whoever is not the superuser must have as
// ambient capabilities; the user that we are already takes none.
Launch prepare_launch(const ProgramSettings& program);

}  // namespace spoolmq::adapters
