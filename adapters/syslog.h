#pragma once
// A syslog message as RFC 5424 (section 6) or RFC 3164 (section 4) describes it, or as glibc's
// syslog(3) writes it to /dev/log, which is RFC 3164 without a host name. Any bytes may come: what
// is neither is kept whole. Pure, and never throws for what it reads.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spoolmq/message.h"

namespace spoolmq::adapters {

enum class SyslogFormat : std::uint8_t { kUnknown, kRfc3164, kRfc5424 };

struct SyslogRecord {
  SyslogFormat format = SyslogFormat::kUnknown;
  unsigned facility = 0;  // 0 … 23
  unsigned severity = 0;  // 0 … 7
  std::string timestamp;  // as it stood there; empty: none, as with all of these
  std::string host;
  std::string app;  // RFC 3164: the tag
  std::string procid;
  std::string msgid;
  std::vector<std::pair<std::string, std::string>> structured;  // "SD-ID.NAME", unescaped value
  std::string text;  // MSG without its byte order mark; of an unknown one, all of it
};

SyslogRecord parse_syslog(std::string_view bytes);

// "local0", "err".
std::string_view syslog_facility_name(unsigned facility);
std::string_view syslog_severity_name(unsigned severity);

// Headers: `syslog-format` (rfc5424 rfc3164 unknown); and of those that are there `facility`,
// `severity`, `timestamp`, `host`, `app`, `procid`, `msgid`, and per parameter of structured data
// `sd.SD-ID.NAME` (what is no UTF-8 there is replaced by '?'). Structured data beyond what a
// message has room for is left out; `syslog-left-out` says how many. The priority is 11 less the
// severity: emerg 11 … notice 6, info 5, debug 4, the default.
Message syslog_message(std::string_view bytes);

}  // namespace spoolmq::adapters
