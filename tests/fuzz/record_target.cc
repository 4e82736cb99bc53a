// Binary records and the headers around them: raw bytes are refused or read within themselves; a
// damaged record never reads as another message; one that verifies is written as it was.

#include <algorithm>
#include <vector>

#include "core/file_system.h"
#include "core/record_codec.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {
namespace {

constexpr std::uint64_t kOffset = 96;

void check_raw(std::span<const std::byte> bytes, const MessageId& file) {
  namespace r = spoolmq::record;
  (void)r::decode_file_header(bytes.first(std::min(bytes.size(), r::kFileHeaderBytes)), file);
  if (bytes.size() >= r::kGroupHeaderBytes) {
    (void)r::decode_group_header(bytes.first(r::kGroupHeaderBytes), file, kOffset);
  }
  if (const auto header = r::decode_header(bytes, file, kOffset)) {
    SPOOLMQ_CHECK(header->size <= r::kMaxRecordBytes && header->size % r::kAlignment == 0);
  }
  if (const auto view = r::verify(bytes, file, kOffset)) SPOOLMQ_CHECK(view->size <= bytes.size());
  // Its fields alone, past the checksums.
  const auto fields = bytes.subspan(r::kRecordHeaderBytes);
  const auto decoded = r::decode(r::View{.id = file,
                                         .flags = 0,
                                         .size = bytes.size(),
                                         .header = bytes.first(r::kRecordHeaderBytes),
                                         .fields = fields,
                                         .body = {}});
  if (decoded) SPOOLMQ_CHECK(decoded->message.headers.size() <= fields.size());
}

}  // namespace

void record(std::string_view input) {
  namespace r = spoolmq::record;
  const MessageId file(std::array<std::uint8_t, 16>{1, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 10});
  if (input.size() >= r::kRecordHeaderBytes) check_raw(as_bytes(input), file);

  Choices choices(input);
  const std::size_t hit = std::size_t{choices.below(255)} * 256 + choices.below(255);
  const std::uint8_t change = choices.below(255);
  Message message;
  message.id = file;
  message.sent_at_ms = 1;
  message.body = choices.rest();
  message.headers = {{"h", std::string(choices.rest().substr(0, 40))}};
  std::vector<std::byte> bytes;
  r::encode(message, 0, file, kOffset, bytes);
  SPOOLMQ_CHECK(bytes.size() == r::encoded_size(message));
  const auto whole = r::decode(bytes, file, kOffset);
  SPOOLMQ_CHECK(whole && whole->message == message && whole->size == bytes.size());
  SPOOLMQ_CHECK(!r::decode(bytes, file, kOffset + 8));
  SPOOLMQ_CHECK(!r::decode(std::span(bytes).first(hit % bytes.size()), file, kOffset));
  if (change != 0) {
    bytes[hit % bytes.size()] ^= std::byte{change};
    SPOOLMQ_CHECK(!r::decode(bytes, file, kOffset));
  }
}

}  // namespace spoolmq::fuzz
