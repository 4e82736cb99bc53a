#include "cli/selector_tokens.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include "cli/table.h"
#include "core/text.h"

namespace spoolmq::cli {
namespace {

using Kind = SelectorToken::Kind;

constexpr std::array<std::string_view, 7> kOperators = {"=", "!=", "<", "<=", ">", ">=", "~"};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '+' || c == ':' || c == '/' ||
         static_cast<unsigned char>(c) >= 0x80U;
}

bool is_operator(char c) { return c == '=' || c == '!' || c == '<' || c == '>' || c == '~'; }

std::size_t end_of_run(std::string_view text, std::size_t at, bool (*belongs)(char)) {
  while (at < text.size() && belongs(text[at])) ++at;
  return at;
}

// A token that begins with a quote at `at`; nullopt: the quote is never closed.
std::optional<SelectorToken> cut_quoted(std::string_view text, std::size_t at) {
  SelectorToken token{Kind::kQuoted, {}, at, at};
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] != '\'') {
      token.text.push_back(text[i]);
    } else if (i + 1 < text.size() && text[i + 1] == '\'') {
      token.text.push_back('\'');
      ++i;
    } else {
      token.end = i + 1;
      return token;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<double> selector_number(std::string_view text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (result.ec != std::errc() || result.ptr != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::size_t selector_column(std::string_view text, std::size_t offset) {
  return code_points(text.substr(0, offset)) + 1;
}

std::variant<std::vector<SelectorToken>, SelectorRefusal> cut_selector(std::string_view text) {
  const auto refuse = [text](std::size_t at, std::string why) {
    return SelectorRefusal{selector_column(text, at), std::move(why)};
  };
  if (const auto bad = first_invalid_utf8(text)) return refuse(*bad, "not UTF-8");

  std::vector<SelectorToken> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (is_space(c)) {
      ++at;
      continue;
    }
    if (c == '\'') {
      auto quoted = cut_quoted(text, at);
      if (!quoted) return refuse(at, "this quote is never closed");
      tokens.push_back(std::move(*quoted));
    } else if (c == '(' || c == ')') {
      tokens.push_back({c == '(' ? Kind::kOpen : Kind::kClose, std::string(1, c), at, at + 1});
    } else if (is_operator(c)) {
      const std::size_t end = end_of_run(text, at, is_operator);
      SelectorToken token{Kind::kOperator, std::string(text.substr(at, end - at)), at, end};
      if (std::find(kOperators.begin(), kOperators.end(), token.text) == kOperators.end()) {
        return refuse(at, "no such operator: " + token.text);
      }
      tokens.push_back(std::move(token));
    } else if (is_word(c)) {
      const std::size_t end = end_of_run(text, at, is_word);
      tokens.push_back({Kind::kWord, std::string(text.substr(at, end - at)), at, end});
    } else {
      return refuse(
          at, "unexpected " + printable(text.substr(at, 1)) + " (text goes in single quotes)");
    }
    at = tokens.back().end;
  }
  tokens.push_back({Kind::kEnd, {}, text.size(), text.size()});
  return tokens;
}

}  // namespace spoolmq::cli
