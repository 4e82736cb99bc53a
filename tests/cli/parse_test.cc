// The tables, as the parser applies them: what is accepted, and what is refused with Error(kUsage).

#include <gtest/gtest.h>

#include <set>

#include "cli/command.h"
#include "cli/help.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

using Words = std::vector<const char*>;

Parsed parse_words(const Words& words) { return parse(words); }

// The line of the refusal; empty if there was none.
std::string refusal(const Words& words) {
  try {
    parse_words(words);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage) << error.what();
    return error.what();
  }
  return {};
}

TEST(Parse, FindsCommandOperandsAndOptions) {
  const Parsed parsed = parse_words({"send", "orders", "hello", "--priority", "7"});
  ASSERT_NE(parsed.command, nullptr);
  EXPECT_EQ(parsed.command->name, "send");
  EXPECT_EQ(parsed.arguments.operands, (std::vector<std::string>{"orders", "hello"}));
  EXPECT_EQ(parsed.arguments.integer("--priority", 0, 9), 7);
}

TEST(Parse, TakesGlobalOptionsBeforeAndBehindTheCommand) {
  for (const Words& words : {Words{"--root", "/r", "--json", "queues", "--quiet"},
                             Words{"queues", "--quiet", "--root=/r", "--json"},
                             Words{"--quiet", "queues", "--json", "--root", "/r"}}) {
    const Parsed parsed = parse_words(words);
    ASSERT_NE(parsed.command, nullptr);
    EXPECT_EQ(parsed.context.root_path, "/r");
    EXPECT_TRUE(parsed.context.json);
    EXPECT_TRUE(parsed.context.quiet);
  }
}

TEST(Parse, LetsAQueueOrABodyBeCalledLikeACommand) {
  const Parsed parsed = parse_words({"send", "queues", "receive"});
  EXPECT_EQ(parsed.command->name, "send");
  EXPECT_EQ(parsed.arguments.operands, (std::vector<std::string>{"queues", "receive"}));
}

TEST(Parse, KeepsBodiesAsTheyAre) {
  for (const char* body : {"", "-", "-5", "-0.5", "[1,2,3]", "a=b", "++", "%%", "{}", " x "}) {
    const Parsed parsed = parse_words({"send", "q", body});
    EXPECT_EQ(parsed.arguments.operands, (std::vector<std::string>{"q", body}));
  }
}

TEST(Parse, KeepsValuesAsTheyAre) {
  for (const char* value : {"", "-", "-5", "--json", "--", "[1,2]", "a=b", "x,y"}) {
    const Parsed apart = parse_words({"nack", "q", "r", "--reason", value});
    EXPECT_EQ(apart.arguments.value("--reason"), value);
    EXPECT_FALSE(apart.context.json);
    const std::string joined = std::string("--reason=") + value;
    const Parsed together = parse_words({"nack", "q", "r", joined.c_str()});
    EXPECT_EQ(together.arguments.value("--reason"), value);
    EXPECT_EQ(together.arguments.operands.size(), 2U);
  }
}

TEST(Parse, TakesShortOptionsApartAndTogether) {
  EXPECT_EQ(parse_words({"receive", "q", "-n", "5"}).arguments.value("--count"), "5");
  EXPECT_EQ(parse_words({"receive", "q", "-n5"}).arguments.value("--count"), "5");
  EXPECT_EQ(parse_words({"send", "q", "-f", "-"}).arguments.value("--file"), "-");
}

TEST(Parse, CollectsRepeatedOptionsInOrder) {
  const Parsed parsed = parse_words({"send", "q", "-H", "a=1", "b", "--header", "c=3", "-Hd=4"});
  EXPECT_EQ(parsed.arguments.values("--header"), (std::vector<std::string>{"a=1", "c=3", "d=4"}));
  EXPECT_EQ(parsed.arguments.operands, (std::vector<std::string>{"q", "b"}));
}

TEST(Parse, EndsOptionsAtTwoDashes) {
  const Parsed parsed = parse_words({"send", "q", "--", "--json"});
  EXPECT_EQ(parsed.arguments.operands, (std::vector<std::string>{"q", "--json"}));
  EXPECT_FALSE(parsed.context.json);
}

TEST(Parse, HandsACommandBehindTwoDashesOverUntouched) {
  const Parsed parsed = parse_words(
      {"consume", "q", "--concurrency", "2", "--", "sh", "-c", "exit 3", "--", "--json"});
  EXPECT_EQ(parsed.arguments.operands, (std::vector<std::string>{"q"}));
  EXPECT_EQ(parsed.arguments.trailing,
            (std::vector<std::string>{"sh", "-c", "exit 3", "--", "--json"}));
  EXPECT_FALSE(parsed.context.json);
}

TEST(Parse, RefusesWhatTheTablesDoNotSay) {
  struct Case {
    Words words;
    std::string_view part;  // of the line
  };
  const std::vector<Case> cases = {
      {{"frobnicate"}, "frobnicate"},
      {{"--json"}, "no command"},
      {{""}, "has a name"},
      {{"queues", "extra"}, "too many operands"},
      {{"show"}, "needs Q"},
      {{"ack", "q"}, "needs Q RECEIPT"},
      {{"show", "q", "--nosuch"}, "--nosuch"},
      {{"show", "q", "--nosuch=1"}, "--nosuch=1"},
      {{"show", "q", "-x"}, "-x"},
      {{"send", "q", "b", "--priority"}, "needs a value"},
      {{"send", "q", "b", "--priority", "1", "--priority", "2"}, "more than once"},
      {{"queues", "--json=yes"}, "takes no value"},
      {{"--root"}, "needs a value"},
      {{"--root", "", "queues"}, "needs a directory"},
      {{"--priority", "5", "send"}, "5"},
      {{"consume", "q"}, "COMMAND"},
      {{"consume", "q", "--"}, "COMMAND"},
      {{"help", "frobnicate"}, "frobnicate"},
  };
  for (const Case& c : cases) {
    const std::string line = refusal(c.words);
    EXPECT_NE(line.find(c.part), std::string::npos) << c.part << " is not in: " << line;
    EXPECT_EQ(line.find('\n'), std::string::npos);
  }
}

TEST(Parse, AnswersHelpWhateverElseIsMissing) {
  for (const Words& words : {Words{"send", "--help"}, Words{"--help", "send"},
                             Words{"help", "send"}, Words{"send", "-h"}}) {
    const Parsed parsed = parse_words(words);
    EXPECT_EQ(parsed.command, nullptr);
    EXPECT_NE(parsed.text.find("usage: spoolmq send Q"), std::string::npos);
    EXPECT_NE(parsed.text.find("--priority N"), std::string::npos);
    EXPECT_NE(parsed.text.find("example:"), std::string::npos);
  }
  EXPECT_EQ(parse_words({"--help"}).text, overview());
  EXPECT_EQ(parse_words({"help"}).text, overview());
}

TEST(Parse, AnswersVersion) {
  for (const Words& words : {Words{"--version"}, Words{"version"}, Words{"send", "--version"}}) {
    EXPECT_EQ(parse_words(words).text, version_line());
  }
}

TEST(Arguments, ReadsValuesOrNamesOptionAndValue) {
  Arguments arguments;
  arguments.add("--delay", "90s");
  arguments.add("--size", "64K");
  arguments.add("--count", "-3");
  EXPECT_EQ(arguments.duration("--delay"), std::chrono::seconds(90));
  EXPECT_EQ(arguments.size("--size"), 65'536);
  EXPECT_EQ(arguments.integer("--count", -5, 5), -3);
  EXPECT_EQ(arguments.duration("--other"), std::nullopt);
  EXPECT_EQ(arguments.integer("--other", 0, 1), std::nullopt);
  try {
    static_cast<void>(arguments.integer("--count", 0, 5));
    FAIL() << "-3 is not from 0 to 5";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_NE(std::string_view(error.what()).find("--count -3"), std::string_view::npos);
  }
  EXPECT_THROW(static_cast<void>(arguments.duration("--size")), Error);
  EXPECT_THROW(static_cast<void>(arguments.size("--delay")), Error);
}

TEST(Arguments, LetsTheLastValueCount) {
  Arguments arguments;
  arguments.add("--state", "ready");
  arguments.add("--state", "dead");
  EXPECT_EQ(arguments.value("--state"), "dead");
  EXPECT_EQ(arguments.values("--state").size(), 2U);
  EXPECT_FALSE(arguments.has("--stat"));
}

TEST(Tables, AreSoundForEveryCommand) {
  std::set<std::string_view> names;
  for (const Command* command : commands()) {
    EXPECT_TRUE(names.insert(command->name).second) << command->name << " is there twice";
    EXPECT_FALSE(command->summary.empty()) << command->name;
    EXPECT_NE(command->example.find(command->name), std::string_view::npos) << command->name;
    EXPECT_LE(command->least_operands, command->most_operands) << command->name;
    EXPECT_NE(command->run, nullptr) << command->name;
    std::set<std::string_view> known;
    for (const auto& options : {command->options, global_options()}) {
      for (const OptionSpec& option : options) {
        EXPECT_FALSE(option.help.empty()) << option.name;
        for (const std::string_view spelling : spellings(option.name)) {
          EXPECT_TRUE(known.insert(spelling).second) << command->name << " " << spelling;
        }
      }
    }
    const std::string name(command->name);
    EXPECT_EQ(parse_words({name.c_str(), "--help"}).text, command_help(*command));
    EXPECT_NE(overview().find("  " + name + " "), std::string::npos) << name;
  }
  for (const char* name :
       {"create", "queues", "show", "config", "remove", "pause", "resume", "send", "receive", "ack",
        "nack", "release", "extend", "reject", "consume"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

}  // namespace
}  // namespace spoolmq::cli
