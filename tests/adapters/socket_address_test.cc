#include "adapters/socket_address.h"

#include <gtest/gtest.h>

namespace spoolmq::adapters {
namespace {

TEST(SocketAddress, IsReadAsPeopleWriteIt) {
  const struct {
    const char* text;
    const char* host;
    const char* port;
  } good[] = {{"127.0.0.1:9000", "127.0.0.1", "9000"},
              {"[::1]:0", "::1", "0"},
              {"host.example:65535", "host.example", "65535"},
              {"my-host_1:1", "my-host_1", "1"}};
  for (const auto& one : good) {
    const auto read = parse_host_port(one.text);
    ASSERT_TRUE(read) << one.text;
    EXPECT_EQ(*read, (HostPort{one.host, one.port}));
    EXPECT_EQ(read->text(), one.text);
  }
}

TEST(SocketAddress, IsRefusedWhereItIsNone) {
  for (const char* const text :
       {"",           ":",        ":9000",  "host",   "host:",    "host:x",  "host:-1",
        "host:65536", "host:80x", "::1:80", "[::1]",  "[::1]80",  "[::1:80", "[127.0.0.1]:80",
        "[host]:80",  "[]:80",    "a b:80", "a/b:80", "host: 80", "*:80"}) {
    EXPECT_FALSE(parse_host_port(text)) << text;
  }
  EXPECT_FALSE(parse_host_port(std::string("a\0:80", 5)));
  EXPECT_FALSE(parse_host_port(std::string(300, 'a') + ":80"));
}

TEST(SocketAddress, KnowsWhoReachesIt) {
  const struct {
    const char* text;
    bool is_loopback;
  } table[] = {{"127.0.0.1:1", true},  {"127.255.0.1:1", true},
               {"[::1]:1", true},      {"[::ffff:127.0.0.1]:1", true},
               {"0.0.0.0:1", false},   {"[::]:1", false},
               {"192.0.2.1:1", false}, {"[::ffff:192.0.2.1]:1", false},
               {"[fe80::1]:1", false}, {"128.0.0.1:1", false}};
  for (const auto& one : table) {
    const auto addresses = numeric_addresses(parse_host_port(one.text).value());
    ASSERT_EQ(addresses.size(), 1) << one.text;
    EXPECT_EQ(addresses[0].is_loopback(), one.is_loopback) << one.text;
  }
  EXPECT_TRUE(numeric_addresses({"localhost", "1"}).empty());
}

TEST(SocketAddress, IsToldWithItsPortAndWithout) {
  const auto six = numeric_addresses({"::1", "9"}).at(0);
  EXPECT_EQ(six.text(), "[::1]:9");
  EXPECT_EQ(six.host_text(), "::1");
  EXPECT_EQ(six.port(), 9);
}

}  // namespace
}  // namespace spoolmq::adapters
