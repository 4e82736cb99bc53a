#include "adapters/export_append_content.h"

#include <algorithm>
#include <vector>

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kPieceBytes = 1 << 20;
constexpr std::uint64_t kSectorBytes = 512;

// Of all the bytes so far, as many of the last as the separator has.
void keep_tail(std::string& tail, std::string_view more, std::size_t most) {
  tail.append(more.substr(more.size() - std::min(more.size(), most)));
  if (tail.size() > most) tail.erase(0, tail.size() - most);
}

}  // namespace

bool read_appended(const Message& message, const OpenBody& open_body, const std::string& separator,
                   const VisitBytes& visit) {
  std::string tail;
  if (!message.large_body) {
    if (!message.body.empty() && !visit(as_bytes(message.body))) return false;
    keep_tail(tail, message.body, separator.size());
  } else {
    const auto body = open_body();
    std::vector<char> piece(kPieceBytes);
    while (const std::size_t got = body->read(piece)) {
      if (!visit(as_bytes({piece.data(), got}))) return false;
      keep_tail(tail, {piece.data(), got}, separator.size());
    }
  }
  return tail == separator || visit(as_bytes(separator));
}

std::uint64_t most_appended(const Message& message, const std::string& separator) {
  if (message.large_body) return message.body_size() + separator.size();
  return message.body_size() + (message.body.ends_with(separator) ? 0 : separator.size());
}

AppendComparison::AppendComparison(File& file, std::uint64_t start)
    : file_(file), size_(file.status().size), at_(start) {}

void AppendComparison::expect(std::span<const std::byte> bytes) {
  std::vector<std::byte> there(bytes.size());
  there.resize(file_.read_at(there, at_));
  is_equal_ = is_equal_ && std::ranges::equal(there, bytes);
  for (std::size_t from = 0; is_torn_ && from < there.size();) {
    const std::size_t length = std::min<std::size_t>(
        there.size() - from, kSectorBytes - static_cast<std::size_t>((at_ + from) % kSectorBytes));
    const auto sector = std::span(there).subspan(from, length);
    is_torn_ = std::ranges::equal(sector, bytes.subspan(from, length)) ||
               std::ranges::all_of(sector, [](std::byte byte) { return byte == std::byte{0}; });
    from += length;
  }
  at_ += bytes.size();
}

}  // namespace spoolmq::adapters
