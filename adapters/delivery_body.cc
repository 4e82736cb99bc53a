#include "adapters/delivery_body.h"

#include <memory>

namespace spoolmq::adapters {

std::optional<std::string> whole_body(const Delivery& delivery, std::size_t most_bytes) {
  const Message& message = delivery.message();
  if (message.body_size() > most_bytes) return std::nullopt;
  if (!message.large_body) return message.body;
  std::string body(message.large_body->length, '\0');
  const std::unique_ptr<BodyReader> reader = delivery.open_body();
  std::size_t filled = 0;
  char at_end = 0;  // only behind its last byte is it verified
  while (true) {
    const bool is_filled = filled == body.size();
    const std::size_t got = reader->read(
        is_filled ? std::span(&at_end, 1) : std::span(body.data() + filled, body.size() - filled));
    if (got == 0) break;
    if (is_filled) return std::nullopt;
    filled += got;
  }
  body.resize(filled);
  return body;
}

std::string oversize(std::uint64_t bytes, std::uint64_t most_bytes) {
  return "oversize: " + std::to_string(bytes) + " bytes, at most " + std::to_string(most_bytes) +
         " go this way";
}

}  // namespace spoolmq::adapters
