#pragma once
// A media type for a file that does not tell: by its name's extension, else by its first bytes.

#include <string>
#include <string_view>

namespace spoolmq::adapters {

// "application/xml", "text/csv", …; "application/octet-stream" where nothing is known.
// `head`: the first bytes of the file, at most 512 are looked at.
std::string guess_content_type(std::string_view name, std::string_view head);

}  // namespace spoolmq::adapters
