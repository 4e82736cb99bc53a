#include "cli/selector.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace spoolmq::cli {
namespace {

constexpr std::int64_t kNow = 1'800'000'000'000;
constexpr std::string_view kId = "018f2a3b-4c5d-7e6f-8a9b-0c1d2e3f4a5b";

MessageStatus dead_message() {
  MessageStatus status;
  status.id = *MessageId::parse(kId);
  status.state = State::kDead;
  status.priority = 7;
  status.sent_at_ms = kNow - 15 * 60'000;
  status.size = 100 * 1024;
  status.counters = {.deliveries = 12, .failures = 10, .redrives = 2};
  status.reason = "max_failures";
  status.from.name = "press-4";
  status.order_key = "site/LYON 1";
  return status;
}

using HeaderMap = std::map<std::string, std::string, std::less<>>;

HeaderMap usual_headers() {
  return {{"site", "LYS-02"}, {"amount", "95"},      {"price", "9.50"},
          {"note", "it's"},   {"odd name", "found"}, {"content-type", "text/plain"}};
}

Selector parsed(std::string_view text) {
  auto result = Selector::parse(text);
  if (const auto* refusal = std::get_if<SelectorRefusal>(&result)) {
    ADD_FAILURE() << text << ": column " << refusal->column << ": " << refusal->why;
    return std::get<Selector>(Selector::parse("age < 0s"));
  }
  return std::get<Selector>(std::move(result));
}

bool holds(std::string_view text) {
  const HeaderMap headers = usual_headers();
  return parsed(text).matches(dead_message(), kNow,
                              [&](std::string_view name) -> const std::string* {
                                const auto found = headers.find(name);
                                return found == headers.end() ? nullptr : &found->second;
                              });
}

SelectorRefusal refusal_of(std::string_view text) {
  auto result = Selector::parse(text);
  if (auto* refusal = std::get_if<SelectorRefusal>(&result)) return *refusal;
  ADD_FAILURE() << "not refused: " << text;
  return {};
}

TEST(Selector, MatchesTheExampleOfTheContract) {
  EXPECT_TRUE(holds("state = dead and age > 10m and header.site ~ 'LY*'"));
  EXPECT_FALSE(holds("state = dead and age > 20m and header.site ~ 'LY*'"));
  EXPECT_FALSE(holds("state = dead and age > 10m and header.site ~ 'LX*'"));
}

TEST(Selector, ComparesEveryNameWithItsOwnKind) {
  for (const auto* text : {"id = 018f2a3b-4c5d-7e6f-8a9b-0c1d2e3f4a5b",
                           "id = 018F2A3B-4C5D-7E6F-8A9B-0C1D2E3F4A5B",
                           "id ~ '*4A5B'",
                           "id > 018f2a3b-0000-7000-8000-000000000000",
                           "state != ready",
                           "state ~ 'de*'",
                           "age >= 15m",
                           "age <= 15m",
                           "age = 15m",
                           "age != 10m",
                           "age < 1h",
                           "priority = 7",
                           "priority > 6",
                           "deliveries >= 12",
                           "failures < 11",
                           "redrives = 2",
                           "reason = max_failures",
                           "reason ~ 'max*'",
                           "size = 100K",
                           "size > 102399",
                           "size < 1M",
                           "from = press-4",
                           "from != 'press-5'",
                           "order_key = 'site/LYON 1'",
                           "order_key ~ 'site/*'"}) {
    EXPECT_TRUE(holds(text)) << text;
  }
  for (const auto* text :
       {"id != 018f2a3b-4c5d-7e6f-8a9b-0c1d2e3f4a5b", "id < 018f2a3b-0000-7000-8000-000000000000",
        "state = ready", "age > 15m", "age < 15m", "priority < 7", "priority > 7",
        "deliveries = 11", "failures >= 11", "redrives != 2", "reason ~ max", "size >= 1M",
        "from ~ 'press'", "order_key = site/LYON"}) {
    EXPECT_FALSE(holds(text)) << text;
  }
}

TEST(Selector, BindsNotBeforeAndBeforeOr) {
  EXPECT_TRUE(holds("state = dead or state = ready and priority = 0"));
  EXPECT_FALSE(holds("(state = dead or state = ready) and priority = 0"));
  EXPECT_TRUE(holds("not state = ready and priority = 7"));
  EXPECT_FALSE(holds("not state = dead or priority = 0"));
  EXPECT_TRUE(holds("not (state = ready or priority = 0)"));
  EXPECT_TRUE(holds("not not state=dead"));
}

TEST(Selector, NeedsNoSpacesAroundOperatorsAndParentheses) {
  EXPECT_TRUE(holds("(state=dead)and(age>10m)"));
  EXPECT_TRUE(holds("\tstate =\n dead "));
}

TEST(Selector, ReadsADoubledQuoteAsOne) {
  EXPECT_TRUE(holds("header.note = 'it''s'"));
  EXPECT_FALSE(holds("header.note = ''"));
  EXPECT_TRUE(holds("header.missing != ''"));
}

TEST(Selector, TakesWordsThatAreKeywordsWhenQuoted) {
  EXPECT_FALSE(holds("from = 'and'"));
  EXPECT_EQ(refusal_of("from = and").column, 8U);
}

TEST(Selector, ReadsHeaderNamesOfAnySpelling) {
  EXPECT_TRUE(holds("header.'odd name' = found"));
  EXPECT_TRUE(holds("header.content-type = text/plain"));
}

TEST(Selector, OrdersHeadersAsNumbersBeforeNumbersAndAsTextBeforeText) {
  EXPECT_TRUE(holds("header.amount < 100"));
  EXPECT_FALSE(holds("header.amount < '100'"));
  EXPECT_TRUE(holds("header.price > 9.4"));
  EXPECT_TRUE(holds("header.price >= 9.5"));
  EXPECT_TRUE(holds("header.price > -10"));
  EXPECT_FALSE(holds("header.site > 0"));  // not a number
  EXPECT_FALSE(holds("header.site <= 0"));
  EXPECT_TRUE(holds("header.price = 9.50"));
  EXPECT_FALSE(holds("header.price = 9.5"));  // equality is of text
}

TEST(Selector, SaysOfAMissingHeaderOnlyThatItDiffers) {
  EXPECT_TRUE(holds("header.missing != x"));
  EXPECT_FALSE(holds("header.missing = x"));
  EXPECT_FALSE(holds("header.missing ~ '*'"));
  EXPECT_FALSE(holds("header.missing < 5"));
  EXPECT_TRUE(holds("not header.missing ~ '*'"));
}

TEST(Selector, AsksForAHeaderOnlyWhereTheOutcomeHangsOnIt) {
  const auto never = [](std::string_view) -> const std::string* {
    ADD_FAILURE() << "asked";
    return nullptr;
  };
  EXPECT_FALSE(parsed("state = ready and header.site = x").matches(dead_message(), kNow, never));
  EXPECT_TRUE(parsed("state = dead or header.site = x").matches(dead_message(), kNow, never));
  EXPECT_TRUE(parsed("state = dead or header.site = x").uses_headers());
  EXPECT_TRUE(parsed("not (age > 1s and header.site = x)").uses_headers());
  EXPECT_FALSE(parsed("state = dead or from = 'header.site'").uses_headers());
}

TEST(Selector, TellsWhichStatesItCanMatch) {
  using States = std::vector<State>;
  EXPECT_EQ(parsed("state = dead and age > 1m").possible_states(), States{State::kDead});
  EXPECT_EQ(parsed("state = dead or state = held").possible_states(),
            (States{State::kHeld, State::kDead}));
  EXPECT_EQ(parsed("state = dead or age > 1m").possible_states().size(), kStateCount);
  EXPECT_EQ(parsed("not state = dead").possible_states().size(), kStateCount - 1);
  EXPECT_EQ(parsed("not (state = dead and age > 1m)").possible_states().size(), kStateCount);
  EXPECT_EQ(parsed("state ~ 'de*'").possible_states(), (States{State::kDelayed, State::kDead}));
  EXPECT_TRUE(parsed("state = dead and state = held").possible_states().empty());
}

TEST(Selector, RefusesAtTheColumnOfTheMistake) {
  const struct {
    std::string_view text;
    std::size_t column;
    std::string_view why;
  } cases[] = {
      {"", 1, "expected a name"},
      {"   ", 4, "expected a name"},
      {"colour = red", 1, "unknown name colour"},
      {"state = dead and colour = red", 18, "unknown name colour"},
      {"from = 'é' and colour = red", 16, "unknown name colour"},  // counted in code points
      {"State = dead", 1, "unknown name State"},
      {"state", 6, "expected ="},
      {"state dead", 7, "expected ="},
      {"state =", 8, "expected a value"},
      {"state = (", 9, "expected a value"},
      {"state = dread", 9, "no such state: dread"},
      {"state < dead", 7, "no order"},
      {"state == dead", 7, "no such operator: =="},
      {"from > x", 6, "no order"},
      {"age > 10", 7, "a duration"},
      {"age > '10m'", 7, "a duration"},
      {"age ~ 10m", 5, "not text"},
      {"size > many", 8, "a size"},
      {"priority = 7m", 12, "a whole number"},
      {"priority = -1", 12, "a whole number"},
      {"failures ~ 3", 10, "not text"},
      {"id = 2e3f4a5b", 6, "not a whole id"},
      {"header. = x", 1, "without the name"},
      {"header. 'x' = x", 1, "without the name"},
      {"header.x > inf", 12, "not a number"},
      {"header.x > ten", 12, "not a number"},
      {"not", 4, "expected a name"},
      {"and = x", 1, "expected a name"},
      {"state = dead state = held", 14, "expected and, or"},
      {"state = dead)", 13, "expected and, or"},
      {"(state = dead", 14, "expected )"},
      {"from = 'open", 8, "never closed"},
      {"from = 'it''s", 8, "never closed"},
      {"from = *", 8, "unexpected *"},
      {"from = \"x\"", 8, "unexpected \""},
      {"from = \xff", 8, "not UTF-8"},
  };
  for (const auto& [text, column, why] : cases) {
    const SelectorRefusal refusal = refusal_of(text);
    EXPECT_EQ(refusal.column, column) << text << ": " << refusal.why;
    EXPECT_NE(refusal.why.find(why), std::string::npos) << text << ": " << refusal.why;
  }
}

std::string nested(std::size_t depth) {
  return std::string(depth, '(') + "age > 1s" + std::string(depth, ')');
}

TEST(Selector, BoundsDepthAndLength) {
  EXPECT_TRUE(holds(nested(kMaxSelectorDepth)));
  EXPECT_EQ(refusal_of(nested(kMaxSelectorDepth + 1)).column, kMaxSelectorDepth + 1);
  std::string negations;
  for (std::size_t i = 0; i <= kMaxSelectorDepth; ++i) negations += "not ";
  EXPECT_EQ(refusal_of(negations + "age > 1s").column, 4 * kMaxSelectorDepth + 1);

  const std::string longest = "age > 1s" + std::string(kMaxSelectorBytes - 8, ' ');
  EXPECT_TRUE(holds(longest));
  EXPECT_EQ(refusal_of(longest + " ").column, kMaxSelectorBytes + 1);
}

TEST(Selector, DepthIsOfNestingNotOfLength) {
  std::string chain = "(age > 1s)";
  while (chain.size() + 15 < kMaxSelectorBytes) chain += " and (age > 1s)";
  EXPECT_TRUE(holds(chain));
}

TEST(Selector, AnswersEveryTruncationOfAValidExpression) {
  const std::string_view whole =
      "not (state = dead or header.'a b' ~ 'LY''*') and age >= 10m and size < 64K or priority != 3";
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto result = Selector::parse(whole.substr(0, length));
    if (const auto* refusal = std::get_if<SelectorRefusal>(&result)) {
      EXPECT_GE(refusal->column, 1U) << length;
      EXPECT_LE(refusal->column, length + 1) << length;
      EXPECT_FALSE(refusal->why.empty()) << length;
    }
  }
  EXPECT_TRUE(std::holds_alternative<Selector>(Selector::parse(whole)));
}

// What a reason says behind its colon is for people.
TEST(Selector, ComparesTheWordThatAReasonBeginsWith) {
  MessageStatus status = dead_message();
  status.reason = "rejected: not an order";
  const auto matches = [&](std::string_view text) {
    return parsed(text).matches(status, kNow, [](std::string_view) { return nullptr; });
  };
  EXPECT_TRUE(matches("reason = rejected"));
  EXPECT_TRUE(matches("reason = 'rejected: not an order'"));
  EXPECT_TRUE(matches("reason ~ '*an order'"));
  EXPECT_FALSE(matches("reason != rejected"));
  EXPECT_FALSE(matches("reason = reject"));
  EXPECT_TRUE(matches("reason != expired"));
}

}  // namespace
}  // namespace spoolmq::cli
