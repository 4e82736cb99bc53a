#pragma once
// What is at the other end of a session, as its CONNECTED says: headers that mean something to one
// broker mean nothing to another. Pure.

#include <cstdint>
#include <string_view>

namespace spoolmq::adapters {

enum class StompBroker : std::uint8_t { kRabbitMq, kActiveMq, kArtemis, kSpoolmq, kOther };

// Of the header `server`: "RabbitMQ/3.10.8", "ActiveMQ/5.17.2", "ActiveMQ-Artemis/2.28.0 …".
constexpr StompBroker stomp_broker(std::string_view server) {
  if (server.starts_with("RabbitMQ")) return StompBroker::kRabbitMq;
  if (server.starts_with("ActiveMQ-Artemis") || server.starts_with("apache-activemq-artemis")) {
    return StompBroker::kArtemis;
  }
  if (server.starts_with("ActiveMQ")) return StompBroker::kActiveMq;
  if (server.starts_with("spoolmq")) return StompBroker::kSpoolmq;
  return StompBroker::kOther;
}

}  // namespace spoolmq::adapters
