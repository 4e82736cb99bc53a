#include "adapters/whole_body.h"

#include <array>
#include <memory>

namespace spoolmq::adapters {

std::string whole_body(const Delivery& delivery) {
  if (!delivery.message().large_body) return delivery.message().body;
  std::string body;
  body.reserve(delivery.message().body_size());
  const std::unique_ptr<BodyReader> reader = delivery.open_body();
  std::array<char, 64 << 10> piece{};
  while (const std::size_t got = reader->read(piece)) body.append(piece.data(), got);
  return body;
}

std::optional<std::string> whole_body(const Delivery& delivery, std::size_t most_bytes) {
  if (delivery.message().body_size() > most_bytes) return std::nullopt;
  return whole_body(delivery);
}

std::string oversize(std::uint64_t bytes, std::uint64_t most_bytes) {
  return "oversize: " + std::to_string(bytes) + " bytes, at most " + std::to_string(most_bytes) +
         " go this way";
}

}  // namespace spoolmq::adapters
