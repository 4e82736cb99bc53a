#include "watcher/readiness_options.h"

#include <gtest/gtest.h>

namespace spoolmq::watcher {
namespace {

TEST(ReadinessOptions, NameTheirRules) {
  for (const Rule rule :
       {Rule::kRename, Rule::kDoneFile, Rule::kClosed, Rule::kLocked, Rule::kStable}) {
    EXPECT_EQ(parse_rule(rule_name(rule)), rule) << rule_name(rule);
  }
  EXPECT_EQ(rule_name(Rule::kDoneFile), "done-file");
  for (const char* wrong : {"", "Closed", "done_file", "stable ", "none"}) {
    EXPECT_EQ(parse_rule(wrong), std::nullopt) << wrong;
  }
}

TEST(ReadinessOptions, AskForClosedAndStableByDefault) {
  const ReadinessOptions options;
  EXPECT_TRUE(options.has(Rule::kClosed));
  EXPECT_TRUE(options.has(Rule::kStable));
  EXPECT_FALSE(options.has(Rule::kLocked));
}

TEST(ReadinessOptions, KnowUnfinishedNames) {
  const ReadinessOptions options;
  struct Case {
    const char* path;
    const char* pattern;  // nullptr: finished
  };
  for (const Case& c : {Case{".a", ".*"},
                        Case{"..", ".*"},
                        Case{".a.csv.Xy12Zz", ".*"},
                        Case{"~a", "~*"},
                        Case{"a.tmp", "*.tmp"},
                        Case{"a.csv.part", "*.part"},
                        Case{"a.filepart", "*.filepart"},
                        Case{"a.writing", "*.writing"},
                        Case{"lyon/a.tmp", "*.tmp"},
                        Case{".~tmp~/a.csv", ".*"},
                        Case{"lyon/x.part/a.csv", "*.part"},
                        Case{"a", nullptr},
                        Case{"a.tmp.csv", nullptr},
                        Case{"part", nullptr},
                        Case{"a~", nullptr},
                        Case{"a.parts", nullptr},
                        Case{"lyon/a.TMP", nullptr},
                        Case{"-a\n.csv", nullptr},
                        Case{"a\xff.csv", nullptr},
                        Case{"a\xff.tmp", "*.tmp"},
                        Case{"", nullptr}}) {
    const std::string* const found = unfinished_pattern_of(options, c.path);
    ASSERT_EQ(found != nullptr, c.pattern != nullptr) << c.path;
    if (found != nullptr) {
      EXPECT_EQ(*found, c.pattern) << c.path;
    }
  }
}

TEST(ReadinessOptions, TakeOtherUnfinishedNames) {
  ReadinessOptions options;
  options.unfinished = {"in-progress-*"};
  EXPECT_NE(unfinished_pattern_of(options, "in-progress-a"), nullptr);
  EXPECT_EQ(unfinished_pattern_of(options, "a.tmp"), nullptr);
  options.unfinished.clear();
  EXPECT_EQ(unfinished_pattern_of(options, ".a"), nullptr);
}

TEST(ReadinessOptions, NameTheDoneFile) {
  struct Case {
    const char* form;
    const char* name;
    const char* done;
  };
  for (const Case& c :
       {Case{"{name}.done", "a.xml", "a.xml.done"}, Case{"{name}.done", "a", "a.done"},
        Case{"{name}.done", "lyon/a.xml", "lyon/a.xml.done"},
        Case{"{name}.done", "v1.2/a", "v1.2/a.done"}, Case{"{stem}.ok", "a.tar.gz", "a.tar.ok"},
        Case{"{stem}.ok", ".hidden", ".hidden.ok"}, Case{"{stem}.ok", "a.", "a..ok"},
        Case{"{ext}-{stem}.ok", "v1.2/a.xml", "v1.2/xml-a.ok"},
        Case{"{ext}-{stem}.ok", "v1.2/a", "v1.2/-a.ok"},
        Case{"done.{name}", "{stem}", "done.{stem}"}, Case{"{name}{name}", "a", "aa"},
        Case{"{other}{name", "a", "{other}{name"}}) {
    ReadinessOptions options;
    options.done_file = c.form;
    EXPECT_EQ(done_file_of(options, c.name), c.done) << c.form << " of " << c.name;
  }
}

TEST(ReadinessOptions, KnowADoneFileFromOthers) {
  struct Case {
    const char* form;
    const char* name;
    bool is_one;
  };
  for (const Case& c :
       {Case{"{name}.done", "a.xml.done", true}, Case{"{name}.done", "lyon/a.done", true},
        Case{"{name}.done", "a.xml", false}, Case{"{name}.done", ".done", false},
        Case{"{name}.done", "a.done/b", false}, Case{"{stem}.ok", "a.ok", true},
        Case{"{stem}.ok", "a.ok2", false}, Case{"ok-{stem}.{ext}", "ok-a.", true},
        Case{"{name}[1]*?", "a[1]*?", true}, Case{"{name}[1]*?", "a1xy", false}}) {
    ReadinessOptions options;
    options.done_file = c.form;
    EXPECT_EQ(is_done_file(options, c.name), c.is_one) << c.form << " and " << c.name;
  }
}

// So that no file is taken while it speaks for another.
TEST(ReadinessOptions, KnowEveryDoneFileTheyName) {
  for (const char* form :
       {"{name}.done", "{stem}.ok", "{ext}-{stem}", "[{name}]", "{stem}*{ext}"}) {
    ReadinessOptions options;
    options.done_file = form;
    for (const char* name : {"a", "a.xml", ".a", "a.b.c", "lyon/a.xml", "a*?[", "a\xff.\n"}) {
      EXPECT_TRUE(is_done_file(options, done_file_of(options, name))) << form << " of " << name;
    }
  }
}

}  // namespace
}  // namespace spoolmq::watcher
