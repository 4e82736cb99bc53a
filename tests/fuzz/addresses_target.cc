// Addresses as people write them: what was understood is written and understood again.

#include "adapters/datagram_address.h"
#include "adapters/socket_address.h"
#include "tests/fuzz/target.h"

namespace spoolmq::fuzz {

void addresses(std::string_view input) {
  if (const auto place = adapters::parse_host_port(input)) {
    SPOOLMQ_CHECK(!place->port.empty());
    SPOOLMQ_CHECK(adapters::parse_host_port(place->text()) == place);
    for (const auto& address : adapters::numeric_addresses(*place)) {
      SPOOLMQ_CHECK(adapters::parse_host_port(address.text()).has_value());
      SPOOLMQ_CHECK(address.port() >= 0 && address.port() <= 65535);
    }
  }
  if (const auto place = adapters::parse_host_and_port(input)) {
    const auto port = std::stoul(place->port);
    SPOOLMQ_CHECK(port >= 1 && port <= 65535);
  }
}

}  // namespace spoolmq::fuzz
