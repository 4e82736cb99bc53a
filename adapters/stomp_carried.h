#pragma once
// How a message of ours travels in STOMP frames, so that forward and fetch between them change
// nothing of it but who delivers it (PROTOCOL.md, "Forwarding and fetching"). Pure.

#include <algorithm>
#include <array>
#include <string_view>

namespace spoolmq::adapters {

// What STOMP has no header for, or a shorter one. All begin with kOwnPrefix, and no header of a
// user's does on the way: one that would goes as kHeaderPrefix COUNT "-" NAME, like one whose name
// means something to a broker, and like the second of a repeated name, of which STOMP counts the
// first only.
inline constexpr std::string_view kOwnPrefix = "spoolmq-";
inline constexpr std::string_view kHeaderPrefix = "spoolmq-header-";
inline constexpr std::string_view kIdHeader = "spoolmq-id";
inline constexpr std::string_view kSentAtHeader = "spoolmq-sent-at";  // wall clock, ms
inline constexpr std::string_view kFromHeader = "spoolmq-from";
inline constexpr std::string_view kPriorityHeader = "spoolmq-priority";
inline constexpr std::string_view kOrderKeyHeader = "spoolmq-order-key";
inline constexpr std::string_view kDedupeKeyHeader = "spoolmq-dedupe-key";
inline constexpr std::string_view kReplyToHeader = "spoolmq-reply-to";
inline constexpr std::string_view kCorrelationHeader = "spoolmq-correlation-id";

// Never a user's: SEND gives them a meaning, to whichever broker, or MESSAGE has them by itself.
inline constexpr auto kFrameHeaders = std::to_array<std::string_view>({
    "ack",
    "AMQ_SCHEDULED_DELAY",
    "amqp-message-id",
    "attempt",
    "auto-delete",
    "BCC",
    "CC",
    "content-length",
    "correlation-id",
    "dedupe-key",
    "delay",
    "deliveries",
    "destination",
    "durable",
    "exclusive",
    "expiration",
    "expires",
    "heart-beat",
    "host",
    "id",
    "JMSXGroupID",
    "message-id",
    "order-key",
    "original-destination",
    "persistent",
    "prefetch-count",
    "priority",
    "receipt",
    "receipt-id",
    "redelivered",
    "reply-to",
    "selector",
    "session",
    "subscription",
    "timestamp",
    "transaction",
    "transformation",
    "ttl",
    "user-id",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-delivery-count",
    "x-delivery-limit",
    "x-expires",
    "x-max-age",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-message-ttl",
    "x-overflow",
    "x-queue-mode",
    "x-queue-name",
    "x-queue-type",
    "x-stream-max-segment-size-bytes",
    "_AMQ_DUPL_ID",
});
constexpr bool is_frame_header(std::string_view name) {
  return std::ranges::find(kFrameHeaders, name) != kFrameHeaders.end();
}

// AMQP has no more room for them; what is longer goes like a name that means something.
inline constexpr auto kShortHeaders = std::to_array<std::string_view>(
    {"app-id", "cluster-id", "content-encoding", "content-type", "type"});
inline constexpr std::size_t kMostShortBytes = 255;
constexpr bool is_short_header(std::string_view name) {
  return std::ranges::find(kShortHeaders, name) != kShortHeaders.end();
}

// JMS knows priorities from 0 to 9; ours begin likewise, with the same one in the middle.
inline constexpr unsigned kMostCommonPriority = 9;

}  // namespace spoolmq::adapters
