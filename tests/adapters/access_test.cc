// Rights: their patterns, their rows, and what they add up to.

#include "adapters/access.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "adapters/name_pattern.h"
#include "core/clock.h"

namespace spoolmq::adapters {
namespace {

using Who = RightsRow::Who;

constexpr std::array kEveryRight{Right::kSend, Right::kReceive, Right::kBrowse, Right::kCreate};

KeyValue rights(std::string value) { return {"rights", std::move(value), "--rights"}; }

AccessSettings settings(std::initializer_list<const char*> rows) {
  AccessSettings made;
  for (const char* row : rows) add_rights(made, rights(row));
  return made;
}

Identity remote(std::string login = "", std::string subject = "") {
  Identity who{.peer = {}, .login = std::move(login), .subject = std::move(subject)};
  who.peer.name = "192.0.2.7";
  return who;
}

Identity local(uid_t user, gid_t group, std::vector<gid_t> further = {}) {
  Identity who;
  who.peer.is_local = true;
  who.peer.user = user;
  who.peer.group = group;
  who.peer.further = std::move(further);
  who.peer.name = "desk";
  return who;
}

// What `--help` says is all that somebody at a shell has.
TEST(Rights, AreToldByTheHelpInFull) {
  struct Settings {
    AccessSettings access;
  };
  const std::string_view help = kAccessRows<Settings>[1].key.help;
  const std::size_t begin = help.find("as '") + 4;
  const std::string_view example = help.substr(begin, help.find('\'', begin) - begin);
  EXPECT_TRUE(parse_rights(rights(std::string(example))).allows(Right::kReceive, "orders.new"));
  for (const std::string_view word : {"WHO: RIGHT… PATTERN…", "unix:", "unix-group:", "cert:",
                                      "send receive browse create *", "default: nobody"}) {
    EXPECT_NE(help.find(word), std::string_view::npos) << word;
  }
}

TEST(NamePattern, MatchesWordByWord) {
  struct Case {
    const char* pattern;
    const char* name;
    bool matches;
  };
  for (const Case& one : std::to_array<Case>({
           {"orders", "orders", true},
           {"orders", "orders2", false},
           {"orders", "order", false},
           {"orders", "orders/eu", false},
           {"orders.*", "orders.eu", true},
           {"orders.*", "orders", false},
           {"orders.*", "orders.eu.north", false},
           {"orders.*", "orders/eu", false},
           {"orders/*", "orders/eu", true},
           {"orders/*", "orders/eu.north", false},
           {"orders.#", "orders", true},
           {"orders.#", "orders.eu", true},
           {"orders.#", "orders.eu/north", true},
           {"orders.#", "orders/eu", false},
           {"orders.#", "ordersX", false},
           {"*.eu", "orders.eu", true},
           {"*.eu", "orders.us", false},
           {"*.eu.#", "orders.eu", true},
           {"*.*", "a.b", true},
           {"*.*", "a", false},
           {"*.*", "a/b", false},
           {"*", "a/b.c", true},
           {"#", "a/b.c", true},
           {"a..b", "a..b", true},
           {"a.*.b", "a..b", false},
           {"a.*", "a.", false},
       })) {
    EXPECT_FALSE(refuse_name_pattern(one.pattern)) << one.pattern;
    EXPECT_EQ(matches_name(one.pattern, one.name), one.matches) << one.pattern << " " << one.name;
  }
}

TEST(NamePattern, RefusesWhatMatchesNothing) {
  for (const char* const pattern : {"", ".", ".a", "*.", "#.a", "a.#.b", "a*", "a.b#", "a b", "a,b",
                                    "**", "a//b", "\xC3\xA4"}) {
    EXPECT_TRUE(refuse_name_pattern(pattern)) << pattern;
  }
  EXPECT_TRUE(refuse_name_pattern(std::string(129, 'a')));
}

TEST(Rights, AreReadWordByWord) {
  const RightsRow row = parse_rights(rights("alice: send receive orders.# invoices"));
  EXPECT_EQ(row.who, Who::kLogin);
  EXPECT_EQ(row.name, "alice");
  EXPECT_EQ(row.patterns, (std::vector<std::string>{"orders.#", "invoices"}));
  EXPECT_TRUE(row.allows(Right::kSend, "orders.eu"));
  EXPECT_TRUE(row.allows(Right::kReceive, "invoices"));
  EXPECT_FALSE(row.allows(Right::kBrowse, "invoices"));
  EXPECT_FALSE(row.allows(Right::kCreate, "invoices"));
  EXPECT_FALSE(row.allows(Right::kSend, "payments"));
}

TEST(Rights, TakeTheLastWordForAPattern) {
  const RightsRow row = parse_rights(rights("alice: send send"));
  EXPECT_TRUE(row.allows(Right::kSend, "send"));
  EXPECT_FALSE(row.allows(Right::kSend, "orders"));
}

TEST(Rights, OfAStarAreAllOfThem) {
  for (const Right right : kEveryRight) {
    EXPECT_TRUE(parse_rights(rights("bob: * *")).allows(right, "any/thing"));
    EXPECT_TRUE(parse_rights(rights("bob: * create")).allows(right, "create"));
  }
}

TEST(Rights, RefuseWhatIsNone) {
  for (const char* const row :
       {"", ":", "alice", "alice:", "alice: send", "alice: orders", "alice: *", ": send orders",
        "alice: sned orders", "alice: send orders.#.eu", "al ice: send orders",
        "alice : send orders", "unix:no-such-user-here: send a",
        "unix-group:no-such-group-here: send a", "cert:: send a", "cert:CN=a\\: send a",
        "-x: send a"}) {
    EXPECT_THROW(parse_rights(rights(row)), Error) << row;
  }
}

TEST(Rights, BelongToWhoProvedIt) {
  const RightsRow root = parse_rights(rights("unix:root: send a"));
  EXPECT_TRUE(root.is_of(local(0, 0)));
  EXPECT_FALSE(root.is_of(local(1000, 0)));
  EXPECT_FALSE(root.is_of(remote("root")));  // whose Peer says user 0, but is not local
  const RightsRow group = parse_rights(rights("unix-group:4242: send a"));
  EXPECT_TRUE(group.is_of(local(1000, 4242)));
  EXPECT_TRUE(group.is_of(local(1000, 1, {7, 4242})));
  EXPECT_FALSE(group.is_of(local(4242, 1)));
  EXPECT_FALSE(group.is_of(remote()));
  const RightsRow alice = parse_rights(rights("alice: send a"));
  EXPECT_TRUE(alice.is_of(remote("alice")));
  EXPECT_FALSE(alice.is_of(remote("alice2")));
  EXPECT_FALSE(alice.is_of(remote("", "alice")));
  EXPECT_FALSE(alice.is_of(remote()));
  EXPECT_TRUE(parse_rights(rights("*: send a")).is_of(remote()));
}

TEST(Rights, OfACertificateGoByTheSubjectFromItsFront) {
  const RightsRow row = parse_rights(rights("cert:CN=site-7: send a"));
  EXPECT_TRUE(row.is_of(remote("", "CN=site-7")));
  EXPECT_TRUE(row.is_of(remote("", "CN=site-7,O=Example")));
  EXPECT_FALSE(row.is_of(remote("", "CN=site-71")));
  EXPECT_FALSE(row.is_of(remote("", "CN=site-7+UID=3")));
  EXPECT_FALSE(row.is_of(remote("", "O=Evil,CN=site-7")));
  EXPECT_FALSE(row.is_of(remote("CN=site-7")));
  EXPECT_FALSE(row.is_of(remote()));
  const RightsRow colon = parse_rights(rights("cert:CN=a:b, Ltd,O=C D: * #"));
  EXPECT_TRUE(colon.is_of(remote("", "CN=a:b, Ltd,O=C D")));
}

TEST(Access, ByDefaultLetsNobodyInButOnAUnixSocket) {
  const SystemClock clock;
  const Access access({}, clock);
  EXPECT_FALSE(access.admits(remote("alice", "CN=alice")));
  EXPECT_TRUE(access.admits(local(1000, 1000)));
  for (const Right right : kEveryRight) {
    EXPECT_FALSE(access.may(remote("alice", "CN=alice"), right, "orders"));
    EXPECT_TRUE(access.may(local(1000, 1000), right, "orders"));
  }
}

TEST(Access, WithRightsHoldsForUnixPeersToo) {
  const SystemClock clock;
  const Access access(settings({"alice: send orders", "unix:0: receive orders"}), clock);
  EXPECT_FALSE(access.admits(local(1000, 1000)));
  EXPECT_FALSE(access.may(local(1000, 1000), Right::kSend, "orders"));
  EXPECT_TRUE(access.may(local(0, 0), Right::kReceive, "orders"));
  EXPECT_FALSE(access.may(local(0, 0), Right::kSend, "orders"));
}

TEST(Access, AddsUpTheRowsOfOneIdentity) {
  const SystemClock clock;
  const Access access(
      settings({"alice: send orders", "*: browse public.#", "alice: create orders"}), clock);
  EXPECT_TRUE(access.may(remote("alice"), Right::kSend, "orders"));
  EXPECT_TRUE(access.may(remote("alice"), Right::kCreate, "orders"));
  EXPECT_TRUE(access.may(remote("alice"), Right::kBrowse, "public.news"));
  EXPECT_FALSE(access.may(remote("alice"), Right::kReceive, "orders"));
  EXPECT_FALSE(access.may(remote("bob"), Right::kSend, "orders"));
  EXPECT_TRUE(access.admits(remote()));
}

TEST(Access, RefusesInWordsThatTellNothingNew) {
  EXPECT_EQ(Access::refusal(remote("alice"), Right::kReceive, "orders"),
            "alice may not receive from orders");
  EXPECT_EQ(Access::refusal(remote(), Right::kSend, "orders"), "192.0.2.7 may not send to orders");
  EXPECT_EQ(Access::refusal(local(1, 1), Right::kBrowse, "a"), "unix:desk may not browse a");
  EXPECT_EQ(Access::refusal({1, LoginOutcome::kLimited, 5001}),
            "too many failed logins: try again in 6s");
}

TEST(Access, CountsFailuresByNetworkOfIPv6) {
  Peer peer;
  peer.name = "192.0.2.7";
  EXPECT_EQ(Access::where(peer), "192.0.2.7");
  peer.name = "2001:db8:1:2:3:4:5:6";
  EXPECT_EQ(Access::where(peer), "2001:db8:1:2::/64");
  peer.name = "fe80::1%eth0";
  EXPECT_EQ(Access::where(peer), "fe80::/64");
  EXPECT_EQ(Access::where(local(1000, 1).peer), "uid 1000");
}

}  // namespace
}  // namespace spoolmq::adapters
