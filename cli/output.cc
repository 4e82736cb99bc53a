#include "cli/output.h"

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

// Not from_errno: a full disk behind stdout does not mean that nothing was accepted here.
[[noreturn]] void refuse(int error_number) {
  throw Error(ErrorCode::kIo, "write", "stdout",
              std::generic_category().message(error_number == 0 ? EIO : error_number));
}

}  // namespace

void write_out(std::string_view bytes) {
  errno = 0;
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) refuse(errno);
}

void flush_out() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) refuse(errno);
}

void say(std::string_view operation, std::string_view subject, std::string_view why) {
  std::string line = "spoolmq: ";
  line.append(operation).append(": ").append(subject).append(": ").append(why);
  line = printable(line);
  line.push_back('\n');
  static_cast<void>(std::fwrite(line.data(), 1, line.size(), stderr));
}

}  // namespace spoolmq::cli
