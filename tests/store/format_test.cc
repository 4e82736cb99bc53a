// Spool formats, durability per send, and what a queue refuses to take.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/store/store_world.h"

namespace spoolmq::test {
namespace {

using Bodies = std::vector<std::string>;

SendOptions as(Format format) {
  SendOptions options;
  options.format = format;
  return options;
}

std::size_t files_named(StoreWorld& world, std::string_view suffix) {
  const auto files = world.spool_files();
  return static_cast<std::size_t>(std::count_if(
      files.begin(), files.end(), [&](const std::string& file) { return file.ends_with(suffix); }));
}

TEST(Format, MayDifferFromMessageToMessage) {
  StoreWorld world;
  const std::string odd("\0\x01\xff]]>&<", 9);
  world.queue().send(text("binary"));
  world.queue().send(text(odd), as(Format::kXml));
  world.queue().send_batch({text("b1"), text("b2")});
  world.queue().send_batch({text("x1"), text("x2")}, as(Format::kXml));
  EXPECT_EQ(files_named(world, ".xml"), 3U);
  EXPECT_EQ(files_named(world, ".seg"), 2U);
  EXPECT_EQ(drain(world.queue()), (Bodies{"binary", odd, "b1", "b2", "x1", "x2"}));
}

TEST(Format, IsTheQueuesUnlessTheSendSaysOtherwise) {
  Settings settings;
  settings.format = Format::kXml;
  StoreWorld world(settings);
  world.queue().send(text("x"));
  EXPECT_EQ(files_named(world, ".xml"), 1U);
  world.queue().send(text("y"), as(Format::kBinary));
  EXPECT_EQ(files_named(world, ".seg"), 1U);
}

TEST(Format, ReadsTheLongestXmlFileThatItWrites) {
  constexpr std::size_t kEscaped = sizeof "&amp;" - 1;
  Settings settings;
  settings.format = Format::kXml;
  settings.body_inline = kMaxInlineBodyBytes;
  StoreWorld world(settings);
  Message longest = text(std::string(2 * kMaxInlineBodyBytes / kEscaped, '&'));
  const std::string value(std::size_t{60} << 10, '&');
  for (int i = 0; i < 16; ++i) longest.headers.emplace_back("h" + std::to_string(i), value);
  world.queue().send(longest);
  const std::optional<Delivery> delivery = world.queue().receive();
  ASSERT_TRUE(delivery);
  EXPECT_TRUE(delivery->message().body == longest.body);  // not EXPECT_EQ: it would print them
  EXPECT_TRUE(delivery->message().headers == longest.headers);
}

TEST(Format, SurvivesAPowerCutAndARebuildInBothKinds) {
  StoreWorld world;
  world.queue().send(text("binary"));
  world.queue().send(text("xml"), as(Format::kXml));
  world.queue().send_batch({text("1"), text("2")});
  world.power_cut(Milliseconds{1000});
  world.queue().fsck(FsckMode::kRebuildIndex);
  Bodies bodies = drain(world.queue());
  std::sort(bodies.begin(), bodies.end());
  EXPECT_EQ(bodies, (Bodies{"1", "2", "binary", "xml"}));
}

TEST(Durability, OfASendOverridesTheQueues) {
  StoreWorld world;
  SendOptions options;
  options.durability = Durability::kOs;
  const MessageId os = world.queue().send(text("os"), options);
  const MessageId sync = world.queue().send(text("sync"));
  EXPECT_TRUE(world.queue().status(os)->os_durability);
  EXPECT_FALSE(world.queue().status(sync)->os_durability);
}

TEST(Durability, OsSyncsNothingOfTheMessage) {
  Settings settings;
  settings.durability = Durability::kOs;
  StoreWorld world(settings);
  world.queue().send(text("the directories are there now"));
  world.disk().clear_trace();
  world.queue().send_batch({text("1"), text("2"), text("3")});
  for (const std::string& line : world.disk().trace()) {
    EXPECT_FALSE(line.starts_with("sync") && line.find("msgs/") != std::string::npos) << line;
  }
}

TEST(Durability, SyncSyncsTheFileAndItsDirectoryBeforeItReturns) {
  StoreWorld world;
  world.queue().send(text("the directories are there now"));
  world.disk().clear_trace();
  const MessageId id = world.queue().send(text("x"), as(Format::kXml));
  std::vector<std::string> of_message;
  for (const std::string& line : world.disk().trace()) {
    if (line.find("msgs/") != std::string::npos) of_message.push_back(line.substr(0, 8));
  }
  EXPECT_NE(std::find(of_message.begin(), of_message.end(), "sync-dir"), of_message.end());
  auto lost = world.disk().after_power_cut(Names::kLost, Bytes::kLost);
  const auto shard = lost->root()->open_dir("queues")->open_dir("q")->open_dir("msgs")->open_dir(
      world.queue().status(id).has_value() ? world.spool_files().front().substr(0, 2) : "");
  ASSERT_TRUE(shard);
  const auto kept = read_file(*shard, id.text() + ".xml", 10'000);
  ASSERT_TRUE(kept);
  EXPECT_NE(kept->find("x"), std::string::npos);
}

struct CheckCase {
  BodyCheck check;
  const char* good;
  const char* bad;
};

class ContentCheck : public ::testing::TestWithParam<CheckCase> {};

TEST_P(ContentCheck, RefusesWhatBreaksItAndLeavesNothing) {
  Settings settings;
  settings.check = GetParam().check;
  settings.body_inline = 1000;
  StoreWorld world(settings);
  EXPECT_EQ(refusal([&] { world.queue().send(text(GetParam().bad)); }), ErrorCode::kBadData);
  EXPECT_EQ(refusal([&] {
              world.queue().send_batch({text(GetParam().good), text(GetParam().bad)});
            }),
            ErrorCode::kBadData);
  EXPECT_EQ(refusal([&] { world.queue().send(text(GetParam().bad + std::string(5000, '\xff'))); }),
            ErrorCode::kBadData);
  EXPECT_EQ(total(world.queue()), 0);
  EXPECT_TRUE(world.spool_files().empty());
  world.queue().send(text(GetParam().good));
  EXPECT_EQ(drain(world.queue()), Bodies{GetParam().good});
}

INSTANTIATE_TEST_SUITE_P(
    Checks, ContentCheck,
    ::testing::Values(CheckCase{BodyCheck::kWellFormedXml, "<a b='c'>d</a>", "<a><b></a>"},
                      CheckCase{BodyCheck::kWellFormedXml, "<?xml version='1.0'?><a/>", ""},
                      CheckCase{BodyCheck::kWellFormedXml, "<a/>", "<a/><b/>"},
                      CheckCase{BodyCheck::kUtf8, "gr\xc3\xbc\xc3\x9f", "gr\xfc"},
                      CheckCase{BodyCheck::kUtf8, "", "\xed\xa0\x80"},
                      CheckCase{BodyCheck::kJson, "{\"a\":[1,2]}", "{'a':1}"},
                      CheckCase{BodyCheck::kJson, "null", ""}));

TEST(ContentType, IsAddedWhereTheMessageHasNone) {
  Settings settings;
  settings.content_type = "text/plain";
  StoreWorld world(settings);
  Message own = text("y");
  own.headers = {{"content-type", "image/png"}};
  world.queue().send_batch({text("x"), own});
  const Receipt first = world.queue().receive()->detach();
  EXPECT_EQ(*world.queue().receive()->message().header("content-type"), "image/png");
  EXPECT_EQ(*world.queue().load(first.id)->header("content-type"), "text/plain");
}

struct Limit {
  const char* name;
  std::function<void(Message&)> good;  // at the limit
  std::function<void(Message&)> bad;   // one more
};

class Limits : public ::testing::TestWithParam<Limit> {};

TEST_P(Limits, HoldToTheByte) {
  StoreWorld world;
  Message good = text("x");
  GetParam().good(good);
  world.queue().send(good);
  EXPECT_EQ(take(world.queue()), "x");
  Message bad = text("x");
  GetParam().bad(bad);
  EXPECT_EQ(refusal([&] { world.queue().send(bad); }), ErrorCode::kBadData);
  EXPECT_EQ(total(world.queue()), 0);
}

Limit key_limit(const char* name, std::string Message::*key) {
  return {name, [key](Message& m) { m.*key = std::string(kMaxKeyBytes, 'k'); },
          [key](Message& m) { m.*key = std::string(kMaxKeyBytes + 1, 'k'); }};
}
Limit utf8_limit(const char* name, std::string Message::*key) {
  return {name, [key](Message& m) { m.*key = "\xc3\xbc"; }, [key](Message& m) { m.*key = "\xfc"; }};
}
void headers(Message& message, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) message.headers.emplace_back(std::to_string(i), "v");
}

INSTANTIATE_TEST_SUITE_P(
    OfAMessage, Limits,
    ::testing::Values(key_limit("DedupeKey", &Message::dedupe_key),
                      key_limit("OrderKey", &Message::order_key),
                      key_limit("CorrelationId", &Message::correlation_id),
                      key_limit("ReplyTo", &Message::reply_to),
                      utf8_limit("DedupeUtf8", &Message::dedupe_key),
                      utf8_limit("OrderUtf8", &Message::order_key),
                      Limit{"HeaderCount", [](Message& m) { headers(m, kMaxHeaderCount); },
                            [](Message& m) { headers(m, kMaxHeaderCount + 1); }},
                      Limit{"HeaderName",
                            [](Message& m) {
                              m.headers = {{std::string(kMaxHeaderNameBytes, 'n'), ""}};
                            },
                            [](Message& m) {
                              m.headers = {{std::string(kMaxHeaderNameBytes + 1, 'n'), ""}};
                            }},
                      Limit{"HeaderNameNotEmpty",
                            [](Message& m) {
                              m.headers = {{"n", ""}};
                            },
                            [](Message& m) {
                              m.headers = {{"", "v"}};
                            }},
                      Limit{"HeaderNameWithoutControls",
                            [](Message& m) {
                              m.headers = {{"a b", "\n"}};
                            },
                            [](Message& m) {
                              m.headers = {{"a\nb", ""}};
                            }},
                      Limit{"HeaderValueUtf8",
                            [](Message& m) {
                              m.headers = {{"n", "\xc3\xbc"}};
                            },
                            [](Message& m) {
                              m.headers = {{"n", "\xfc"}};
                            }},
                      Limit{"HeaderBytes",
                            [](Message& m) {
                              m.headers = {{"n", std::string(kMaxFieldBytes - 1, 'v')}};
                            },
                            [](Message& m) {
                              m.headers = {{"n", std::string(kMaxFieldBytes, 'v')}};
                            }}),
    [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace spoolmq::test
