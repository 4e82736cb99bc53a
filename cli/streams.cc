#include "cli/streams.h"

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include "cli/output.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

[[noreturn]] void refuse(std::string_view why) {
  throw Error(ErrorCode::kIo, "write", "stdout", why);
}

void put_error_line(std::string_view start, std::string_view line) {
  std::string whole(start);
  whole.append(line).append("\n");
  // stderr is unbuffered: one call, one write, so that lines of several threads stay whole.
  static_cast<void>(std::fwrite(whole.data(), 1, whole.size(), stderr));
}

}  // namespace

void put_out(std::string_view bytes) {
  try {
    write_out(bytes);
  } catch (const Error& error) {
    refuse(error.why());
  }
}

void put_line(std::string_view line) { put_out(std::string(line) + "\n"); }

void settle_out() {
  try {
    flush_out();
  } catch (const Error& error) {
    refuse(error.why());
  }
  if (std::ferror(stdout) != 0) refuse("an earlier write failed");
}

void close_out() {
  settle_out();
  errno = 0;
  if (std::fclose(stdout) != 0) refuse(std::generic_category().message(errno));
}

void complain(std::string_view line) { put_error_line("spoolmq: ", line); }

void put_word(const Context& context, std::string_view line) {
  if (!context.quiet) put_error_line("", line);
}

}  // namespace spoolmq::cli
