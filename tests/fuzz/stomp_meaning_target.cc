// What frames and destinations of STOMP mean: refusals say why, what was taken names queues.

#include <variant>

#include "adapters/stomp_codec.h"
#include "adapters/stomp_destination.h"
#include "adapters/stomp_handshake.h"
#include "adapters/stomp_headers.h"
#include "core/names.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {
namespace {

using namespace adapters;

void check_destination(const StompDestination& destination) {
  using Kind = StompDestination::Kind;
  if (destination.kind == Kind::kQueue) {
    SPOOLMQ_CHECK(!spoolmq::names::refuse_queue_name(destination.name));
    const auto again = parse_stomp_destination(stomp_queue_text(destination.name));
    SPOOLMQ_CHECK(std::get<StompDestination>(again) == destination);
  }
}

}  // namespace

void stomp_meaning(std::string_view input) {
  const auto named = parse_stomp_destination(input);
  if (const auto* const refusal = std::get_if<StompRefusal>(&named)) {
    SPOOLMQ_CHECK(!refusal->why.empty());
  } else {
    check_destination(std::get<StompDestination>(named));
  }

  StompDecoder decoder({.body_bytes = 1 << 16});
  decoder.set_version(StompVersion::k12);
  decoder.feed(input);
  StompFrame frame;
  while (decoder.next(frame) == StompFound::kFrame) {
    const auto handshake = stomp_handshake(frame);
    if (const auto* const agreed = std::get_if<StompHandshake>(&handshake)) {
      SPOOLMQ_CHECK(agreed->heart_beat.ours_ms >= 0 && agreed->heart_beat.theirs_ms >= 0);
      SPOOLMQ_CHECK(!stomp_connected(*agreed, "1").command.empty());
    }
    const std::string body = frame.body;
    const auto sent = stomp_send(frame, {}, 1'000'000);
    const auto* const send = std::get_if<StompSend>(&sent);
    if (send == nullptr) continue;
    check_destination(send->destination);
    SPOOLMQ_CHECK(send->message.body == body);
    SPOOLMQ_CHECK(send->message.priority <= kMaxPriority);
    std::string out;
    append_stomp(out, stomp_message(send->message, body, {.queue = "q"}), StompVersion::k12);
    StompDecoder back({.headers = 4000, .head_bytes = 1 << 20});
    back.set_version(StompVersion::k12);
    back.feed(out);
    StompFrame delivered;
    SPOOLMQ_CHECK(back.next(delivered) == StompFound::kFrame && delivered.body == body);
  }
}

}  // namespace spoolmq::fuzz
