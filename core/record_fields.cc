#include "core/record_fields.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "core/bytes.h"
#include "core/check.h"

namespace spoolmq::record {
namespace {

constexpr std::size_t kLargeBodyBytes = 16;

constexpr std::size_t varint_size(std::uint64_t value) {
  std::size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

// Two sinks of the same writes: one counts, one writes.
class Counter {
 public:
  void tag(Tag) { ++size_; }
  void varint(std::uint64_t value) { size_ += varint_size(value); }
  template <typename T>
  void fixed(T) {
    size_ += sizeof(T);
  }
  void text(std::string_view text) { size_ += text.size(); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::size_t size_ = 0;
};

class Writer {
 public:
  explicit Writer(std::span<std::byte> out) : out_(out) {}
  void tag(Tag tag) { fixed(static_cast<std::uint8_t>(tag)); }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) fixed(static_cast<std::uint8_t>(value | 0x80));
    fixed(static_cast<std::uint8_t>(value));
  }
  template <typename T>
  void fixed(T value) {
    store_le(out_, 0, value);
    out_ = out_.subspan(sizeof value);
  }
  void text(std::string_view text) {
    SPOOLMQ_CHECK(text.size() <= out_.size());
    if (!text.empty()) std::memcpy(out_.data(), text.data(), text.size());
    out_ = out_.subspan(text.size());
  }
  [[nodiscard]] bool is_full() const { return out_.empty(); }

 private:
  std::span<std::byte> out_;
};

template <typename Sink>
void put_text(Sink& sink, Tag tag, const std::string& text) {
  if (text.empty()) return;
  sink.tag(tag);
  sink.varint(text.size());
  sink.text(text);
}

template <typename Sink>
void put_time(Sink& sink, Tag tag, std::int64_t ms) {
  if (ms == 0) return;
  sink.tag(tag);
  sink.varint(sizeof ms);
  sink.fixed(ms);
}

template <typename Sink>
void put_fields(Sink& sink, const Message& message) {
  for (const auto& [name, value] : message.headers) {
    sink.tag(Tag::kHeader);
    sink.varint(varint_size(name.size()) + name.size() + value.size());
    sink.varint(name.size());
    sink.text(name);
    sink.text(value);
  }
  put_time(sink, Tag::kNotBefore, message.not_before_ms);
  put_time(sink, Tag::kExpires, message.expires_at_ms);
  put_text(sink, Tag::kDedupeKey, message.dedupe_key);
  put_text(sink, Tag::kOrderKey, message.order_key);
  put_text(sink, Tag::kReplyTo, message.reply_to);
  put_text(sink, Tag::kCorrelationId, message.correlation_id);
  put_text(sink, Tag::kSenderName, message.from.name);
  if (message.large_body) {
    sink.tag(Tag::kLargeBody);
    sink.varint(kLargeBodyBytes);
    sink.fixed(message.large_body->length);
    sink.fixed(message.large_body->checksum);
  }
}

// Takes bytes apart from the left; nullopt where they end too early.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}
  std::optional<std::uint8_t> byte() {
    if (rest_.empty()) return std::nullopt;
    const auto value = std::to_integer<std::uint8_t>(rest_.front());
    rest_ = rest_.subspan(1);
    return value;
  }
  // At most 32 bits and in the shortest form.
  std::optional<std::size_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      const auto part = byte();
      if (!part || (*part == 0 && shift > 0)) return std::nullopt;
      value |= std::uint64_t{*part & 0x7fu} << shift;
      if (*part < 0x80) return value;
    }
    return std::nullopt;
  }
  std::optional<std::span<const std::byte>> take(std::size_t length) {
    if (length > rest_.size()) return std::nullopt;
    const auto taken = rest_.first(length);
    rest_ = rest_.subspan(length);
    return taken;
  }
  [[nodiscard]] std::span<const std::byte> rest() const { return rest_; }

 private:
  std::span<const std::byte> rest_;
};

void assign(std::string& text, std::span<const std::byte> bytes) {
  text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

bool read_text(std::span<const std::byte> bytes, std::string& text, std::size_t limit) {
  if (bytes.empty() || bytes.size() > limit) return false;
  assign(text, bytes);
  return true;
}

bool read_time(std::span<const std::byte> bytes, std::int64_t& ms) {
  if (bytes.size() != sizeof ms) return false;
  ms = load_le<std::int64_t>(bytes, 0);
  return ms != 0;
}

bool read_header(std::span<const std::byte> bytes, Headers& headers) {
  Reader reader(bytes);
  const auto name_length = reader.varint();
  if (!name_length || *name_length == 0 || *name_length > kMaxHeaderNameBytes) return false;
  const auto name = reader.take(*name_length);
  if (!name || headers.size() == kMaxHeaderCount) return false;
  Header& header = headers.emplace_back();
  assign(header.first, *name);
  assign(header.second, reader.rest());
  return true;
}

bool read_large_body(std::span<const std::byte> bytes, std::optional<LargeBody>& large_body) {
  if (bytes.size() != kLargeBodyBytes) return false;
  large_body = {.length = load_le<std::uint64_t>(bytes, 0),
                .checksum = load_le<std::uint64_t>(bytes, 8)};
  return true;
}

bool read_field(Tag tag, std::span<const std::byte> bytes, Message& message) {
  switch (tag) {
    case Tag::kHeader:
      return read_header(bytes, message.headers);
    case Tag::kNotBefore:
      return read_time(bytes, message.not_before_ms);
    case Tag::kExpires:
      return read_time(bytes, message.expires_at_ms);
    case Tag::kDedupeKey:
      return read_text(bytes, message.dedupe_key, kMaxKeyBytes);
    case Tag::kOrderKey:
      return read_text(bytes, message.order_key, kMaxKeyBytes);
    case Tag::kReplyTo:
      return read_text(bytes, message.reply_to, kMaxFieldBytes);
    case Tag::kCorrelationId:
      return read_text(bytes, message.correlation_id, kMaxKeyBytes);
    case Tag::kSenderName:
      return read_text(bytes, message.from.name, kMaxFieldBytes);
    case Tag::kLargeBody:
      return read_large_body(bytes, message.large_body);
  }
  return false;  // a tag of another version
}

}  // namespace

bool fields_within_limits(const Message& message) {
  return message.headers.size() <= kMaxHeaderCount &&
         std::ranges::all_of(message.headers,
                             [](const Header& header) {
                               return !header.first.empty() &&
                                      header.first.size() <= kMaxHeaderNameBytes;
                             }) &&
         message.dedupe_key.size() <= kMaxKeyBytes && message.order_key.size() <= kMaxKeyBytes &&
         message.correlation_id.size() <= kMaxKeyBytes &&
         message.reply_to.size() <= kMaxFieldBytes && message.from.name.size() <= kMaxFieldBytes &&
         fields_size(message) <= kMaxEncodedFieldBytes;
}

std::size_t fields_size(const Message& message) {
  Counter counter;
  put_fields(counter, message);
  return counter.size();
}

void write_fields(const Message& message, std::span<std::byte> out) {
  Writer writer(out);
  put_fields(writer, message);
  SPOOLMQ_CHECK(writer.is_full());
}

bool read_fields(std::span<const std::byte> bytes, Message& message) {
  Reader reader(bytes);
  std::uint8_t previous = 0;
  while (!reader.rest().empty()) {
    const std::uint8_t tag = reader.byte().value_or(0);
    const bool in_order = tag > previous || tag == static_cast<std::uint8_t>(Tag::kHeader);
    if (!in_order || tag < previous) return false;
    previous = tag;
    const auto length = reader.varint();
    const auto content = length ? reader.take(*length) : std::nullopt;
    if (!content || !read_field(static_cast<Tag>(tag), *content, message)) return false;
  }
  return true;
}

}  // namespace spoolmq::record
