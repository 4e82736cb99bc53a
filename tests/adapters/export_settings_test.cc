// The keys of an export: what each accepts, what each refuses, and what goes together.

#include "adapters/export_settings.h"

#include <gtest/gtest.h>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

using Given = std::vector<std::pair<std::string, std::string>>;

ExportSettings parse(const Given& given) {
  std::vector<KeyValue> values;
  for (const auto& [key, value] : given) values.push_back({key, value, "--" + key + " " + value});
  return parse_export_settings("q", "/srv/out", values);
}

TEST(ExportSettings, AreTheDefaultsWhereNothingIsGiven) {
  const ExportSettings settings = parse({});
  EXPECT_EQ(settings.queue, "q");
  EXPECT_EQ(settings.directory, "/srv/out");
  EXPECT_EQ(settings.if_taken, IfTaken::kFail);
  EXPECT_FALSE(settings.mode || settings.limit || settings.append || settings.restore_mtime);
}

TEST(ExportSettings, TakeWhatEveryKeySays) {
  const ExportSettings settings = parse({{"file-name", "{id}.x"},
                                         {"exists", "skip-if-equal"},
                                         {"mode", "0640"},
                                         {"group", "staff"},
                                         {"mtime", "true"},
                                         {"done-name", "{stem}.ok"},
                                         {"done-file", "true"},
                                         {"checksum", "sha256"},
                                         {"limit", "3"}});
  EXPECT_EQ(settings.name.render({}, 0), MessageId().text() + ".x");
  EXPECT_EQ(settings.if_taken, IfTaken::kSkipEqual);
  EXPECT_EQ(settings.mode, 0640U);
  EXPECT_EQ(settings.group, "staff");
  EXPECT_TRUE(settings.restore_mtime);
  EXPECT_EQ(settings.done_file, "{stem}.ok");
  EXPECT_EQ(settings.checksum, kSha256);
  EXPECT_EQ(settings.limit, 3U);
  EXPECT_EQ(parse({{"done-file", "true"}}).done_file, "{name}.done");
  EXPECT_EQ(parse({{"done-file", "false"}}).done_file, "");
  const ExportSettings append = parse({{"append", "true"},
                                       {"name", "log-{date:%Y}"},
                                       {"rotate-size", "10M"},
                                       {"rotate-every", "1d"},
                                       {"separator", "\\r\\n\\0\\\\x"}});
  EXPECT_TRUE(append.append);
  EXPECT_EQ(append.rotate_size, 10U << 20);
  EXPECT_EQ(append.rotate_every, std::chrono::hours{24});
  EXPECT_EQ(append.separator, std::string("\r\n\0\\x", 5));
}

TEST(ExportSettings, KnowEveryWordForATakenName) {
  const std::pair<const char*, IfTaken> words[] = {{"fail", IfTaken::kFail},
                                                   {"suffix", IfTaken::kSuffix},
                                                   {"replace", IfTaken::kReplace},
                                                   {"skip", IfTaken::kSkip},
                                                   {"skip-if-equal", IfTaken::kSkipEqual}};
  for (const auto& [word, meaning] : words) {
    EXPECT_EQ(parse({{"exists", word}}).if_taken, meaning) << word;
  }
}

TEST(ExportSettings, RefuseNamingTheGivenValue) {
  const Given refused[] = {
      {{"name", "{nonsense}"}},
      {{"exists", "maybe"}},
      {{"mode", "rw"}},
      {{"group", ""}},
      {{"mtime", "yes"}},
      {{"done-file", "perhaps"}},
      {{"done-name", "{name}"}},
      {{"done-name", "done"}},
      {{"checksum", "md5"}},
      {{"limit", "0"}},
      {{"separator", "\\"}},
      {{"separator", "\\q"}},
      {{"no-such-key", "x"}},
      {{"rotate-size", "10M"}},
      {{"rotate-every", "1d"}},
      {{"separator", "x"}},
      {{"name", "a"}, {"file-name", "b"}},
      {{"append", "true"}},
      {{"name", "{id}"}, {"append", "true"}},
      {{"name", "{name}"}, {"append", "true"}},
      {{"file-name", "{seq}"}, {"append", "true"}},
      {{"name", "{header:site}"}, {"append", "true"}},
      {{"checksum", "sha256"}, {"append", "true"}, {"name", "log"}},
      {{"done-file", "true"}, {"append", "true"}, {"name", "log"}},
      {{"exists", "suffix"}, {"append", "true"}, {"name", "log"}},
      {{"mtime", "true"}, {"append", "true"}, {"name", "log"}},
  };
  for (const Given& given : refused) {
    try {
      parse(given);
      ADD_FAILURE() << given.front().first << " " << given.front().second;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_EQ(error.subject(), "--" + given.front().first + " " + given.front().second);
    }
  }
}

TEST(ExportSettings, ListKeysThatTheyRead) {
  for (const AdapterKey& key : export_keys()) {
    try {
      parse({{std::string(key.name), "?"}});
    } catch (const Error& error) {
      EXPECT_NE(error.why(), "an export has no such key") << key.name;
    }
  }
}

}  // namespace
}  // namespace spoolmq::adapters
