#include "core/read_to_end.h"

#include <unistd.h>

#include <cerrno>

namespace spoolmq {

std::optional<std::string> read_to_end(int descriptor, std::size_t most) {
  std::string text(most, '\0');
  std::size_t size = 0;
  while (size < most) {
    const ssize_t got = ::read(descriptor, text.data() + size, most - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace spoolmq
