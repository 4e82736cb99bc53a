#pragma once
// Bodies too large to stand in their message's file: UUID.body beside UUID.seg or UUID.xml, written
// and read in pieces, with a checksum over the whole (FORMAT.md section 3).

#include <functional>
#include <memory>
#include <string>

#include "core/file_system.h"
#include "spoolmq/message.h"
#include "spoolmq/queue.h"

namespace spoolmq {

// Copies `source` into `file`; the caller syncs it.
LargeBody write_large_body(File& file, const BodySource& source);
// A checksum of 0 was never computed: of such a body only the length is verified.
// The length and checksum of a file that is there already.
LargeBody measure_large_body(File& file);

std::unique_ptr<BodyReader> read_large_body(std::unique_ptr<File> file, const LargeBody& body,
                                            std::string subject);
std::unique_ptr<BodyReader> read_inline_body(std::string body);

}  // namespace spoolmq
