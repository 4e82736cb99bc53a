#pragma once
// Results go to stdout, words to stderr. What a command has to say about one message or queue while
// it goes on with the others is one line in the form of an Error.

#include <string_view>

namespace spoolmq::cli {

// Throws Error(kIo) where stdout cannot be written. Bytes may wait in a buffer until flush_out.
void write_out(std::string_view bytes);

// On return the system has taken every byte written so far. Throws Error(kIo).
void flush_out();

// "spoolmq: operation: subject: why" on stderr, one line that is safe on a terminal.
void say(std::string_view operation, std::string_view subject, std::string_view why);

}  // namespace spoolmq::cli
