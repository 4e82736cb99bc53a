// spoolmq.toml: what it gives, and every mistake at its line.

#include "cli/service_config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "spoolmq/error.h"

namespace spoolmq::cli {
namespace {

using adapters::ExportSettings;
using adapters::ImportSettings;

constexpr std::string_view kWhole = R"(metrics = "unix:/run/spoolmq/metrics"
log-level = "debug"
drain = "5s"

[[adapter]]
type = "import"
queue = "orders"
directory = "/srv/in/"
ready = ["closed", "stable"]
include = "*.xml"
min-size = 1
max-size = "2K"
depth = 2
keep = true
header = { site = "{path:1}", batch = "x" }

[[adapter]]
name = "labels"
type = "export"
queue = "labels"
directory = "/srv/out"
file-name = "{id}.zpl"
mode = "0640"

[[adapter]]
type = "import"
queue = "idle"
directory = "/srv/idle"
enabled = false
)";

ConfigResult parse(std::string_view toml) { return parse_service_config(toml, "/r/spoolmq.toml"); }

// "LINE: WHY" of each problem.
std::vector<std::string> problems(std::string_view toml) {
  std::vector<std::string> lines;
  for (const ConfigProblem& problem : parse(toml).problems) {
    EXPECT_EQ(problem.why.find('\n'), std::string::npos);
    lines.push_back(std::to_string(problem.line) + ": " + problem.why);
  }
  return lines;
}

// The only problem that an import with `keys` has; empty: none.
std::string problem_of_import(const std::string& keys) {
  const std::string toml =
      "[[adapter]]\ntype = \"import\"\nqueue = \"q\"\ndirectory = \"/in\"\n" + keys;
  const std::vector<std::string> found = problems(toml);
  EXPECT_LE(found.size(), 1U) << keys;
  return found.empty() ? "" : found.front();
}

// ---- What it gives

TEST(ServiceConfig, ReadsAWholeFile) {
  const ConfigResult result = parse(kWhole);
  ASSERT_TRUE(result.problems.empty()) << result.problems.front().why;
  const ServiceConfig& config = result.config;
  EXPECT_EQ(config.metrics, "unix:/run/spoolmq/metrics");
  EXPECT_EQ(config.log_level, log::Level::kDebug);
  EXPECT_EQ(config.drain, std::chrono::seconds(5));
  ASSERT_EQ(config.adapters.size(), 2U);
  EXPECT_EQ(config.adapters[0].name, "import-orders");
  EXPECT_EQ(config.adapters[0].line, 5U);
  const auto& import = std::get<ImportSettings>(config.adapters[0].settings);
  EXPECT_EQ(import.queue, "orders");
  EXPECT_EQ(import.directory, "/srv/in");
  EXPECT_EQ(import.include, std::vector<std::string>{"*.xml"});
  EXPECT_EQ(import.min_size, 1U);
  EXPECT_EQ(import.max_size, 2'048U);
  EXPECT_EQ(import.depth, 2U);
  EXPECT_EQ(import.after, adapters::AfterImport::kKeep);
  ASSERT_EQ(import.headers.size(), 2U);
  EXPECT_EQ(import.headers[1].first, "site");
  EXPECT_EQ(config.adapters[1].name, "labels");
  const auto& out = std::get<ExportSettings>(config.adapters[1].settings);
  EXPECT_EQ(out.mode, 0640U);
}

TEST(ServiceConfig, HasDefaultsForEverything) {
  const ConfigResult result = parse("");
  EXPECT_TRUE(result.problems.empty());
  EXPECT_TRUE(result.config.adapters.empty());
  EXPECT_EQ(result.config.metrics, "");
  EXPECT_EQ(result.config.log_level, log::Level::kInfo);
  EXPECT_EQ(result.config.drain, std::chrono::seconds(20));
}

TEST(ServiceConfig, AFingerprintChangesWithAnyKey) {
  const std::string base =
      "[[adapter]]\nname = \"a\"\ntype = \"import\"\nqueue = \"q\"\ndirectory = \"/in\"\n";
  const auto fingerprint = [](const std::string& toml) {
    const ConfigResult result = parse(toml);
    EXPECT_TRUE(result.problems.empty());
    return result.config.adapters.at(0).fingerprint;
  };
  const std::string before = fingerprint(base + "include = [\"a\", \"b\"]\nkeep = true\n");
  EXPECT_EQ(before, fingerprint("# moved\n\n" + base + "keep = true\ninclude = [ 'a', 'b' ]\n"));
  for (const std::string keys :
       {"", "include = [\"a\", \"b\"]\n", "include = [\"b\", \"a\"]\nkeep = true\n",
        "include = [\"ab\"]\nkeep = true\n", "exclude = [\"a\", \"b\"]\nkeep = true\n",
        "include = [\"a\", \"b\"]\nkeep = false\n"}) {
    EXPECT_NE(before, fingerprint(base + keys)) << keys;
  }
}

// ---- What is refused

TEST(ServiceConfig, FindsEveryMistakeAtOnce) {
  const std::vector<std::string> found = problems(R"(metrics = "0.0.0.0:9464"
log-level = "loud"
drain = 20
colour = "red"
[[adapter]]
type = "imprt"
queue = "orders"
directory = "in"
[[adapter]]
type = "import"
queue = "or ders"
directory = "/srv/in"
incldue = ["*.xml"]
stable-for = "2"
ready = ["closed", "stabel"]
recursive = "yes"
priority = 99999
[[adapter]]
name = "../x"
enabled = 1
)");
  const std::vector<std::string_view> expected = {
      "1: metrics = \"0.0.0.0:9464\": other machines could read them there",
      "2: log-level = \"loud\": it must be one of the strings debug info warn error",
      "3: drain: it must be a duration such as \"20s\"",
      "4: there is no key 'colour'; there are metrics log-level drain adapter",
      "6: type = \"imprt\": it must be one of the strings import export",
      "8: directory = \"in\": it must be an absolute path",
      "11: queue = \"or ders\": ",
      "13: there is no key 'incldue'; did you mean include?",
      "14: stable-for = \"2\": not a duration such as",
      "15: ready[1] = \"stabel\": not of rename done-file closed locked stable",
      "16: recursive: it must be true or false",
      "17: priority = \"99999\": not a whole number from 0 to 32767",
      "18: type: every adapter needs one, one of the strings import export",
      "18: queue: every adapter needs one, the name of a queue",
      "18: directory: every adapter needs one, an absolute path",
      "19: name = \"../x\": ",
      "20: enabled: it must be true or false",
  };
  ASSERT_EQ(found.size(), expected.size()) << testing::PrintToString(found);
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_TRUE(found[i].starts_with(expected[i])) << found[i];
  }
}

TEST(ServiceConfig, WrongTypesSayTheWantedOne) {
  struct Case {
    const char* keys;
    std::string_view problem;
  };
  for (const Case& c : {
           Case{"quiet-for = 60", R"(5: quiet-for: it must be a duration: a string such as "30s")"},
           Case{"depth = 1.5", "5: depth: it must be a whole number"},
           Case{"min-size = true", "5: min-size: it must be a size: an integer or a string"},
           Case{"keep = \"true\"", "5: keep: it must be true or false"},
           Case{"order = [\"name\"]", "5: order: it must be a string"},
           Case{"include = [\n\"a\",\n7]", "7: include[1]: it must be a string, or an array"},
           Case{"include = { a = \"b\" }", "5: include: it must be a string, or an array"},
           Case{"include = []", "5: include = \"\": an empty pattern matches nothing"},
           Case{"header = { site = 1 }", "5: header.site: it must be a string"},
           Case{"header = { name = \"x\" }", "5: header.name = \"name=x\": every import sets"},
           Case{"done = 1979-05-27", "5: done: it must be a string"},
           Case{"adapter = 1", "5: there is no key 'adapter'; there are name type"},
       }) {
    EXPECT_TRUE(problem_of_import(c.keys).starts_with(c.problem)) << problem_of_import(c.keys);
  }
  EXPECT_EQ(problem_of_import("unfinished = []"), "");
  EXPECT_EQ(problem_of_import("depth = 0x2"), "");
}

TEST(ServiceConfig, AnIntegerIsNoMode) {
  const std::vector<std::string> found =
      problems("[[adapter]]\ntype='export'\nqueue='q'\ndirectory='/o'\nmode = 0o640\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].starts_with("5: mode: it must be a string of octal digits")) << found[0];
}

TEST(ServiceConfig, ContradictionsAreToldOnceTheValuesAreRight) {
  EXPECT_EQ(problem_of_import("keep = true\ndone = '/d'"), "5: keep = \"true\": it excludes done");
  EXPECT_EQ(problem_of_import("charset = 'utf-8'\ncontent-type = 'xml'"),
            "6: content-type = \"xml\": not guess, nor a media type such as application/xml");
  const std::vector<std::string> two = problems(
      "[[adapter]]\ntype='import'\nqueue='q'\ndirectory='/in'\nkeep = true\ndone = '/d'\n"
      "recursive = true\ndepth = 1\n");
  EXPECT_EQ(two.size(), 1U) << testing::PrintToString(two);
}

TEST(ServiceConfig, NamesAreUnique) {
  const std::string one = "[[adapter]]\ntype='import'\nqueue='q'\ndirectory='/a'\n";
  EXPECT_EQ(problems(one + one),
            std::vector<std::string>{"5: name: the adapter in line 1 is called import-q already"});
  EXPECT_TRUE(problems(one + one + "name = 'other'\n").empty());
  EXPECT_EQ(problems(one + one + "enabled = false\n").size(), 1U);
  EXPECT_TRUE(problems(one + "[[adapter]]\ntype='export'\nqueue='q'\ndirectory='/a'\n").empty());
}

TEST(ServiceConfig, BrokenTomlIsToldWithItsLine) {
  for (const auto& [toml, line] : std::vector<std::pair<std::string, std::string>>{
           {"metrics = \n", "1: "},
           {"\n\n[[adapter\n", "3: "},
           {"drain = \"1s\"\ndrain = \"2s\"\n", "2: "},
           {"[adapter]\ntype = 'import'\n", "1: adapter: write it as [[adapter]]"},
           {"adapter = 5", "1: adapter: write it as [[adapter]]"},
           {"adapter = []", "1: adapter: write it as [[adapter]]"},
           {"metrics = \"\xff\"", "1: "},
           {std::string("a\0b", 3), "1: "},
       }) {
    const std::vector<std::string> found = problems(toml);
    ASSERT_EQ(found.size(), 1U) << toml;
    EXPECT_TRUE(found[0].starts_with(line)) << found[0];
  }
}

TEST(ServiceConfig, AByteThatIsNoTextIsToldWithItsLineWhateverElseIsWrong) {
  for (const std::string before : {"", "#\n", "# a comment\n", "# a comment\n# a comment\n"}) {
    const ConfigResult read = parse(before + "[[adapter]].type =\"\"\" im\nport.\x91");
    ASSERT_EQ(read.problems.size(), 1U);
    EXPECT_EQ(read.problems[0].line,
              2U + static_cast<std::size_t>(std::ranges::count(before, '\n')));
    EXPECT_EQ(read.problems[0].why, "not UTF-8 text");
  }
}

TEST(ServiceConfig, NoTruncationThrows) {
  std::size_t refused = 0;
  for (std::size_t i = 0; i < kWhole.size(); ++i) {
    refused += parse(kWhole.substr(0, i)).problems.empty() ? 0U : 1U;
  }
  EXPECT_GT(refused, kWhole.size() / 2);
}

TEST(ServiceConfig, SizeAndNumberHaveLimits) {
  EXPECT_EQ(problems(std::string(kMaxConfigBytes, '\n')), std::vector<std::string>{});
  EXPECT_EQ(problems(std::string(kMaxConfigBytes + 1, '\n')),
            std::vector<std::string>{"1: larger than 1M"});
  const auto many = [](std::size_t count) {
    std::string toml;
    for (std::size_t i = 0; i < count; ++i) {
      toml += "[[adapter]]\ntype='import'\nqueue='q" + std::to_string(i) + "'\ndirectory='/a'\n";
    }
    return toml;
  };
  EXPECT_EQ(parse(many(kMaxAdapters)).config.adapters.size(), kMaxAdapters);
  EXPECT_EQ(problems(many(kMaxAdapters + 1)),
            std::vector<std::string>{"1025: adapter: more than 256"});
}

TEST(ServiceConfig, ProblemsAreSafeToPrint) {
  const std::string escape = problem_of_import("include = ['/\x1b[31m']");
  EXPECT_TRUE(escape.empty() || escape.find('\x1b') == std::string::npos) << escape;
  const std::string name = problem_of_import("\"a\\u001bb\" = 1");
  EXPECT_TRUE(name.starts_with("5: there is no key 'a?b'")) << name;
  EXPECT_LT(problem_of_import("order = '" + std::string(10'000, 'x') + "'").size(), 200U);
  EXPECT_EQ(problem_line({7, "x: y"}, "/r/spoolmq.toml"), "/r/spoolmq.toml:7: x: y");
}

// ---- The file itself

TEST(ServiceConfig, IsReadThroughASymbolicLink) {
  std::string pattern = testing::TempDir() + "service_config_XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const std::filesystem::path dir = pattern;
  EXPECT_EQ(read_service_config(dir / "none.toml"), std::nullopt);
  std::ofstream(dir / "real.toml") << kWhole;
  std::filesystem::create_symlink("real.toml", dir / "link.toml");
  EXPECT_EQ(read_service_config(dir / "link.toml"), kWhole);
  std::ofstream(dir / "big.toml") << std::string(kMaxConfigBytes + 1, '\n');
  try {
    read_service_config(dir / "big.toml");
    ADD_FAILURE() << "too large";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kConfiguration);
  }
  EXPECT_THROW(read_service_config(dir), Error);
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace spoolmq::cli
