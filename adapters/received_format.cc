#include "adapters/received_format.h"

#include <utility>

#include "adapters/syslog.h"

namespace spoolmq::adapters {

Message received_message(ReceivedFormat format, std::string bytes, std::string source) {
  Message message;
  if (format == ReceivedFormat::kSyslog) {
    message = syslog_message(bytes);
  } else {
    message.body = std::move(bytes);
  }
  message.headers.emplace_back("source", std::move(source));
  return message;
}

}  // namespace spoolmq::adapters
