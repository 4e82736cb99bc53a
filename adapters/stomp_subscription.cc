#include "adapters/stomp_subscription.h"

#include <algorithm>
#include <utility>

#include "core/names.h"
#include "core/text.h"
#include "core/units.h"

namespace spoolmq::adapters {
namespace {

using Kind = StompDestination::Kind;

const std::string* first_header(const StompFrame& frame, std::string_view one,
                                std::string_view other) {
  const std::string* const found = frame.header(one);
  return found != nullptr ? found : frame.header(other);
}

bool is_true(const std::string* value) { return value != nullptr && ascii_lower(*value) == "true"; }

std::variant<StompAckMode, StompRefusal> read_mode(const StompFrame& frame) {
  const std::string* const mode = frame.header("ack");
  if (mode == nullptr || *mode == "auto") return StompAckMode::kAuto;
  if (*mode == "client") return StompAckMode::kCumulative;
  if (*mode == "client-individual") return StompAckMode::kIndividual;
  return StompRefusal{"SUBSCRIBE, ack: it is auto, client or client-individual"};
}

// Not of auto: what is written is settled, so that a small number there only makes it slow.
std::optional<StompRefusal> read_prefetch(StompSubscribe& to, const StompFrame& frame) {
  const std::string* const given = first_header(frame, "prefetch-count", "activemq.prefetchSize");
  if (given == nullptr || to.mode == StompAckMode::kAuto) return std::nullopt;
  const std::optional<std::int64_t> number = parse_integer(*given);
  if (!number || *number < 0) return StompRefusal{"SUBSCRIBE, prefetch: it is a number"};
  if (*number > 0)
    to.prefetch = std::min<std::size_t>(static_cast<std::size_t>(*number), kMostPrefetch);
  return std::nullopt;
}

std::optional<StompRefusal> read_durable(StompSubscribe& to, const StompFrame& frame) {
  const std::string* const name = frame.header("activemq.subscriptionName");
  if (name != nullptr) {
    to.durable_name = *name;
  } else if (is_true(frame.header("durable"))) {
    to.durable_name = to.id;
  } else {
    return std::nullopt;
  }
  if (to.place.kind != Kind::kTopic) {
    to.durable_name.clear();  // a queue stays anyway
  } else if (const auto why = names::refuse_queue_name(to.durable_name)) {
    return StompRefusal{
        "SUBSCRIBE, durable: by activemq.subscriptionName or id it names the queue "
        "that stays: " +
        *why};
  }
  return std::nullopt;
}

}  // namespace

std::variant<StompSubscribe, StompRefusal> stomp_subscribe(const StompFrame& frame,
                                                           StompVersion version,
                                                           std::size_t prefetch) {
  const std::string* const destination = frame.header("destination");
  const std::string* const id = frame.header("id");
  if (destination == nullptr) return StompRefusal{"SUBSCRIBE has no destination"};
  if (version != StompVersion::k10 && id == nullptr) return StompRefusal{"SUBSCRIBE has no id"};
  if (frame.header("selector") != nullptr) {
    return StompRefusal{
        "SUBSCRIBE, selector: there are none here; send what is to be told apart to queues of its "
        "own"};
  }
  StompSubscribe asked;
  asked.id = id == nullptr ? "" : *id;
  asked.destination = *destination;
  asked.prefetch = prefetch;
  auto place = parse_stomp_destination(*destination);
  if (StompRefusal* const refusal = std::get_if<StompRefusal>(&place)) return std::move(*refusal);
  asked.place = std::get<StompDestination>(std::move(place));
  if (asked.place.kind == Kind::kReply) return StompRefusal{"/reply/ is only sent to"};
  auto mode = read_mode(frame);
  if (StompRefusal* const refusal = std::get_if<StompRefusal>(&mode)) return std::move(*refusal);
  asked.mode = std::get<StompAckMode>(mode);
  if (auto refusal = read_prefetch(asked, frame)) return std::move(*refusal);
  if (auto refusal = read_durable(asked, frame)) return std::move(*refusal);
  return asked;
}

bool StompSubscription::has(std::uint64_t number) const {
  return std::ranges::find(held_, number, &StompHeld::number) != held_.end();
}

std::optional<std::uint64_t> StompSubscription::find(const MessageId& id) const {
  const auto found =
      std::ranges::find_if(held_, [&id](const StompHeld& one) { return one.receipt.id == id; });
  return found == held_.end() ? std::nullopt : std::optional(found->number);
}

std::vector<StompHeld> StompSubscription::take(std::uint64_t number) {
  if (asked_.mode != StompAckMode::kIndividual) return take_up_to(number);
  const auto found = std::ranges::find(held_, number, &StompHeld::number);
  if (found == held_.end()) return {};
  std::vector<StompHeld> taken{*found};
  held_.erase(found);
  return taken;
}

std::vector<StompHeld> StompSubscription::take_up_to(std::uint64_t number) {
  const auto end = std::ranges::upper_bound(held_, number, {}, &StompHeld::number);
  std::vector<StompHeld> taken(held_.begin(), end);
  held_.erase(held_.begin(), end);
  return taken;
}

std::vector<StompHeld> StompSubscription::take_all() {
  std::vector<StompHeld> taken(held_.begin(), held_.end());
  held_.clear();
  return taken;
}

void StompSubscription::put_back(const std::vector<StompHeld>& held) {
  held_.insert(held_.end(), held.begin(), held.end());
  std::ranges::sort(held_, {}, &StompHeld::number);
}

}  // namespace spoolmq::adapters
