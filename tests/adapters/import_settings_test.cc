// Every key of an import: what it sets, what it refuses, and what goes together.

#include "adapters/import_settings.h"

#include <gtest/gtest.h>

#include <set>

namespace spoolmq::adapters {
namespace {

using std::chrono::milliseconds;
using watcher::Rule;
using Given = std::vector<std::pair<std::string, std::string>>;

ImportSettings parse(const Given& given) {
  std::vector<KeyValue> values;
  for (const auto& [key, value] : given) values.push_back({key, value, "--" + key + " " + value});
  return parse_import_settings("orders", "/srv/in", values);
}

struct Refusal {
  std::string operation;
  std::string subject;
  std::string why;
};

Refusal refusal(const Given& given) {
  try {
    parse(given);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos);
    return {error.operation(), error.subject(), error.why()};
  }
  return {};
}

// ---- What is set

TEST(ImportSettings, WaitsForClosedAndStableByDefault) {
  const ImportSettings settings = parse({});
  EXPECT_EQ(settings.queue, "orders");
  EXPECT_EQ(settings.directory, "/srv/in");
  EXPECT_EQ(settings.ready.rules, (std::vector{Rule::kClosed, Rule::kStable}));
  EXPECT_EQ(settings.ready.stable_for, milliseconds(2'000));
  EXPECT_EQ(settings.ready.quiet_for, milliseconds(60'000));
  EXPECT_EQ(settings.ready.unfinished.size(), 6U);
  EXPECT_EQ(settings.ready.done_file, "{name}.done");
  EXPECT_EQ(settings.order, ImportOrder::kMtime);
  EXPECT_EQ(settings.depth, 0U);
  EXPECT_EQ(settings.rescan, milliseconds(30'000));
  EXPECT_EQ(settings.after, AfterImport::kRemove);
  EXPECT_EQ(settings.split.kind, SplitKind::kNone);
  EXPECT_EQ(settings.priority, kDefaultPriority);
  EXPECT_FALSE(settings.trusted);
}

TEST(ImportSettings, EachKeySetsItsMember) {
  const ImportSettings settings = parse({{"stable-for", "5s"},
                                         {"quiet-for", "1s"},
                                         {"include", "*.xml"},
                                         {"include", "in/*.csv"},
                                         {"exclude", "b*"},
                                         {"min-size", "1"},
                                         {"max-size", "2K"},
                                         {"min-age", "1s"},
                                         {"max-age", "1m"},
                                         {"order", "name"},
                                         {"depth", "3"},
                                         {"rescan", "1m"},
                                         {"header", "site={path:1}"},
                                         {"header", "batch=a=b"},
                                         {"content-type", "text/csv"},
                                         {"charset", "iso-8859-1"},
                                         {"priority", "9"},
                                         {"split", "csv"},
                                         {"done", "/srv/done/{date:%Y}"},
                                         {"errors", "/srv/errors"},
                                         {"trusted", "true"},
                                         {"high-mark", "100"},
                                         {"low-mark", "10"}});
  EXPECT_EQ(settings.ready.stable_for, milliseconds(5'000));
  EXPECT_EQ(settings.ready.quiet_for, milliseconds(1'000));
  EXPECT_EQ(settings.include, (std::vector<std::string>{"*.xml", "in/*.csv"}));
  EXPECT_EQ(settings.exclude, (std::vector<std::string>{"b*"}));
  EXPECT_EQ(settings.min_size, 1U);
  EXPECT_EQ(settings.max_size, 2'048U);
  EXPECT_EQ(settings.min_age, milliseconds(1'000));
  EXPECT_EQ(settings.max_age, milliseconds(60'000));
  EXPECT_EQ(settings.order, ImportOrder::kName);
  EXPECT_EQ(settings.depth, 3U);
  EXPECT_EQ(settings.rescan, milliseconds(60'000));
  ASSERT_EQ(settings.headers.size(), 2U);
  EXPECT_EQ(settings.headers[0].first, "site");
  EXPECT_EQ(settings.headers[0].second.render("lyon/a.xml", 0), "lyon");
  EXPECT_EQ(settings.headers[1].second.text(), "a=b");
  EXPECT_EQ(settings.content_type, "text/csv");
  EXPECT_EQ(settings.charset, "iso-8859-1");
  EXPECT_EQ(settings.priority, 9);
  EXPECT_EQ(settings.split.kind, SplitKind::kCsv);
  EXPECT_EQ(settings.after, AfterImport::kMoveToDone);
  EXPECT_EQ(settings.done, "/srv/done/{date:%Y}");
  EXPECT_EQ(settings.errors, "/srv/errors");
  EXPECT_TRUE(settings.trusted);
  EXPECT_EQ(settings.high_mark, 100U);
  EXPECT_EQ(settings.low_mark, 10U);
  EXPECT_EQ(parse({{"keep", "true"}}).after, AfterImport::kKeep);
  EXPECT_EQ(parse({{"keep", "false"}}).after, AfterImport::kRemove);
  EXPECT_EQ(parse({{"recursive", "true"}}).depth, kMaxImportDepth);
  EXPECT_EQ(parse({{"recursive", "false"}}).depth, 0U);
}

TEST(ImportSettings, ReadyIsAListOrRepeated) {
  EXPECT_EQ(parse({{"ready", "rename"}}).ready.rules, (std::vector{Rule::kRename}));
  EXPECT_EQ(parse({{"ready", "closed,locked"}}).ready.rules,
            (std::vector{Rule::kClosed, Rule::kLocked}));
  EXPECT_EQ(parse({{"ready", "stable"}, {"ready", "closed"}, {"ready", "stable"}}).ready.rules,
            (std::vector{Rule::kStable, Rule::kClosed}));
}

TEST(ImportSettings, ADoneFileImpliesItsRule) {
  EXPECT_EQ(parse({{"done-file", "{stem}.ok"}}).ready.rules, (std::vector{Rule::kDoneFile}));
  EXPECT_EQ(parse({{"done-file", "{stem}.ok"}}).ready.done_file, "{stem}.ok");
  EXPECT_EQ(parse({{"ready", "closed"}, {"done-file", "{stem}.ok"}}).ready.rules,
            (std::vector{Rule::kClosed, Rule::kDoneFile}));
  EXPECT_EQ(parse({{"ready", "done-file"}}).ready.rules, (std::vector{Rule::kDoneFile}));
}

TEST(ImportSettings, AShortQuietTimeShortensTheStableOne) {
  EXPECT_EQ(parse({{"quiet-for", "0s"}}).ready.stable_for, milliseconds(0));
  EXPECT_EQ(parse({{"quiet-for", "500ms"}}).ready.stable_for, milliseconds(500));
  EXPECT_EQ(parse({{"quiet-for", "1h"}}).ready.stable_for, milliseconds(2'000));
  EXPECT_EQ(parse({{"quiet-for", "0s"}, {"stable-for", "3s"}}).ready.stable_for,
            milliseconds(3'000));
}

TEST(ImportSettings, UnfinishedReplacesTheList) {
  EXPECT_EQ(parse({{"unfinished", "*.up"}, {"unfinished", "_*"}}).ready.unfinished,
            (std::vector<std::string>{"*.up", "_*"}));
  EXPECT_TRUE(parse({{"unfinished", ""}}).ready.unfinished.empty());
}

// ---- What is refused

TEST(ImportSettings, RefusesBadValuesAndNamesThem) {
  const std::string control("a\x01", 2);
  struct Case {
    std::string key;
    std::string value;
    std::string_view why;
  };
  const std::vector<Case> cases = {
      {"ready", "", "rename done-file closed locked stable"},
      {"ready", "close", "rename done-file closed locked stable"},
      {"ready", "closed,", "rename done-file closed locked stable"},
      {"ready", "closed, stable", "rename done-file closed locked stable"},
      {"stable-for", "2", "not a duration"},
      {"quiet-for", "soon", "not a duration"},
      {"unfinished", "/x", "no '/' in front"},
      {"done-file", "{name}", "the file itself"},
      {"include", "", "empty pattern"},
      {"include", "/in/*", "no '/' in front"},
      {"exclude", "", "empty pattern"},
      {"min-size", "big", "not a size"},
      {"max-size", "-1", "not a size"},
      {"min-age", "1", "not a duration"},
      {"max-age", "", "not a duration"},
      {"order", "size", "not one of name mtime"},
      {"recursive", "yes", "not true or false"},
      {"depth", "65", "not a whole number from 0 to 64"},
      {"rescan", "99ms", "shorter than 100ms"},
      {"header", "site", "not NAME=TEMPLATE"},
      {"header", "=x", "1 to 256 bytes"},
      {"header", std::string(257, 'n') + "=x", "1 to 256 bytes"},
      {"header", control + "=x", "without control characters"},
      {"header", "\xff=x", "of UTF-8"},
      {"header", "site={nonsense}", "not one of {name}"},
      {"content-type", "xml", "not guess, nor a media type"},
      {"content-type", "", "not guess, nor a media type"},
      {"content-type", control + "/x", "not guess, nor a media type"},
      {"content-type", "a/" + std::string(1'024, 'b'), "not guess, nor a media type"},
      {"charset", "", "not the name of a character set"},
      {"charset", "utf 8", "not the name of a character set"},
      {"charset", std::string(65, 'u'), "not the name of a character set"},
      {"priority", "32768", "not a whole number from 0 to 32767"},
      {"split", "words", ""},
      {"keep", "1", "not true or false"},
      {"done", "", "not a directory's name"},
      {"done", "/srv/in", "the imported directory itself"},
      {"done", "/srv/in/", "the imported directory itself"},
      {"done", ".", "the imported directory itself"},
      {"done", "x/..", "the imported directory itself"},
      {"done", "/srv/{name}", "column 6: only {date:FORMAT}"},
      {"done", "/srv/{date:", ""},
      {"errors", "/srv/./in", "the imported directory itself"},
      {"errors", std::string("a\0b", 3), "not a directory's name"},
      {"trusted", "", "not true or false"},
      {"high-mark", "0", "not a whole number from 1"},
      {"low-mark", "-5", "not a whole number from 1"},
      {"colour", "red", "an import has no such key"},
  };
  std::set<std::string_view> tried;
  for (const Case& c : cases) {
    tried.insert(c.key);
    const Refusal refused = refusal({{c.key, c.value}});
    EXPECT_EQ(refused.operation, "read options") << c.key << " " << c.value;
    EXPECT_TRUE(refused.subject.starts_with("--" + c.key)) << refused.subject;
    EXPECT_NE(refused.why.find(c.why), std::string::npos) << c.key << ": " << refused.why;
  }
  for (const AdapterKey& key : import_keys()) EXPECT_TRUE(tried.contains(key.name)) << key.name;
}

TEST(ImportSettings, HeadersThatImportsSetAreReserved) {
  for (const std::string_view name : kImportHeaders) {
    const Refusal refused = refusal({{"header", std::string(name) + "=x"}});
    EXPECT_NE(refused.why.find("every import sets these"), std::string::npos) << name;
  }
  EXPECT_EQ(refusal({{"header", "a=1"}, {"header", "a=2"}}).why, "the header is given twice");
  EXPECT_EQ(parse({{"header", "Name=x"}}).headers.size(), 1U);
}

TEST(ImportSettings, RefusesWhatContradictsItself) {
  struct Case {
    Given given;
    std::string_view subject;
    std::string_view why;
  };
  for (const Case& c : std::vector<Case>{
           {{{"keep", "true"}, {"done", "/d"}}, "--keep true", "it excludes done"},
           {{{"recursive", "true"}, {"depth", "1"}}, "--recursive true", "it excludes depth"},
           {{{"ready", "rename"}, {"stable-for", "1s"}}, "--stable-for 1s", "rule stable"},
           {{{"ready", "rename"}, {"quiet-for", "1s"}}, "--quiet-for 1s", "rule closed"},
           {{{"min-size", "2"}, {"max-size", "1"}}, "--min-size 2", "more than max-size"},
           {{{"min-age", "2s"}, {"max-age", "1s"}}, "--min-age 2s", "more than max-age"},
           {{{"high-mark", "5"}, {"low-mark", "6"}}, "--low-mark 6", "more than high-mark"},
           {{{"charset", "utf-8"}}, "--charset utf-8", "no content-type"},
           {{{"content-type", "a/b; charset=x"}, {"charset", "utf-8"}},
            "--charset utf-8",
            "has a charset already"},
       }) {
    const Refusal refused = refusal(c.given);
    EXPECT_EQ(refused.operation, kClashOperation);
    EXPECT_EQ(refused.subject, c.subject);
    EXPECT_NE(refused.why.find(c.why), std::string::npos) << refused.why;
  }
}

TEST(ImportSettings, TakesWhatOnlyLooksLikeAContradiction) {
  for (const Given& given : std::vector<Given>{
           {{"keep", "false"}, {"done", "/d"}},
           {{"recursive", "false"}, {"depth", "2"}},
           {{"split", "lines"}, {"trusted", "true"}},
           {{"min-age", "5s"}},
           {{"low-mark", "5"}},
           {{"content-type", "guess"}, {"charset", "utf-8"}},
           {{"ready", "closed"}, {"quiet-for", "1s"}},
           {{"done", "fold/{{x}}/{date:%Y-%m}"}},
           {{"errors", "{odd"}},
       }) {
    EXPECT_EQ(refusal(given).why, "") << given.front().first;
  }
  EXPECT_EQ(parse({{"keep", "false"}, {"done", "/d"}}).after, AfterImport::kMoveToDone);
}

TEST(ImportSettings, PatternsHaveALimit) {
  Given given(kMaxImportPatterns, {"include", "x"});
  EXPECT_EQ(refusal(given).why, "");
  given.push_back({"include", "x"});
  EXPECT_NE(refusal(given).why.find("more than 1024 patterns"), std::string::npos);
}

TEST(ImportSettings, KeysAreFitForOptions) {
  std::set<std::string_view> names;
  for (const AdapterKey& key : import_keys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    EXPECT_FALSE(key.help.empty()) << key.name;
    EXPECT_EQ(key.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos);
    for (const std::string_view common :
         {"type", "name", "queue", "directory", "enabled", "follow"}) {
      EXPECT_NE(key.name, common);
    }
  }
}

}  // namespace
}  // namespace spoolmq::adapters
