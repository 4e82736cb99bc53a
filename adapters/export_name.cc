#include "adapters/export_name.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "adapters/template_text.h"
#include "core/utf8.h"

namespace spoolmq::adapters {
namespace {

constexpr char kReplacement = '_';

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

}  // namespace

NameTemplate::Piece NameTemplate::placeholder(std::string_view inside, std::string_view whole,
                                              std::size_t column) {
  const auto [word, argument] = cut_placeholder(inside);
  if (word == "date") {
    check_date_format(argument.value_or(std::string_view()), whole, column);
    return {Part::kDate, std::string(*argument)};
  }
  if (word == "header") {
    if (!argument || argument->empty()) {
      throw template_refusal(whole, column, "a name is missing, as in {header:site}");
    }
    return {Part::kHeader, std::string(*argument)};
  }
  constexpr std::pair<std::string_view, Part> kWords[] = {{"id", Part::kId},
                                                          {"seq", Part::kSequence},
                                                          {"name", Part::kName},
                                                          {"stem", Part::kStem},
                                                          {"ext", Part::kExtension}};
  for (const auto& [known, part] : kWords) {
    if (inside == known) return {part, {}};
  }
  throw template_refusal(whole, column,
                         "not one of {id} {seq} {name} {stem} {ext} {date:FORMAT} {header:NAME}");
}

NameTemplate NameTemplate::parse(std::string_view text) {
  NameTemplate parsed;
  for (TemplatePart& part : cut_template(text)) {
    parsed.pieces_.push_back(part.kind == TemplatePart::Kind::kText
                                 ? Piece{Part::kText, std::move(part.text)}
                                 : placeholder(part.text, text, part.column));
  }
  if (parsed.pieces_.empty()) throw template_refusal(text, 1, "it is empty");
  return parsed;
}

bool NameTemplate::uses(Part part) const {
  return std::ranges::any_of(pieces_, [part](const Piece& piece) { return piece.part == part; });
}

bool NameTemplate::is_of_no_message() const {
  return std::ranges::all_of(pieces_, [](const Piece& piece) {
    return piece.part == Part::kText || piece.part == Part::kDate;
  });
}

std::string NameTemplate::render_at(std::int64_t wall_ms) const {
  Message none;
  none.sent_at_ms = wall_ms;
  return render(none, 0);
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
        made += format_date(message.sent_at_ms, piece.argument, DateZone::kUtc);
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

std::optional<std::uint64_t> number_of_file_name(std::string_view name, std::string_view numbered) {
  // What stands behind the stem's dot; a stem that was cut is found by making the name again.
  const auto [stem, extension] = split_extension(name);
  if (!numbered.ends_with(extension)) return std::nullopt;
  const std::string_view front = numbered.substr(0, numbered.size() - extension.size());
  const std::size_t dot = front.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view digits = front.substr(dot + 1);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (numbered_file_name(name, number) != numbered) return std::nullopt;
  return number;
}

std::string name_beside(std::string_view name, std::string_view beside) {
  Message named;
  named.headers = {{"name", std::string(name)}};
  return NameTemplate::parse(beside).render(named, 0);
}

}  // namespace spoolmq::adapters
