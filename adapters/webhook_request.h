#pragma once
// What a request says beside the body. Pure but for reading its files.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spoolmq/message.h"

namespace spoolmq::adapters {

// The bytes that sign: of "whsec_BASE64" what is encoded, of anything else the text without its
// line's end. Throws Error(kConfiguration), also where everybody may read the file.
std::string read_webhook_secret(const std::string& path);
// Lines "NAME: VALUE"; likewise.
std::vector<std::string> read_webhook_headers(const std::string& path);

// "v1,BASE64" of HMAC-SHA-256 over "ID.TIMESTAMP.BODY" (standardwebhooks.com).
std::string webhook_signature(std::string_view secret, std::string_view id,
                              std::int64_t timestamp_s, std::string_view body);

struct WebhookSubject {
  std::string_view queue;
  const Message& message;
  std::int64_t deliveries = 0;
  std::string_view content_type;  // where the message has none
};
// Lines "Name: value": content-type, Idempotency-Key, X-Spoolmq-Id, -Queue, -Deliveries, -Sent-At,
// and X-Spoolmq-H-NAME for each header whose name is a token and whose value has no control
// characters; at most 100 of them and 32 KiB.
std::vector<std::string> webhook_headers(const WebhookSubject& subject);

}  // namespace spoolmq::adapters
