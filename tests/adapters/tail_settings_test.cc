// The keys of a tail: what each accepts, what each refuses, and that there is one place.

#include "adapters/tail_settings.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

using Given = std::vector<std::pair<std::string, std::string>>;

TailSettings parse(const Given& given) {
  std::vector<KeyValue> values;
  for (const auto& [key, value] : given) values.push_back({key, value, key + " = " + value});
  return parse_tail_settings("q", "", values);
}

// "SUBJECT: WHY"; empty: it is accepted.
std::string refusal(const Given& given) {
  try {
    parse(given);
    return {};
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.subject() + ": " + error.why();
  }
}

TEST(TailSettings, AreTheDefaultsWhereOnlyAPlaceIsGiven) {
  const TailSettings settings = parse({{"fifo", "/run/x"}});
  EXPECT_EQ(settings.queue, "q");
  EXPECT_EQ(settings.directory, "/run/x");
  EXPECT_EQ(std::get<FifoPlace>(settings.place).path, "/run/x");
  EXPECT_EQ(settings.framing, Framing::kLine);
  EXPECT_EQ(settings.from, TailOptions::Start::kNow);
}

TEST(TailSettings, TakeWhatEveryKeySays) {
  const TailSettings command =
      parse({{"command", "tee"}, {"command", "-a"}, {"command", "/log x"}, {"framing", "json"}});
  EXPECT_EQ(std::get<CommandPlace>(command.place).words,
            (std::vector<std::string>{"tee", "-a", "/log x"}));
  EXPECT_EQ(command.directory, "tee -a /log x");
  EXPECT_EQ(command.framing, Framing::kJson);
  const TailSettings socket = parse({{"socket", "/s"}, {"framing", "null"}, {"from", "oldest"}});
  EXPECT_EQ(std::get<SocketPlace>(socket.place).path, "/s");
  EXPECT_EQ(socket.framing, Framing::kNull);
  EXPECT_EQ(socket.from, TailOptions::Start::kOldest);
  EXPECT_EQ(parse({{"fifo", "/f"}, {"framing", "line"}, {"from", "now"}}).framing, Framing::kLine);
}

TEST(TailSettings, NeedExactlyOnePlace) {
  EXPECT_EQ(refusal({}), "command, fifo or socket: a tail needs one of them");
  EXPECT_EQ(refusal({{"framing", "line"}}), "command, fifo or socket: a tail needs one of them");
  EXPECT_EQ(refusal({{"fifo", "/f"}, {"socket", "/s"}}), "fifo = /f: it excludes socket");
  EXPECT_EQ(refusal({{"socket", "/s"}, {"command", "cat"}}), "command = cat: it excludes socket");
  EXPECT_EQ(refusal({{"fifo", "/f"}, {"command", "cat"}}), "command = cat: it excludes fifo");
}

TEST(TailSettings, RefuseWhatIsNoPlace) {
  for (const std::string key : {"fifo", "socket"}) {
    for (const std::string& path :
         {std::string(), std::string("x"), std::string("./x"), std::string("/x/"),
          std::string("/x\0y", 4), "/" + std::string(4095, 'x')}) {
      EXPECT_NE(refusal({{key, path}}).find("absolute path"), std::string::npos) << key << path;
    }
  }
  EXPECT_NE(refusal({{"command", ""}}).find("are needed"), std::string::npos);
  EXPECT_NE(refusal({{"command", "cat -n"}}).find("array of words"), std::string::npos);
  EXPECT_NE(refusal({{"command", "cat"}, {"command", std::string("\0", 1)}}).find("NUL"),
            std::string::npos);
}

TEST(TailSettings, NameTheWordsThatAreAllowed) {
  EXPECT_EQ(refusal({{"fifo", "/f"}, {"framing", "xml"}}),
            "framing = xml: not one of line null json");
  EXPECT_EQ(refusal({{"fifo", "/f"}, {"from", "then"}}), "from = then: not one of now oldest");
  EXPECT_EQ(refusal({{"fifo", "/f"}, {"recursive", "true"}}),
            "recursive = true: a tail has no such key");
}

}  // namespace
}  // namespace spoolmq::adapters
