#include "adapters/replies.h"

#include <utility>

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kDedupePrefix = "reply:";
constexpr std::string_view kCorrelationHeader = "correlation-id";

OpenOptions named(const std::string& name) {
  OpenOptions options;
  options.name = name;
  return options;
}

}  // namespace

Replies::Replies(const AdapterPlace& place, const std::string& queue)
    : place_(silent(place)),
      queue_(place.root->open_queue(queue, named(place.name))),
      intake_(queue_, place_) {}

AdapterPlace Replies::silent(const AdapterPlace& place) {
  AdapterPlace silent = place;
  silent.counters = nullptr;
  silent.on_moved = nullptr;
  silent.on_refused = nullptr;
  return silent;
}

void Replies::add(const Message& request, std::string body) {
  Message reply;
  reply.body = std::move(body);
  reply.correlation_id = request.id.text();
  reply.dedupe_key = std::string(kDedupePrefix) + request.id.text();
  if (!request.correlation_id.empty()) {
    reply.headers.emplace_back(kCorrelationHeader, request.correlation_id);
  }
  intake_.add(std::move(reply));
  asked_.push_back(request.id);
}

std::vector<Outcome> Replies::flush() {
  std::vector<Outcome> outcomes;
  for (const Intake::Taken& one : intake_.flush()) {
    outcomes.push_back({asked_.front(), one.is_sent ? Verdict::kAck : Verdict::kReject,
                        one.is_sent ? std::string() : "its reply was refused: " + one.why});
    asked_.pop_front();
  }
  return outcomes;
}

}  // namespace spoolmq::adapters
