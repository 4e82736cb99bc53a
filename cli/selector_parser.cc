#include <array>
#include <optional>
#include <utility>

#include "cli/selector.h"
#include "cli/selector_tokens.h"
#include "core/text.h"
#include "core/units.h"

namespace spoolmq::cli {
namespace {

using Field = Condition::Field;
using Operator = Condition::Operator;
using Token = SelectorToken;

template <typename Value>
using Names = std::pair<std::string_view, Value>;

constexpr std::array<Names<Field>, 11> kFields = {{{"id", Field::kId},
                                                   {"state", Field::kState},
                                                   {"age", Field::kAge},
                                                   {"priority", Field::kPriority},
                                                   {"deliveries", Field::kDeliveries},
                                                   {"failures", Field::kFailures},
                                                   {"redrives", Field::kRedrives},
                                                   {"reason", Field::kReason},
                                                   {"size", Field::kSize},
                                                   {"from", Field::kFrom},
                                                   {"order_key", Field::kOrderKey}}};
constexpr std::array<Names<Operator>, 7> kOperators = {{{"=", Operator::kEqual},
                                                        {"!=", Operator::kNotEqual},
                                                        {"<", Operator::kLess},
                                                        {"<=", Operator::kLessOrEqual},
                                                        {">", Operator::kGreater},
                                                        {">=", Operator::kGreaterOrEqual},
                                                        {"~", Operator::kLike}}};
constexpr std::string_view kHeaderPrefix = "header.";

bool is_keyword(const Token& token, std::string_view keyword) {
  return token.kind == Token::Kind::kWord && token.text == keyword;
}

bool is_keyword(const Token& token) {
  return is_keyword(token, "and") || is_keyword(token, "or") || is_keyword(token, "not");
}

bool is_ordering(Operator op) {
  return op != Operator::kEqual && op != Operator::kNotEqual && op != Operator::kLike;
}

std::string lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::string shown(const Token& token) {
  return token.kind == Token::Kind::kEnd ? "the end" : printable(token.text);
}

// Descends by recursion, bounded by kMaxSelectorDepth. The first refusal is kept in `refusal_` and
// every function returns false from then on.
class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens)
      : text_(text), tokens_(std::move(tokens)) {}

  std::variant<Condition, SelectorRefusal> run() {
    Condition root;
    if (!expression(root)) return std::move(refusal_);
    if (token().kind != Token::Kind::kEnd) {
      refuse(token().at, "expected and, or, or the end, found " + shown(token()));
      return std::move(refusal_);
    }
    return root;
  }

 private:
  [[nodiscard]] const Token& token() const { return tokens_[next_]; }
  Token take() {
    Token taken = tokens_[next_];
    if (next_ + 1 < tokens_.size()) ++next_;  // kEnd stays
    return taken;
  }
  bool refuse(std::size_t at, std::string why) {
    refusal_ = {selector_column(text_, at), std::move(why)};
    return false;
  }

  bool expression(Condition& out) {
    return chain(out, Condition::Kind::kAny, "or", &Parser::conjunction);
  }
  bool conjunction(Condition& out) {
    return chain(out, Condition::Kind::kAll, "and", &Parser::term);
  }
  bool chain(Condition& out, Condition::Kind kind, std::string_view keyword,
             bool (Parser::*part)(Condition&)) {
    out.kind = kind;
    while (true) {
      if (!(this->*part)(out.parts.emplace_back())) return false;
      if (!is_keyword(token(), keyword)) return true;
      take();
    }
  }

  bool term(Condition& out) {
    const bool negated = is_keyword(token(), "not");
    if (!negated && token().kind != Token::Kind::kOpen) return comparison(out);
    if (depth_ == kMaxSelectorDepth) {
      return refuse(token().at, "nested more than " + std::to_string(kMaxSelectorDepth) + " deep");
    }
    ++depth_;
    const Token opening = take();
    if (negated) {
      out.kind = Condition::Kind::kNot;
      if (!term(out.parts.emplace_back())) return false;
    } else {
      if (!expression(out)) return false;
      if (token().kind != Token::Kind::kClose) {
        return refuse(token().at, "expected ), found " + shown(token()));
      }
      take();
    }
    --depth_;
    return true;
  }

  bool comparison(Condition& out) {
    out.kind = Condition::Kind::kComparison;
    std::string name;
    if (!field(out, name)) return false;
    const Token op = take();
    if (op.kind != Token::Kind::kOperator) {
      return refuse(op.at, "expected = != < <= > >= or ~ behind " + name + ", found " + shown(op));
    }
    for (const auto& [spelling, value] : kOperators) {
      if (spelling == op.text) out.op = value;
    }
    const Token literal = take();
    if (literal.kind != Token::Kind::kWord && literal.kind != Token::Kind::kQuoted) {
      return refuse(literal.at, "expected a value for " + name + ", found " + shown(literal));
    }
    if (is_keyword(literal)) {
      return refuse(literal.at, "expected a value for " + name + ", found " + literal.text +
                                    " (quote it if it is one)");
    }
    return check_operator(out, name, op) && check_literal(out, name, literal);
  }

  bool field(Condition& out, std::string& name) {
    const Token word = take();
    if (word.kind != Token::Kind::kWord || is_keyword(word)) {
      return refuse(word.at, "expected a name, found " + shown(word));
    }
    name = word.text;
    if (name.starts_with(kHeaderPrefix)) {
      out.field = Field::kHeader;
      out.header = name.substr(kHeaderPrefix.size());
      if (out.header.empty() && token().kind == Token::Kind::kQuoted && token().at == word.end) {
        out.header = take().text;
      }
      if (out.header.empty()) return refuse(word.at, "header. without the name of a header");
      name = std::string(kHeaderPrefix) + printable(out.header);
      return true;
    }
    for (const auto& [spelling, value] : kFields) {
      if (spelling == name) {
        out.field = value;
        return true;
      }
    }
    return refuse(word.at, "unknown name " + printable(name));
  }

  bool check_operator(const Condition& out, const std::string& name, const Token& op) {
    switch (out.field) {
      case Field::kId:
      case Field::kHeader:
        return true;
      case Field::kState:
      case Field::kReason:
      case Field::kFrom:
      case Field::kOrderKey:
        if (!is_ordering(out.op)) return true;
        return refuse(op.at, name + " has no order: only = != ~ apply");
      default:
        if (out.op != Operator::kLike) return true;
        return refuse(op.at, name + " is not text: ~ does not apply");
    }
  }

  bool check_literal(Condition& out, const std::string& name, const Token& literal) {
    const bool quoted = literal.kind == Token::Kind::kQuoted;
    out.text = literal.text;
    const auto number = [&](std::optional<std::int64_t> value, std::string_view wanted) {
      out.literal = Condition::Literal::kNumber;
      if (value && *value >= 0 && !quoted) {
        out.number = *value;
        return true;
      }
      return refuse(literal.at, name + " is compared with " + std::string(wanted) + ", not " +
                                    (quoted ? "text" : shown(literal)));
    };
    switch (out.field) {
      case Field::kAge: {
        const auto duration = parse_duration(literal.text);
        return number(duration ? std::optional(duration->count()) : std::nullopt,
                      "a duration such as 10m");
      }
      case Field::kSize:
        return number(parse_size(literal.text), "a size such as 64K");
      case Field::kPriority:
      case Field::kDeliveries:
      case Field::kFailures:
      case Field::kRedrives:
        return number(parse_integer(literal.text), "a whole number");
      case Field::kState:
        if (out.op == Operator::kLike || parse_state(out.text)) return true;
        return refuse(literal.at, "no such state: " + shown(literal));
      case Field::kId:
        out.text = lower_case(std::move(out.text));
        if (out.op == Operator::kLike || MessageId::parse(out.text)) return true;
        return refuse(literal.at, "not a whole id (for a part of one: id ~ '*part')");
      case Field::kHeader:
        if (!is_ordering(out.op) || quoted) return true;
        out.literal = Condition::Literal::kNumber;
        if (selector_number(out.text)) return true;
        return refuse(literal.at, "not a number (text to be ordered goes in single quotes)");
      default:
        return true;
    }
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  std::size_t next_ = 0;
  std::size_t depth_ = 0;
  SelectorRefusal refusal_;
};

}  // namespace

std::variant<Condition, SelectorRefusal> parse_conditions(std::string_view text) {
  if (text.size() > kMaxSelectorBytes) {
    return SelectorRefusal{selector_column(text, kMaxSelectorBytes),
                           "longer than " + std::to_string(kMaxSelectorBytes) + " bytes"};
  }
  auto cut = cut_selector(text);
  if (auto* refusal = std::get_if<SelectorRefusal>(&cut)) return std::move(*refusal);
  return Parser(text, std::move(std::get<std::vector<Token>>(cut))).run();
}

}  // namespace spoolmq::cli
