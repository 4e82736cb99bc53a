// The command line: arguments → one row of the tables → its exit code. Errors end here, as one line
// on stderr.

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <span>

#include "cli/command.h"
#include "cli/help.h"
#include "cli/streams.h"
#include "core/log.h"
#include "spoolmq/error.h"

namespace {

using namespace spoolmq;
using namespace spoolmq::cli;

// Whoever started us may have closed 0, 1 or 2; no file of a queue may ever get such a number. The
// stand-ins are open the wrong way round, so that using one is an error and not silence.
void keep_standard_descriptors() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) != -1) continue;
    const int stand_in = ::open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
    if (stand_in != descriptor) std::_Exit(static_cast<int>(ErrorCode::kOsResource));
  }
}

int run(std::span<const char* const> arguments) {
  if (arguments.empty()) {
    std::fputs(overview().c_str(), stderr);
    return static_cast<int>(ErrorCode::kUsage);
  }
  Parsed parsed = parse(arguments);
  if (parsed.context.quiet) log::set_level(log::Level::kError);
  int code = kDone;
  if (parsed.command == nullptr) {
    put_out(parsed.text);
  } else {
    parsed.context.makes_root = parsed.command->makes_root;
    code = parsed.command->run(parsed.context, parsed.arguments);
  }
  close_out();
  return code;
}

}  // namespace

int main(int count, char** values) {
  keep_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const std::span<const char* const> all(values, static_cast<std::size_t>(count));
    return run(all.empty() ? all : all.subspan(1));
  } catch (const Error& error) {
    complain(error.what());
    return static_cast<int>(error.code());
  } catch (const std::bad_alloc&) {
    complain("run: memory: exhausted");
    return static_cast<int>(ErrorCode::kOsResource);
  } catch (const std::exception& error) {
    complain(std::string("run: unexpected failure: ") + error.what());
    return static_cast<int>(ErrorCode::kInternal);
  }
}
