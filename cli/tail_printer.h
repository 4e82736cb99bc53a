#pragma once
// Messages of a tail on stdout: the bytes of the body and an end of line where it has none of its
// own, or a NUL, or a line of JSON. Belongs to one thread.

#include <cstdint>

#include "cli/live_output.h"
#include "spoolmq/tail.h"

namespace spoolmq::cli {

enum class TailForm : std::uint8_t { kLine, kNull, kJson };

class TailPrinter {
 public:
  TailPrinter(Queue& queue, LiveOutput& out, TailForm form)
      : queue_(queue), out_(out), form_(form) {}

  // False: its body was gone or proved damaged, which is said on stderr. Throws Error for the rest.
  bool print(const TailMessage& message);

 private:
  void print_body(const TailMessage& message);
  void print_json(const TailMessage& message);

  Queue& queue_;
  LiveOutput& out_;
  const TailForm form_;
};

}  // namespace spoolmq::cli
