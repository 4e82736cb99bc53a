#include "cli/metrics_place.h"

#include <gtest/gtest.h>

namespace spoolmq::cli {
namespace {

using Kind = MetricsPlace::Kind;

TEST(MetricsPlace, TakesPathsAndAddressesOfThisMachine) {
  struct Case {
    const char* text;
    Kind kind;
    std::string_view where;
    int port;
  };
  for (const Case& c : {
           Case{"unix:/run/spoolmq/metrics", Kind::kUnixSocket, "/run/spoolmq/metrics", 0},
           Case{"file:/var/lib/node/spoolmq.prom", Kind::kFile, "/var/lib/node/spoolmq.prom", 0},
           Case{"127.0.0.1:9464", Kind::kTcp, "127.0.0.1", 9464},
           Case{"127.1.2.3:1", Kind::kTcp, "127.1.2.3", 1},
           Case{"[::1]:65535", Kind::kTcp, "::1", 65'535},
       }) {
    const auto parsed = parse_metrics_place(c.text);
    const auto* const place = std::get_if<MetricsPlace>(&parsed);
    ASSERT_NE(place, nullptr) << c.text;
    EXPECT_EQ(place->kind, c.kind);
    EXPECT_EQ(place->kind == Kind::kTcp ? place->address : place->path, c.where);
    EXPECT_EQ(place->port, c.port);
  }
}

TEST(MetricsPlace, RefusesTheRestWithTheReason) {
  struct Case {
    std::string text;
    std::string_view why;
  };
  for (const Case& c : std::vector<Case>{
           {"", "it must be"},
           {"9464", "it must be"},
           {"localhost:9464", "it must be"},
           {"127.0.0.1", "it must be"},
           {"::1:9464", "it must be"},
           {"[127.0.0.1]:9464", "it must be"},
           {"http://127.0.0.1:9464", "it must be"},
           {"0.0.0.0:9464", "other machines"},
           {"[::]:9464", "other machines"},
           {"192.168.1.2:9464", "other machines"},
           {"[::ffff:1.2.3.4]:9464", "other machines"},
           {"127.0.0.1:", "the port"},
           {"127.0.0.1:0", "the port"},
           {"127.0.0.1:65536", "the port"},
           {"127.0.0.1:+1", "the port"},
           {"127.0.0.1:http", "the port"},
           {"unix:", "absolute"},
           {"unix:metrics", "absolute"},
           {"unix:/run/", "a file's"},
           {"unix:/" + std::string(107, 'x'), "longer than 107 bytes"},
           {"file:x.prom", "absolute"},
           {std::string("file:/a\0b", 9), "absolute"},
           {std::string("127.0.0.1\0:1", 12), "it must be"},
       }) {
    const auto parsed = parse_metrics_place(c.text);
    const auto* const refusal = std::get_if<MetricsRefusal>(&parsed);
    ASSERT_NE(refusal, nullptr) << c.text;
    EXPECT_NE(refusal->why.find(c.why), std::string::npos) << c.text << ": " << refusal->why;
  }
}

}  // namespace
}  // namespace spoolmq::cli
