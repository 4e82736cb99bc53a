#include "adapters/whole_body.h"

#include <array>

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

}  // namespace spoolmq::adapters
