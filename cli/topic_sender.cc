#include "cli/topic_sender.h"

#include <algorithm>
#include <utility>

#include "cli/json_output.h"
#include "cli/streams.h"
#include "spoolmq/error.h"

namespace spoolmq::cli {

int TopicSender::send_body(std::string body) {
  send(std::move(body));
  return kDone;
}

int TopicSender::send_input(Input& input) {
  std::string body = read_up_to(input, kMaxTransactionBytes + 1);
  if (body.size() > kMaxTransactionBytes) refuse_long();
  return send_body(std::move(body));
}

int TopicSender::send_records(RecordReader& reader) {
  try {
    send_all(reader);
  } catch (const Error& error) {
    const bool doubtful = error.code() == ErrorCode::kIo || error.code() == ErrorCode::kInternal;
    if (sent_ == 0 || doubtful) throw;
    complain(std::string(error.what()) + " (after " + std::to_string(sent_) + " messages)");
    return kPartly;
  }
  return kDone;
}

void TopicSender::send_all(RecordReader& reader) {
  std::string record;
  while (true) {
    switch (reader.next(record, Patience::kWait)) {
      case Next::kRecord:
        send(std::move(record));
        break;
      case Next::kLong:
        refuse_long();
      case Next::kNotYet:
        break;
      case Next::kEnd:
        return;
    }
  }
}

void TopicSender::send(std::string body) {
  Transaction one =
      context_.root().transaction([this](std::string_view name) { return opened(name); });
  one.send_to_topic(topic_, plan_.message(std::move(body)), plan_.options);
  const std::vector<Placed> placed = std::move(one.commit().sends.front());
  if (placed.empty()) {
    throw Error(ErrorCode::kNotFound, "send", topic_,
                "no queue is bound to this topic (spoolmq bind TOPIC Q)");
  }
  // A queue that knew the dedupe key has the earlier message, under that one's id.
  const auto fresh =
      std::ranges::find_if(placed, [](const Placed& each) { return !each.result.duplicate; });
  const SendResult& told = (fresh != placed.end() ? *fresh : placed.front()).result;
  if (context_.json) {
    nlohmann::ordered_json object{{"id", told.id.text()}, {"duplicate", told.duplicate}};
    for (const Placed& each : placed) {
      object["queues"].push_back({{"queue", each.queue},
                                  {"id", each.result.id.text()},
                                  {"duplicate", each.result.duplicate}});
    }
    put_line(json_line(object));
  } else {
    put_line(told.id.text());
  }
  settle_out();
  ++sent_;
}

Queue* TopicSender::opened(std::string_view name) {
  const auto known = queues_.find(name);
  if (known != queues_.end()) return &known->second;
  Queue queue = context_.queue(std::string(name), plan_.pattern.from.name);
  return &queues_.emplace(std::string(name), std::move(queue)).first->second;
}

void TopicSender::refuse_long() const {
  throw Error(
      ErrorCode::kBadData, "send", topic_,
      "a message to a topic has at most " + std::to_string(kMaxTransactionBytes) + " bytes");
}

}  // namespace spoolmq::cli
