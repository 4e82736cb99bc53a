#include "adapters/path_template.h"

#include <charconv>

#include "adapters/template_text.h"
#include "core/utf8.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kAllowed = "{name} {stem} {ext} {path} {path:N} {date:FORMAT}";

std::string with_utf8_only(std::string_view bytes) {
  std::string made;
  made.reserve(bytes.size());
  while (!bytes.empty()) {
    const unsigned length = front_utf8(bytes).length;
    made += length == 0 ? std::string_view("?") : bytes.substr(0, length);
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return made;
}

// From 1, or from the end with -1; empty where there are not that many.
std::string_view part_of(std::string_view path, int number) {
  const bool backwards = number < 0;
  for (int left = number; !path.empty();) {
    const std::size_t slash = backwards ? path.rfind('/') : path.find('/');
    const bool only = slash == std::string_view::npos;
    const std::string_view part = only        ? path
                                  : backwards ? path.substr(slash + 1)
                                              : path.substr(0, slash);
    left += backwards ? 1 : -1;
    if (left == 0) return part;
    path = only ? std::string_view() : backwards ? path.substr(0, slash) : path.substr(slash + 1);
  }
  return {};
}

int part_number(std::string_view text, std::string_view whole, std::size_t column) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number == 0) {
    throw template_refusal(
        whole, column, "a part's number is missing, as in {path:1} or, from the end, {path:-2}");
  }
  return number;
}

}  // namespace

PathTemplate::Piece PathTemplate::placeholder(std::string_view inside, std::string_view whole,
                                              std::size_t column) {
  const auto [word, argument] = cut_placeholder(inside);
  if (word == "date") {
    check_date_format(argument.value_or(std::string_view()), whole, column);
    return {Part::kDate, std::string(*argument), 0};
  }
  if (word == "path" && argument) {
    return {Part::kPathPart, {}, part_number(*argument, whole, column)};
  }
  if (inside == "name") return {Part::kName, {}, 0};
  if (inside == "stem") return {Part::kStem, {}, 0};
  if (inside == "ext") return {Part::kExtension, {}, 0};
  if (inside == "path") return {Part::kPath, {}, 0};
  throw template_refusal(whole, column, "not one of " + std::string(kAllowed));
}

PathTemplate PathTemplate::parse(std::string_view text) {
  PathTemplate parsed;
  parsed.text_ = text;
  for (TemplatePart& part : cut_template(text)) {
    parsed.pieces_.push_back(part.kind == TemplatePart::Kind::kText
                                 ? Piece{Part::kText, std::move(part.text), 0}
                                 : placeholder(part.text, text, part.column));
  }
  return parsed;
}

std::string PathTemplate::render(std::string_view relative_path, std::int64_t wall_ms) const {
  const std::string_view name = part_of(relative_path, -1);
  const auto [stem, extension] = split_extension(name);
  std::string made;
  for (const Piece& piece : pieces_) {
    switch (piece.part) {
      case Part::kText:
        made += piece.argument;
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
      case Part::kPath:
        made += relative_path;
        break;
      case Part::kPathPart:
        made += part_of(relative_path, piece.number);
        break;
      case Part::kDate:
        made += format_date(wall_ms, piece.argument, DateZone::kLocal);
        break;
    }
  }
  return with_utf8_only(made);
}

}  // namespace spoolmq::adapters
