#pragma once
// What output.h leaves open: bytes that stdout would not take are Error(kIo) whatever the reason (a
// full disk behind it does not mean that nothing was accepted here), its close is checked, and
// words are dropped by --quiet.

#include <string_view>

#include "cli/command.h"

namespace spoolmq::cli {

void put_out(std::string_view bytes);
void put_line(std::string_view line);
void settle_out();  // on return the system has taken every byte put so far
void close_out();   // the last act on stdout: also reports what only closing tells

// One whole line on stderr: "spoolmq: …", an error; or as it is, a word.
void complain(std::string_view line);
void put_word(const Context& context, std::string_view line);

}  // namespace spoolmq::cli
