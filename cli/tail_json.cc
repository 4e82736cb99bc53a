#include "cli/tail_json.h"

#include "cli/json_output.h"

namespace spoolmq::cli {

nlohmann::ordered_json tail_json(const TailMessage& message, std::optional<std::string_view> body) {
  nlohmann::ordered_json object = envelope_json(message.message());
  object["source"] = message.source() == TailMessage::Source::kHotCache ? "hot-cache" : "disk";
  if (message.is_delayed()) object["delayed"] = true;
  if (message.has_expired()) object["expired"] = true;
  if (message.is_rendezvous()) object["rendezvous"] = true;
  if (body) add_body(object, *body);
  return object;
}

}  // namespace spoolmq::cli
