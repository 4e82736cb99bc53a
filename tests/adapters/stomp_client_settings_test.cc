// The keys of forward and fetch, and the file with the login.

#include "adapters/stomp_client_settings.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "adapters/fetch_settings.h"
#include "adapters/forward_settings.h"
#include "tests/adapters/bridge_rig.h"
#include "tests/support/temporary_directory.h"

namespace spoolmq::adapters::test {
namespace {

using Given = std::vector<std::pair<std::string, std::string>>;
const Given kTo{{"to", "a:61613"}};

Given with(Given more) {
  more.insert(more.begin(), kTo.front());
  return more;
}

TEST(StompClientSettings, NeedAPlaceAndTakeSeveral) {
  EXPECT_EQ(refusal_of("forward", {}), "unix or to: forward needs one of them");
  EXPECT_EQ(refusal_of("fetch", {}), "unix or from: fetch needs one of them");
  EXPECT_EQ(refusal_of("forward", with({{"to", "[::1]:61613"}})), "");
  EXPECT_EQ(plan_of("forward", with({{"to", "[::1]:61613"}}))->place, "a:61613 [::1]:61613");
  EXPECT_NE(refusal_of("forward", with({{"unix", "/run/x"}})), "");
  EXPECT_NE(refusal_of("forward", {{"to", "a:0"}}), "");
}

TEST(StompClientSettings, RefuseWhatMakesNoSense) {
  EXPECT_EQ(refusal_of("forward", with({{"tls-ca", "/ca.pem"}})), "tls-ca = /ca.pem: it needs tls");
  EXPECT_EQ(refusal_of("forward", with({{"header", "x"}})), "header = x: not NAME=VALUE");
  EXPECT_EQ(refusal_of("forward", with({{"header", "receipt=1"}})),
            "header = receipt=1: that header is ours to give");
  EXPECT_EQ(refusal_of("forward", with({{"heart-beat", "1ms"}})),
            "heart-beat = 1ms: not 0, and not from 100ms to 1h");
  EXPECT_EQ(refusal_of("forward", with({{"heart-beat", "0"}, {"header", "x="}})), "");
  EXPECT_NE(refusal_of("forward", with({{"window", "0"}})), "");
  EXPECT_NE(refusal_of("forward", with({{"destination", "{"}})), "");
  EXPECT_NE(refusal_of("fetch", {{"from", "a:1"}, {"destination", "/queue/{header:x}"}}), "");
}

class LoginFile : public ::testing::Test {
 protected:
  std::string file(const std::string& content, mode_t mode = 0600) {
    const std::string path = there.path() + "/login";
    std::ofstream(path) << content;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  std::string refusal(const std::string& path) {
    try {
      static_cast<void>(read_stomp_login(path));
      return {};
    } catch (const Error& error) {
      return error.why();
    }
  }
  const spoolmq::test::TemporaryDirectory there;
};

TEST_F(LoginFile, HasTheLoginAndThePasscodeOnItsFirstLines) {
  const StompLogin login = read_stomp_login(file("till: 7 \r\n pass:code\nmore\n"));
  EXPECT_EQ(login.login, "till: 7 ");
  EXPECT_EQ(login.passcode, " pass:code");
  EXPECT_EQ(read_stomp_login(file("till")).passcode, "");
}

TEST_F(LoginFile, IsItsOwnersAlone) {
  EXPECT_EQ(refusal(file("a\nb\n", 0640)), "others than its owner may read or write it");
  EXPECT_NE(refusal(there.path() + "/none"), "");
  EXPECT_EQ(refusal(file("\nb\n")), "not a login on its first line and a passcode on its second");
}

}  // namespace
}  // namespace spoolmq::adapters::test
