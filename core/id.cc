#include "spoolmq/id.h"

#include <cstring>

namespace spoolmq {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

// Whether a hyphen stands before this byte in the text form.
constexpr bool hyphen_before(std::size_t byte) {
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

std::optional<std::uint8_t> digit_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
  return std::nullopt;
}

}  // namespace

std::optional<MessageId> MessageId::parse(std::string_view text) {
  if (text.size() != kTextLength) return std::nullopt;
  std::array<std::uint8_t, kBytes> bytes{};
  std::size_t at = 0;
  for (std::size_t i = 0; i < kBytes; ++i) {
    if (hyphen_before(i) && text[at++] != '-') return std::nullopt;
    const auto high = digit_value(text[at++]);
    const auto low = digit_value(text[at++]);
    if (!high || !low) return std::nullopt;
    bytes[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return MessageId(bytes);
}

std::string MessageId::text() const {
  std::string text(kTextLength, '-');
  std::size_t at = 0;
  for (std::size_t i = 0; i < kBytes; ++i) {
    if (hyphen_before(i)) ++at;
    text[at++] = kDigits[bytes_[i] >> 4];
    text[at++] = kDigits[bytes_[i] & 0xf];
  }
  return text;
}

std::int64_t MessageId::time_ms() const {
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 6; ++i) ms = ms << 8 | bytes_[i];
  return ms;
}

}  // namespace spoolmq

std::size_t std::hash<spoolmq::MessageId>::operator()(const spoolmq::MessageId& id) const noexcept {
  std::uint64_t halves[2];
  static_assert(sizeof halves == spoolmq::MessageId::kBytes);
  std::memcpy(halves, id.bytes().data(), sizeof halves);
  // The finalizer of MurmurHash3, once per half: ids of one handle differ in few bits.
  std::uint64_t h = 0;
  for (const std::uint64_t half : halves) {
    h += half;
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
    h ^= h >> 33;
  }
  return h;
}
