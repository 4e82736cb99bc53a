#include "store/message_check.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "core/xml_codec.h"
#include "spoolmq/error.h"

namespace spoolmq {
namespace {

[[noreturn]] void refuse(const std::string& queue, const std::string& why) {
  throw Error(ErrorCode::kBadData, "send", queue, why);
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

void check_key(const std::string& queue, std::string_view what, const std::string& key) {
  if (key.size() > kMaxKeyBytes) {
    refuse(queue, std::string(what) + " is longer than " + std::to_string(kMaxKeyBytes) + " bytes");
  }
  if (const auto bad = first_invalid_utf8(key)) {
    refuse(queue, std::string(what) + " is not UTF-8 at byte " + std::to_string(*bad));
  }
}

void check_headers(const std::string& queue, const Message& message) {
  if (message.headers.size() > kMaxHeaderCount) {
    refuse(queue, "more than " + std::to_string(kMaxHeaderCount) + " headers");
  }
  std::size_t total = 0;
  for (const auto& [name, value] : message.headers) {
    if (name.empty() || name.size() > kMaxHeaderNameBytes) {
      refuse(queue, "a header's name is empty or longer than 256 bytes");
    }
    if (first_invalid_utf8(name) || std::any_of(name.begin(), name.end(), is_control)) {
      refuse(queue, "header " + printable(name) + ": the name is not plain UTF-8");
    }
    if (const auto bad = first_invalid_utf8(value)) {
      refuse(queue, "header " + name + ": not UTF-8 at byte " + std::to_string(*bad));
    }
    total += name.size() + value.size();
  }
  if (total > kMaxFieldBytes) refuse(queue, "the headers are larger than 1 MiB together");
}

}  // namespace

void check_fields(const std::string& queue, const Message& message) {
  if (message.priority > kMaxPriority) {
    refuse(queue, "priority is above " + std::to_string(kMaxPriority));
  }
  check_key(queue, "dedupe key", message.dedupe_key);
  check_key(queue, "order key", message.order_key);
  check_key(queue, "correlation id", message.correlation_id);
  check_key(queue, "reply-to", message.reply_to);
  check_key(queue, "sender's name", message.from.name);
  check_headers(queue, message);
}

void check_body(const std::string& queue, std::string_view body, BodyCheck check) {
  switch (check) {
    case BodyCheck::kNone:
      return;
    case BodyCheck::kUtf8:
      if (const auto bad = first_invalid_utf8(body)) {
        refuse(queue, "the body is not UTF-8 at byte " + std::to_string(*bad));
      }
      return;
    case BodyCheck::kJson:
      if (!nlohmann::json::accept(body)) refuse(queue, "the body is not JSON");
      return;
    case BodyCheck::kWellFormedXml:
      if (const auto refusal = xml::check_well_formed(body)) {
        refuse(queue, "the body is not well-formed XML: " + refusal->why + " at byte " +
                          std::to_string(refusal->offset));
      }
      return;
  }
}

}  // namespace spoolmq
