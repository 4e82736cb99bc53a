// The keys of exec, exec-source and pty.

#include "adapters/exec_settings.h"

#include <gtest/gtest.h>

#include "adapters/source_program.h"
#include "adapters/terminal_bridge.h"

namespace spoolmq::adapters {
namespace {

using Given = std::vector<std::pair<std::string, std::string>>;

std::vector<KeyValue> values(const Given& given) {
  std::vector<KeyValue> all;
  for (const auto& [key, value] : given) all.push_back({key, value, key + " " + value});
  return all;
}

template <typename Parse>
std::string refusal(const Parse& parse, const Given& given) {
  try {
    static_cast<void>(parse(values(given)));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.subject() + ": " + error.why();
  }
  return "accepted";
}

TEST(ExecSettings, BeginAsARunPerMessage) {
  const ExecSettings settings = parse_exec_settings(values({{"command", "cat"}}));
  EXPECT_EQ(settings.program.words, std::vector<std::string>{"cat"});
  EXPECT_EQ(settings.mode, ExecMode::kPerMessage);
  EXPECT_EQ(settings.concurrency, 1U);
  EXPECT_FALSE(settings.timeout);
  EXPECT_TRUE(settings.reply_queue.empty());
}

TEST(ExecSettings, ReadWhatIsSaidOfAProgram) {
  const ExecSettings settings = parse_exec_settings(values({
      {"command", "jq"},
      {"command", "-c"},
      {"command", "."},
      {"mode", "long-lived"},
      {"framing", "netstring"},
      {"reply-queue", "r"},
      {"window", "7"},
      {"max-bytes", "1M"},
      {"timeout", "3s"},
      {"user", "nobody"},
      {"group", "65534"},
      {"environment", "A=b=c"},
      {"environment", "D="},
      {"clean-environment", "true"},
      {"memory", "64M"},
      {"cpu-time", "1500ms"},
  }));
  EXPECT_EQ(command_text(settings.program.words), "jq -c .");
  EXPECT_EQ(settings.framing, FrameKind::kNetstring);
  EXPECT_EQ(settings.window, 7U);
  EXPECT_EQ(settings.most_bytes, 1U << 20);
  EXPECT_EQ(settings.timeout, Milliseconds{3000});
  EXPECT_EQ(settings.program.environment, (std::vector<std::string>{"A=b=c", "D="}));
  EXPECT_TRUE(settings.program.clean_environment);
  EXPECT_EQ(settings.program.memory_bytes, 64U << 20);
  EXPECT_EQ(settings.program.cpu_seconds, 2U);
}

TEST(ExecSettings, RefuseWhatCannotBe) {
  const auto refused = [](const Given& more, const Given& command = {{"command", "cat"}}) {
    Given all = command;
    all.insert(all.end(), more.begin(), more.end());
    return refusal(parse_exec_settings, all);
  };
  EXPECT_EQ(refused({}, {}), "command: exec needs it");
  EXPECT_EQ(refused({}, {{"command", ""}}), "command : a program and its arguments are needed");
  EXPECT_EQ(refused({}, {{"command", "cat -u"}}),
            R"(command cat -u: it must be an array of words such as ["jq", "-c", "."])");
  EXPECT_EQ(refused({{"mode", "often"}}), "mode often: not one of per-message long-lived");
  EXPECT_EQ(refused({{"answers", "true"}}), "answers true: it is for mode long-lived");
  EXPECT_EQ(refused({{"answers", "false"}}), "accepted");
  EXPECT_EQ(refused({{"mode", "long-lived"}, {"timeout", "1s"}}),
            "timeout 1s: it is for answers or replies, and none are awaited");
  EXPECT_EQ(refused({{"user", "-x"}}), "user -x: it must be a name or a number");
  EXPECT_EQ(refused({{"user", "nobody"}}, {{"command", "cat"}, {"command", "{}"}}),
            "user nobody: the file that {} stands for is readable to us only");
  EXPECT_EQ(refused({{"environment", "=x"}}), "environment =x: it must be NAME=VALUE");
  EXPECT_EQ(refused({{"memory", "1K"}}), "memory 1K: it must be 1M or more");
  EXPECT_NE(refused({{"concurrency", "0"}}), "accepted");
  EXPECT_NE(refused({{"concurrency", "65"}}), "accepted");
  EXPECT_NE(refused({{"reply-queue", "../x"}}), "accepted");
  EXPECT_NE(refused({{"mode", "long-lived"}, {"answers", "true"}, {"reply-queue", "r"}}),
            "accepted");
}

TEST(SourceSettings, ReadTheFraming) {
  const SourceSettings settings = parse_source_settings(
      values({{"command", "tail"}, {"framing", "null"}, {"max-bytes", "2K"}}));
  EXPECT_EQ(settings.frames.kind, FrameKind::kNull);
  EXPECT_EQ(settings.frames.most_bytes, 2048U);
  EXPECT_EQ(refusal(parse_source_settings, {}), "command: exec-source needs it");
}

TEST(TerminalSettings, NeedASignOfReadiness) {
  const Given bc{{"command", "bc"}};
  EXPECT_EQ(refusal(parse_terminal_settings, bc), "prompt or quiet-for: a pty needs one of them");
  const auto refused = [&bc](const Given& more) {
    Given all = bc;
    all.insert(all.end(), more.begin(), more.end());
    return refusal(parse_terminal_settings, all);
  };
  EXPECT_EQ(refused({{"prompt", "> "}}), "accepted");
  EXPECT_EQ(refused({{"quiet-for", "1s"}}), "accepted");
  EXPECT_NE(refused({{"prompt", "> "}, {"quiet-for", "1s"}}), "accepted");
  for (const char* const prompt : {"", "*", "**"}) {
    EXPECT_EQ(refused({{"prompt", prompt}}),
              "prompt " + std::string(prompt) +
                  ": it must be a pattern that an empty line does not match");
  }
  EXPECT_NE(refused({{"prompt", "> "}, {"columns", "65536"}}), "accepted");
}

}  // namespace
}  // namespace spoolmq::adapters
