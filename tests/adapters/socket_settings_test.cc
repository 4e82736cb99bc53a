// The keys of socket-in and socket-out: defaults, what each takes, what each refuses, and what goes
// together. What a command line refuses is in tests/e2e.

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "adapters/socket_in_settings.h"
#include "adapters/socket_out_settings.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

using Given = std::vector<std::pair<std::string, std::string>>;

std::vector<KeyValue> values(const Given& given) {
  std::vector<KeyValue> all;
  for (const auto& [key, value] : given) all.push_back({key, value, key + " = " + value});
  return all;
}

SocketInSettings in(const Given& given) { return parse_socket_in_settings(values(given)); }
SocketOutSettings out(const Given& given) { return parse_socket_out_settings(values(given)); }

// "CODE SUBJECT: WHY"; empty: it is accepted.
std::string refusal(const Given& given) {
  try {
    static_cast<void>(in(given));
    return {};
  } catch (const Error& error) {
    return std::to_string(static_cast<int>(error.code())) + " " + error.subject() + ": " +
           error.why();
  }
}

TEST(SocketInSettings, AreTheDefaultsWhereOnlyAPlaceIsGiven) {
  const SocketInSettings settings = in({{"unix", "/run/x"}});
  EXPECT_EQ(settings.reception.place.path, "/run/x");
  EXPECT_EQ(settings.reception.place.mode, 0600U);
  EXPECT_FALSE(settings.answers || settings.takes_unended || settings.reception.has_tls);
  EXPECT_EQ(settings.frames.kind, FrameKind::kLine);
  EXPECT_EQ(settings.frames.most_bytes, kDefaultMostFrameBytes);
  EXPECT_EQ(settings.reception.most_connections, 1000);
  EXPECT_TRUE(settings.reception.allowed.is_anybody());
}

TEST(SocketInSettings, RefuseWhatOtherMachinesReach) {
  EXPECT_EQ(refusal({{"tcp", "127.0.0.1:1"}}), "");
  EXPECT_EQ(refusal({{"tcp", "0.0.0.0:1"}}).substr(0, 22), "78 tcp = 0.0.0.0:1: ot");
  EXPECT_EQ(refusal({{"tcp", "[::]:1"}}).substr(0, 3), "78 ");
  EXPECT_EQ(refusal({{"tcp", "0.0.0.0:1"}, {"insecure", "false"}}).substr(0, 3), "78 ");
  EXPECT_EQ(refusal({{"tcp", "0.0.0.0:1"}, {"insecure", "true"}}), "");
  EXPECT_EQ(refusal({{"tcp", "0.0.0.0:1"}, {"tls-certificate", "/c"}, {"tls-key", "/k"}}), "");
}

TEST(SocketInSettings, KnowWhatGoesTogether) {
  EXPECT_EQ(refusal({}), "64 unix, tcp or activation: socket-in needs one of them");
  EXPECT_EQ(refusal({{"unix", "/s"}, {"tcp", "127.0.0.1:1"}}), "64 unix = /s: it excludes tcp");
  EXPECT_EQ(refusal({{"tcp", "127.0.0.1:1"}, {"allow-users", "root"}}),
            "64 allow-users = root: it excludes tcp");
  EXPECT_EQ(refusal({{"activation", "a"}, {"mode", "0600"}}), "64 mode = 0600: it is for unix");
  EXPECT_EQ(refusal({{"unix", "/s"}, {"tls-key", "/k"}}),
            "64 tls-key = /k: it needs tls-certificate");
  EXPECT_EQ(refusal({{"unix", "/s"}, {"max-bytes", "2M"}, {"max-memory", "1M"}}),
            "64 max-memory = 1M: it is less than max-bytes");
  EXPECT_EQ(in({{"unix", "/s"}, {"max-bytes", "1G"}}).most_unfinished_bytes, 1U << 30);
  EXPECT_EQ(refusal({{"unix", "/s"}, {"window", "3"}}), "64 window = 3: socket-in has no such key");
}

TEST(SocketInSettings, TakeNamesAndNumbersOfUsers) {
  const SocketInSettings settings =
      in({{"unix", "/s"}, {"allow-users", "root"}, {"allow-users", "4242"}, {"allow-groups", "0"}});
  EXPECT_EQ(settings.reception.allowed.users, (std::vector<uid_t>{0, 4242}));
  Peer peer;
  peer.is_local = true;
  peer.user = 1;
  peer.group = 1;
  EXPECT_FALSE(settings.reception.allowed.has(peer));
  peer.further = {5, 0};
  EXPECT_TRUE(settings.reception.allowed.has(peer));
  peer.further = {};
  peer.user = 4242;
  EXPECT_TRUE(settings.reception.allowed.has(peer));
  peer.is_local = false;
  EXPECT_FALSE(settings.reception.allowed.has(peer));
  EXPECT_EQ(refusal({{"unix", "/s"}, {"allow-users", "4294967295"}}).substr(0, 2), "64");
}

TEST(SocketOutSettings, TakeSeveralAddresses) {
  const SocketOutSettings settings = out({{"tcp", "a:1"}, {"tcp", "[::1]:2"}, {"tls", "true"}});
  ASSERT_EQ(settings.addresses.size(), 2);
  EXPECT_EQ(settings.place_text(), "a:1 [::1]:2");
  EXPECT_TRUE(settings.has_tls);
  EXPECT_EQ(settings.window, 64);
  EXPECT_THROW(out({{"unix", "/s"}, {"tls", "true"}}), Error);
  EXPECT_NO_THROW(out({{"unix", "/s"}, {"tls", "true"}, {"tls-name", "h"}}));
  EXPECT_THROW(out({{"unix", "/s"}, {"tcp", "a:1"}}), Error);
}

}  // namespace
}  // namespace spoolmq::adapters
