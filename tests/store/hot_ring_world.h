#pragma once
// A hot ring in memory that forked children share, and messages whose body follows from their id,
// so that a reader can tell a wrong one.

#include <sys/mman.h>

#include <cstdint>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

#include "core/record_codec.h"
#include "store/hot_cache_reader.h"
#include "store/hot_cache_writer.h"

namespace spoolmq::test {

inline std::shared_ptr<HotRing> make_ring(std::uint64_t arena_bytes = 64 << 10) {
  const hot_cache::Size size = hot_cache::Size::of(arena_bytes);
  void* const bytes =
      ::mmap(nullptr, size.file_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) throw std::bad_alloc();
  SharedMapping mapping(static_cast<std::byte*>(bytes), size.file_bytes());
  HotRing::format(mapping, size);
  return std::make_shared<HotRing>(std::move(mapping), size);
}

// Message `number` of `writer`: both are in its id.
inline MessageId id_of(std::uint8_t writer, std::uint64_t number) {
  std::array<std::uint8_t, MessageId::kBytes> bytes{};
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
  bytes[8] = 0x80;
  bytes[15] = writer;
  return MessageId(bytes);
}
inline std::uint8_t writer_of(const MessageId& id) { return id.shard(); }
inline std::uint64_t number_of(const MessageId& id) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) number = number << 8 | id.bytes()[i];
  return number;
}

inline std::string body_of(const MessageId& id, std::size_t longest) {
  std::minstd_rand random(static_cast<unsigned>(number_of(id) * 256 + writer_of(id)) | 1U);
  std::string body(random() % (longest + 1), '\0');
  for (char& c : body) c = static_cast<char>(random());
  return body;
}

// Publishes numbers 1, 2, … under one owner, each as a record of a segment of its own.
class RingWriter {
 public:
  RingWriter(
      std::uint8_t writer, std::size_t longest_body,
      std::function<bool(std::uint32_t)> is_alive = [](std::uint32_t) { return true; })
      : writer_(writer), longest_(longest_body), out_(writer, std::move(is_alive)) {}

  void publish(HotRing& ring) {
    publish(ring, id_of(writer_, ++number_));
    ring.wake();
  }
  void publish(HotRing& ring, const MessageId& id, std::uint32_t marks = 0) {
    Message message;
    message.id = id;
    message.sent_at_ms = 1;
    message.body = body_of(id, longest_);
    const MessageId file = id_of(writer_, number_of(id) + (std::uint64_t{1} << 40));
    bytes_.clear();
    record::encode(message, 0, file, kOffset, bytes_);
    out_.publish(ring,
                 {id, {file, names::SpoolKind::kBinary, kOffset, bytes_.size()}, marks, bytes_});
  }
  void go_on_from(std::uint64_t number) { number_ = number; }
  [[nodiscard]] std::uint64_t number() const { return number_; }

  static constexpr std::uint64_t kOffset = 96;

 private:
  std::uint8_t writer_;
  std::size_t longest_;
  std::uint64_t number_ = 0;
  HotCacheWriter out_;
  std::vector<std::byte> bytes_;
};

inline std::string_view body_in(const record::View& record) {
  return {reinterpret_cast<const char*>(record.body.data()), record.body.size()};
}

}  // namespace spoolmq::test
