// Syslog: whatever comes is a message within the limits of a message.

#include "adapters/syslog.h"
#include "core/record_codec.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {

void syslog(std::string_view input) {
  const adapters::SyslogRecord record = adapters::parse_syslog(input);
  SPOOLMQ_CHECK(record.facility < 24 && record.severity < 8);
  if (record.format == adapters::SyslogFormat::kUnknown) SPOOLMQ_CHECK(record.text == input);
  SPOOLMQ_CHECK(!adapters::syslog_facility_name(record.facility).empty());
  const Message message = adapters::syslog_message(input);
  SPOOLMQ_CHECK(message.headers.size() <= kMaxHeaderCount);
  for (const auto& [name, value] : message.headers) {
    SPOOLMQ_CHECK(!name.empty() && name.size() <= kMaxHeaderNameBytes);
  }
}

}  // namespace spoolmq::fuzz
