// What `why FILE` says of a file is what the next look does with it.

#include <gtest/gtest.h>

#include <cerrno>

#include "spoolmq/error.h"
#include "tests/adapters/import_rig.h"

namespace spoolmq::adapters::test {
namespace {

std::string rules(ImportRig& rig, const std::string& path) {
  std::string text;
  for (const FileReason& reason : rig.session().explain(path)) text += reason.rule + " ";
  return text;
}

TEST(ImportExplain, NamesTheRuleThatHoldsAFileBack) {
  DirectoryWorld world;
  for (const char* name : {"ready", "a.tmp", "a.no"}) world.put("in", name, name);
  world.put("in", "large", std::string(100, 'L'));
  ImportSettings settings = DirectoryWorld::at_first_look();
  settings.exclude = {"*.no"};
  settings.max_size = 99;
  ImportRig rig(world, settings);
  EXPECT_EQ(rules(rig, "ready"), "ready ");
  EXPECT_EQ(rules(rig, "a.tmp"), "rename ");
  EXPECT_EQ(rules(rig, "a.no"), "name ");
  EXPECT_EQ(rules(rig, "large"), "size ");
  EXPECT_EQ(rules(rig, "nothing"), "gone ");
  EXPECT_EQ(rules(rig, "no/where"), "gone ");
  rig.hooks.opened = [](const std::string& name) { throw Error::from_errno(EACCES, "open", name); };
  EXPECT_EQ(rules(rig, "ready"), "permission ");
}

TEST(ImportExplain, SaysForHowLong) {
  DirectoryWorld world;
  world.put("in", "a", "1");
  ImportSettings settings = DirectoryWorld::at_first_look();
  settings.ready.stable_for = std::chrono::milliseconds(5000);
  ImportRig rig(world, settings);
  const auto reasons = rig.session().explain("a");
  ASSERT_EQ(reasons.size(), 1U);
  EXPECT_EQ(reasons[0].rule, "stable");
  ASSERT_TRUE(reasons[0].left_ms);
  EXPECT_LE(*reasons[0].left_ms, 5000);
  EXPECT_GT(*reasons[0].left_ms, 0);
}

TEST(ImportExplain, ChangesNothing) {
  DirectoryWorld world;
  world.put("in", "a", "1");
  ImportRig rig(world, DirectoryWorld::at_first_look());
  world.disk().clear_trace();
  rules(rig, "a");
  EXPECT_TRUE(world.disk().trace().empty());
  EXPECT_EQ(rig.run().imported, 1U);
}

TEST(ImportExplain, KnowsWhatIsImportedRefusedOrHeldBack) {
  Settings checked;
  checked.check = BodyCheck::kWellFormedXml;
  DirectoryWorld world(checked);
  world.put("in", "bad", "<a");
  world.put("in", "good", "<a/>");
  ImportSettings settings = DirectoryWorld::at_first_look();
  settings.after = AfterImport::kKeep;
  settings.high_mark = 2;
  Sides sides;
  sides.errors = "none";
  ImportRig rig(world, settings, sides);
  rig.run();
  EXPECT_EQ(rules(rig, "bad"), "refused ");
  EXPECT_EQ(rules(rig, "good"), "imported ");
  EXPECT_TRUE(rig.session().explain("good").at(0).id);
  world.put("in", "two", "<b/>");
  world.put("in", "three", "<b/>");
  rig.look();
  EXPECT_EQ(rules(rig, "three") + rules(rig, "two"), "high-mark imported ");
}

TEST(ImportExplain, KnowsWhereFilesArePutAside) {
  DirectoryWorld world;
  ImportSettings settings = DirectoryWorld::at_first_look();
  settings.depth = 3;
  Sides sides;
  sides.inside = "done";
  ImportRig rig(world, settings, sides);
  EXPECT_NE(rig.session().explain("done/a").at(0).why.find("aside"), std::string::npos);
}

}  // namespace
}  // namespace spoolmq::adapters::test
