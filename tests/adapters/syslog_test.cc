#include "adapters/syslog.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace spoolmq::adapters {
namespace {

using namespace std::string_literals;

// Everything that was found, in one line.
std::string told(std::string_view bytes) {
  const SyslogRecord record = parse_syslog(bytes);
  if (record.format == SyslogFormat::kUnknown) return "unknown|" + record.text;
  std::string all = record.format == SyslogFormat::kRfc5424 ? "5424" : "3164";
  for (const std::string_view field :
       {syslog_facility_name(record.facility), syslog_severity_name(record.severity),
        std::string_view(record.timestamp), std::string_view(record.host),
        std::string_view(record.app), std::string_view(record.procid),
        std::string_view(record.msgid)}) {
    all.append("|").append(field);
  }
  for (const auto& [name, value] : record.structured) all += "|" + name + "=" + value;
  return all + "|" + record.text;
}

struct Case {
  std::string bytes;
  std::string told;
};

TEST(Syslog, ReadsRfc5424) {
  const std::vector<Case> cases{
      // The examples of RFC 5424 section 6.5.
      {"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xEF\xBB\xBF'su root' "
       "failed",
       "5424|auth|crit|2003-10-11T22:14:15.003Z|mymachine.example.com|su||ID47|'su root' failed"},
      {"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time.",
       "5424|local4|notice|2003-08-24T05:14:15.000003-07:00|192.0.2.1|myproc|8710||%% It's time."},
      {"<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [exampleSDID@32473 iut=\"3\" "
       "eventSource=\"Application\" eventID=\"1011\"][examplePriority@32473 class=\"high\"]",
       "5424|local4|notice|2003-10-11T22:14:15.003Z|h|evntslog||ID47|exampleSDID@32473.iut=3|"
       "exampleSDID@32473.eventSource=Application|exampleSDID@32473.eventID=1011|"
       "examplePriority@32473.class=high|"},
      {"<0>1 - - - - - -", "5424|kern|emerg||||||"},
      {"<191>1 - - - - - - \n", "5424|local7|debug||||||\n"},
      {"<14>1 - - - - - [a b=\"x\\]\\\"\\\\\\n\"] [no data] ",
       "5424|user|info||||||a.b=x]\"\\\\n|[no data] "},
      {"<14>1 - - - - - [a] x", "5424|user|info||||||x"},
      {"<14>1 - - - - - [a b=\"\"]", "5424|user|info||||||a.b=|"},
  };
  for (const auto& [bytes, expected] : cases) EXPECT_EQ(told(bytes), expected) << bytes;
}

TEST(Syslog, ReadsRfc3164AndWhatProgramsMakeOfIt) {
  const std::vector<Case> cases{
      {"<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
       "3164|auth|crit|Oct 11 22:14:15|mymachine|su|||'su root' failed"},
      {"<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
       "3164|user|notice|Feb  5 17:32:18|10.0.0.99||||Use the BFG!"},
      {"<13>Nov 28 18:00:00 tag[123]: from glibc",
       "3164|user|notice|Nov 28 18:00:00||tag|123||from glibc"},
      {"<13>Nov 28 18:00:00 tag: from logger",
       "3164|user|notice|Nov 28 18:00:00||tag|||from logger"},
      {"<14>app: python says so\0"s, "3164|user|info|||app|||python says so"},
      {"<14>a line\n", "3164|user|info||||||a line"},
      {"<13>2026-11-28T18:00:00+00:00 host app[1]: x",
       "3164|user|notice|2026-11-28T18:00:00+00:00|host|app|1||x"},
      {"<13>", "3164|user|notice||||||"},
      {"<13>Xyz 99 99:99:99 x", "3164|user|notice||||||Xyz 99 99:99:99 x"},
      {"<13>1", "3164|user|notice||||||1"},
  };
  for (const auto& [bytes, expected] : cases) EXPECT_EQ(told(bytes), expected) << bytes;
}

TEST(Syslog, KeepsWhatItCannotReadWhole) {
  for (const std::string& bytes :
       {""s, "<"s, "<>x"s, "<192>x"s, "<999>x"s, "<1234>x"s, "<-1>x"s, "no priority"s, "<13x"s,
        "<14>1 "s, "<14>1 - - - - - [a b=\"never ends"s, "<14>1 - - - - - [a b=c]"s,
        "<14>1 - - - - - [ a=\"b\"]"s, "<14>1 - - - - - -x"s, "<14>1 - - - - -"s, "\0\xff\xfe"s}) {
    EXPECT_EQ(told(bytes), "unknown|" + bytes);
  }
}

TEST(Syslog, EveryTruncationAndEveryDamagedByteGivesAMessage) {
  const std::vector<std::string> valid{
      "<165>1 2003-10-11T22:14:15.003Z h evntslog 1 ID47 [x@1 a=\"3\\\"\" b=\"c\"][y c=\"d\"] "
      "\xEF\xBB\xBF"
      "text",
      "<34>Oct 11 22:14:15 mymachine su[12]: 'su root' failed"};
  for (const std::string& whole : valid) {
    for (std::size_t length = 0; length <= whole.size(); ++length) {
      const std::string cut = whole.substr(0, length);
      const Message message = syslog_message(cut);
      ASSERT_FALSE(message.headers.empty());
      const bool is_unknown = message.headers[0].second == "unknown";
      EXPECT_TRUE(!is_unknown || message.body == cut) << length;
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const char byte : {'\0', '\xff', '<', ' ', '"', '\\', ']'}) {
        std::string damaged = whole;
        damaged[at] = byte;
        EXPECT_FALSE(syslog_message(damaged).headers.empty());
      }
    }
  }
}

TEST(Syslog, BecomesHeadersAndAPriority) {
  const Message message = syslog_message("<11>1 - host app 7 ID [a b=\"\xff\"] text");
  EXPECT_EQ(message.body, "text");
  EXPECT_EQ(message.priority, 8);  // err
  EXPECT_EQ(message.headers, (Headers{{"syslog-format", "rfc5424"},
                                      {"facility", "user"},
                                      {"severity", "err"},
                                      {"host", "host"},
                                      {"app", "app"},
                                      {"procid", "7"},
                                      {"msgid", "ID"},
                                      {"sd.a.b", "?"}}));
  EXPECT_EQ(syslog_message("<8>x").priority, 11);
  EXPECT_EQ(syslog_message("<15>x").priority, kDefaultPriority);
  EXPECT_EQ(syslog_message("whatever").priority, kDefaultPriority);
}

TEST(Syslog, LeavesOutStructuredDataThatAMessageHasNoRoomFor) {
  std::string many = "<14>1 - - - - - ";
  for (int i = 0; i < 2000; ++i) many += "[e" + std::to_string(i) + " n=\"v\"]";
  const Message message = syslog_message(many);
  EXPECT_LE(message.headers.size(), kMaxHeaderCount - 8);
  EXPECT_EQ(*message.header("syslog-left-out"), "1488");
}

}  // namespace
}  // namespace spoolmq::adapters
