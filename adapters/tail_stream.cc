#include "adapters/tail_stream.h"

#include <utility>

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;
constexpr std::size_t kMostMessages = 1024;  // of a piece

bool is_large(const TailMessage& message) {
  return message.body().empty() && message.message().large_body.has_value();
}

bool is_of_the_message(ErrorCode code) {
  return code == ErrorCode::kNotFound || code == ErrorCode::kBadData;
}

std::string read_whole(BodyReader& reader) {
  std::string whole;
  std::string piece(kPieceBytes, '\0');
  while (const std::size_t got = reader.read(piece)) whole.append(piece, 0, got);
  return whole;
}

}  // namespace

TailStream::TailStream(Queue& queue, Tail tail, Rules rules)
    : queue_(queue), tail_(std::move(tail)), rules_(std::move(rules)) {}

bool TailStream::next(TailPiece& piece, Milliseconds longest,
                      const std::function<bool()>& cancelled) {
  piece.bytes.clear();
  piece.ends.clear();
  piece.begins_inside = is_inside();
  if (is_inside()) {
    read_large(piece);
    return true;
  }
  const TailMessage* message = longest.count() > 0 ? tail_.wait(longest, cancelled) : tail_.poll();
  while (message != nullptr) {
    try {
      add(piece, *message);
    } catch (const Error& error) {
      if (!is_of_the_message(error.code())) throw;
      rules_.on_bad(message->id(), error.why());
    }
    if (is_inside() || piece.bytes.size() >= kPieceBytes || piece.ends.size() >= kMostMessages) {
      break;
    }
    message = poll_again();
  }
  if (piece.bytes.empty() && is_inside()) read_large(piece);
  return !piece.bytes.empty();
}

// What was read already goes out first; the failure comes again with the next call.
const TailMessage* TailStream::poll_again() {
  try {
    return tail_.poll();
  } catch (const Error&) {
    return nullptr;
  }
}

void TailStream::add(TailPiece& piece, const TailMessage& message) {
  if (rules_.framing == Framing::kJson) return add_json(piece, message);
  if (is_large(message)) return begin_large(message);
  piece.bytes.append(message.body());
  end_body(piece, message.body().empty() ? '\0' : message.body().back());
}

void TailStream::add_json(TailPiece& piece, const TailMessage& message) {
  std::optional<std::string_view> body = message.body();
  std::string whole;
  if (is_large(message)) {
    body.reset();
    if (message.message().body_size() <= kMaxInlineBodyBytes) {
      whole = read_whole(*queue_.open_body(message.message()));
      body = whole;
    }
  }
  piece.bytes.append(rules_.json(message, body)).append("\n");
  piece.ends.push_back(piece.bytes.size());
}

void TailStream::begin_large(const TailMessage& message) {
  large_ = queue_.open_body(message.message());
  large_id_ = message.id();
  large_last_ = '\0';
}

void TailStream::read_large(TailPiece& piece) {
  std::string& bytes = piece.bytes;
  bytes.resize(kPieceBytes);
  std::size_t got = 0;
  try {
    got = large_->read(bytes);
  } catch (const Error& error) {
    if (!is_of_the_message(error.code())) throw;
    rules_.on_bad(large_id_, error.why());
  }
  bytes.resize(got);
  if (got > 0) {
    large_last_ = bytes.back();
    return;
  }
  large_.reset();
  // Behind an end of line of its own there is nothing to add, and yet the message is over.
  end_body(piece, large_last_);
}

void TailStream::end_body(TailPiece& piece, char last) {
  if (rules_.framing == Framing::kNull) {
    piece.bytes.push_back('\0');
  } else if (last != '\n') {
    piece.bytes.push_back('\n');
  }
  piece.ends.push_back(piece.bytes.size());
}

}  // namespace spoolmq::adapters
