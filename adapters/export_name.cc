#include "adapters/export_name.h"

#include <array>
#include <ctime>
#include <utility>

#include "core/utf8.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr char kReplacement = '_';
constexpr std::size_t kMaxExtensionBytes = 64;  // its dot included
constexpr std::size_t kMaxDateBytes = 256;
constexpr std::int64_t kMsPerSecond = 1000;

Error refuse(std::string_view whole, std::size_t column, std::string_view why) {
  return {ErrorCode::kUsage, "read the name template", whole,
          "column " + std::to_string(column) + ": " + std::string(why)};
}

// The extension begins with its dot; empty where a name has none ("Makefile", ".profile", "end.")
// and where what stands behind the dot is too long to be one.
std::pair<std::string_view, std::string_view> split_extension(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size()) return {name, {}};
  if (name.size() - dot > kMaxExtensionBytes) return {name, {}};
  return {name.substr(0, dot), name.substr(dot)};
}

bool is_control(char32_t code) { return code < 0x20 || (code >= 0x7f && code < 0xa0); }

// As much of `text` as fits into `most` bytes without cutting a character; `text` is valid UTF-8.
std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

// stem + tail in at most 255 bytes: the stem gives way. A tail is an extension and a number at
// most.
std::string fit(std::string_view stem, std::string_view tail) {
  return std::string(cut(stem, kMaxFileNameBytes - tail.size())).append(tail);
}

std::string without_harm(std::string_view wanted) {
  std::string name;
  name.reserve(wanted.size());
  while (!wanted.empty()) {
    const Utf8Char next = front_utf8(wanted);
    const std::size_t length = next.length == 0 ? 1 : next.length;
    if (next.length == 0 || is_control(next.code) || next.code == U'/') {
      name += kReplacement;
    } else {
      name += wanted.substr(0, length);
    }
    wanted.remove_prefix(length);
  }
  return name;
}

std::string format_date(std::int64_t wall_ms, const std::string& format) {
  std::int64_t seconds = wall_ms / kMsPerSecond;
  if (wall_ms % kMsPerSecond < 0) --seconds;
  const std::time_t when = seconds;
  std::tm parts{};
  if (gmtime_r(&when, &parts) == nullptr) return {};
  std::array<char, kMaxDateBytes> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format.c_str(), &parts)};
}

}  // namespace

NameTemplate::Piece NameTemplate::placeholder(std::string_view inside, std::string_view whole,
                                              std::size_t column) {
  const std::size_t colon = inside.find(':');
  const std::string_view word = inside.substr(0, colon);
  const std::string argument(colon == std::string_view::npos ? std::string_view()
                                                             : inside.substr(colon + 1));
  if (word == "date" || word == "header") {
    if (argument.empty()) {
      throw refuse(whole, column,
                   word == "date" ? "a format is missing, as in {date:%Y%m%d}"
                                  : "a name is missing, as in {header:site}");
    }
    return {word == "date" ? Part::kDate : Part::kHeader, argument};
  }
  constexpr std::pair<std::string_view, Part> kWords[] = {{"id", Part::kId},
                                                          {"seq", Part::kSequence},
                                                          {"name", Part::kName},
                                                          {"stem", Part::kStem},
                                                          {"ext", Part::kExtension}};
  for (const auto& [known, part] : kWords) {
    if (inside == known) return {part, {}};
  }
  throw refuse(whole, column,
               "not one of {id} {seq} {name} {stem} {ext} {date:FORMAT} {header:NAME}");
}

NameTemplate NameTemplate::parse(std::string_view text) {
  NameTemplate parsed;
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) parsed.pieces_.push_back({Part::kText, std::exchange(literal, {})});
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const bool doubled = at + 1 < text.size() && text[at + 1] == c;
    if ((c == '{' || c == '}') && doubled) {
      literal += c;
      ++at;
    } else if (c == '}') {
      throw refuse(text, at + 1, "'}' without '{'; a brace itself is written twice");
    } else if (c == '{') {
      const std::size_t close = text.find('}', at);
      if (close == std::string_view::npos) throw refuse(text, at + 1, "'{' without '}'");
      end_literal();
      parsed.pieces_.push_back(placeholder(text.substr(at + 1, close - at - 1), text, at + 1));
      at = close;
    } else {
      literal += c;
    }
  }
  end_literal();
  if (parsed.pieces_.empty()) throw refuse(text, 1, "it is empty");
  return parsed;
}

bool NameTemplate::uses_sequence() const {
  for (const Piece& piece : pieces_) {
    if (piece.part == Part::kSequence) return true;
  }
  return false;
}

std::string NameTemplate::render(const Message& message, std::int64_t sequence) const {
  const std::string id = message.id.text();
  const std::string* const header = message.header("name");
  const std::string name = safe_file_name(header == nullptr ? std::string_view() : *header, id);
  const auto [stem, extension] = split_extension(name);
  std::string made;
  for (const Piece& piece : pieces_) {
    switch (piece.part) {
      case Part::kText:
        made += piece.argument;
        break;
      case Part::kId:
        made += id;
        break;
      case Part::kSequence:
        made += std::to_string(sequence);
        break;
      case Part::kName:
        made += name;
        break;
      case Part::kStem:
        made += stem;
        break;
      case Part::kExtension:
        if (!extension.empty()) made += extension.substr(1);
        break;
      case Part::kDate:
        made += format_date(message.sent_at_ms, piece.argument);
        break;
      case Part::kHeader:
        if (const std::string* value = message.header(piece.argument)) made += *value;
        break;
    }
  }
  return safe_file_name(made, id);
}

std::string safe_file_name(std::string_view wanted, std::string_view otherwise) {
  std::string name = without_harm(wanted.empty() ? otherwise : wanted);
  if (name.empty()) name = kReplacement;
  if (name.front() == '.') name.front() = kReplacement;
  const auto [stem, extension] = split_extension(name);
  return fit(stem, extension);
}

std::string numbered_file_name(std::string_view name, std::uint64_t number) {
  const auto [stem, extension] = split_extension(name);
  return fit(stem, "." + std::to_string(number) + std::string(extension));
}

}  // namespace spoolmq::adapters
