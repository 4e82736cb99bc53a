#pragma once
// Message and file ids: UUIDs of version 7 (RFC 9562 section 5.7): 48 bits of milliseconds since
// the epoch, then a counter and random bits, so that ids sort by the time they were made.
// The last byte is not random: it is the shard of the handle that made the id, which names the
// directory msgs/xx that its spool file lives in. 64 random or counting bits are left.

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace spoolmq {

class MessageId {
 public:
  static constexpr std::size_t kBytes = 16;
  static constexpr std::size_t kTextLength = 36;

  constexpr MessageId() = default;  // the nil id: "none given"
  explicit constexpr MessageId(const std::array<std::uint8_t, kBytes>& bytes) : bytes_(bytes) {}

  // Accepts the canonical text form, upper or lower case: 8-4-4-4-12 hexadecimal digits.
  static std::optional<MessageId> parse(std::string_view text);

  [[nodiscard]] std::string text() const;  // canonical, lower case
  [[nodiscard]] const std::array<std::uint8_t, kBytes>& bytes() const { return bytes_; }
  [[nodiscard]] std::uint8_t shard() const { return bytes_[15]; }
  [[nodiscard]] std::int64_t time_ms() const;  // the first 48 bits, milliseconds since the epoch
  [[nodiscard]] bool is_nil() const { return *this == MessageId(); }

  auto operator<=>(const MessageId&) const = default;

 private:
  std::array<std::uint8_t, kBytes> bytes_{};
};

}  // namespace spoolmq

template <>
struct std::hash<spoolmq::MessageId> {
  std::size_t operator()(const spoolmq::MessageId& id) const noexcept;
};
