#include "cli/tail_printer.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/json_output.h"
#include "cli/output.h"
#include "cli/tail_json.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

constexpr std::size_t kPieceBytes = 64 << 10;

// Only of an empty body it takes more to know.
bool is_large(const TailMessage& message) {
  return message.body().empty() && message.message().large_body.has_value();
}

template <typename Put>
void read_large(Queue& queue, const TailMessage& message, const Put& put) {
  const std::unique_ptr<BodyReader> reader = queue.open_body(message.message());
  std::string piece(kPieceBytes, '\0');
  while (const std::size_t got = reader->read(piece)) {
    if (!put(std::string_view(piece).substr(0, got))) return;
  }
}

}  // namespace

bool TailPrinter::print(const TailMessage& message) {
  try {
    if (form_ == TailForm::kJson) {
      print_json(message);
    } else {
      print_body(message);
    }
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound && error.code() != ErrorCode::kBadData) throw;
    out_.flush();  // the words stand behind what they are about
    say("tail", message.id().text(), error.why());
    return false;
  }
}

void TailPrinter::print_body(const TailMessage& message) {
  char last = '\0';
  if (!is_large(message)) {
    out_.put(message.body());
    if (!message.body().empty()) last = message.body().back();
  } else {
    read_large(queue_, message, [&](std::string_view piece) {
      out_.put(piece);
      last = piece.back();
      return !out_.is_over();
    });
  }
  if (form_ == TailForm::kNull) {
    out_.put(std::string_view("\0", 1));
  } else if (last != '\n') {
    out_.put("\n");
  }
}

void TailPrinter::print_json(const TailMessage& message) {
  std::optional<std::string> large;
  std::optional<std::string_view> body = message.body();
  if (is_large(message)) {
    body.reset();
    if (message.message().body_size() <= kMaxInlineBodyBytes) {
      large.emplace();
      read_large(queue_, message, [&](std::string_view piece) {
        large->append(piece);
        return true;
      });
      body = *large;
    }
  }
  out_.put(json_line(tail_json(message, body)) + "\n");
}

}  // namespace spoolmq::cli
