#include "cli/message_ids.h"

#include <algorithm>
#include <utility>

#include "core/text.h"

namespace spoolmq::cli {
namespace {

constexpr std::size_t kCandidatesNamed = 5;
constexpr std::size_t kHexDigits = 2 * MessageId::kBytes;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// Several ids for one tail.
Error ambiguous(std::string_view operation, std::string_view text,
                const std::vector<MessageId>& candidates) {
  std::string why = "several ids end so:";
  for (std::size_t i = 0; i < std::min(candidates.size(), kCandidatesNamed); ++i) {
    why.append(" ").append(candidates[i].text());
  }
  if (candidates.size() > kCandidatesNamed) why.append(" …");
  return {ErrorCode::kUsage, operation, printable(text), why};
}

}  // namespace

std::optional<IdText> parse_id_text(std::string_view text) {
  if (const auto whole = MessageId::parse(text)) return IdText{whole, {}};
  if (text.size() > MessageId::kTextLength) return std::nullopt;
  IdText id;
  for (const char c : text) {
    if (c == '-') continue;
    const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    if (!is_hex(lower)) return std::nullopt;
    id.tail.push_back(lower);
  }
  if (id.tail.size() < kMinTailLength || id.tail.size() > kHexDigits) return std::nullopt;
  return id;
}

std::optional<MessageId> look_up_id(Queue& queue, std::string_view operation,
                                    std::string_view text) {
  const std::optional<IdText> id = parse_id_text(text);
  if (!id) {
    throw Error(ErrorCode::kUsage, operation, printable(text),
                "neither an id nor 6 or more characters of one's end");
  }
  if (id->whole) return id->whole;
  const std::vector<MessageId> found = queue.find_by_tail(id->tail);
  if (found.size() > 1) throw ambiguous(operation, text, found);
  return found.empty() ? std::nullopt : std::optional(found.front());
}

MessageId find_id(Queue& queue, std::string_view operation, std::string_view text) {
  const std::optional<MessageId> id = look_up_id(queue, operation, text);
  if (!id) throw Error(ErrorCode::kNotFound, operation, printable(text), "no such message");
  return *id;
}

MessageStatus find_message(Queue& queue, std::string_view operation, std::string_view text) {
  std::optional<MessageStatus> status = queue.status(find_id(queue, operation, text));
  if (!status) throw Error(ErrorCode::kNotFound, operation, printable(text), "no such message");
  return std::move(*status);
}

std::vector<std::string> read_id_words(std::istream& input, std::string_view operation) {
  std::vector<std::string> words;
  std::string word;
  std::size_t line = 1;
  const auto refuse = [&](const std::string& why) {
    return Error(ErrorCode::kBadData, operation, "line " + std::to_string(line) + " of stdin", why);
  };
  const auto finish = [&] {
    if (word.empty()) return;
    if (!parse_id_text(word)) throw refuse("not an id: " + printable(word));
    words.push_back(std::exchange(word, {}));
  };
  for (char c = 0; input.get(c);) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      finish();
      if (c == '\n') ++line;
    } else {
      if (word.size() == MessageId::kTextLength) throw refuse("longer than an id");
      word.push_back(c);
    }
  }
  if (input.bad()) throw Error(ErrorCode::kIo, operation, "stdin", "cannot be read");
  finish();
  return words;
}

}  // namespace spoolmq::cli
