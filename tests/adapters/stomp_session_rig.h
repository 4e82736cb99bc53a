#pragma once
// A session whose backend is the test: what it asks is kept, and answered by hand.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "adapters/stomp_codec.h"
#include "adapters/stomp_session.h"
#include "core/clock.h"

namespace spoolmq::adapters::test {

class AskedBackend final : public StompBackend {
 public:
  struct Settled {
    StompTicket ticket;
    std::string queue;
    Verdict verdict;
    std::vector<Receipt> receipts;
  };
  void check(std::uint64_t, StompCredentials login) override { checked.push_back(login.name); }
  void send(StompTicket ticket, StompSend send) override {
    sends.emplace_back(ticket, std::move(send));
  }
  void settle(StompTicket ticket, const std::string& queue, Verdict verdict,
              std::vector<Receipt> receipts) override {
    settled.push_back({ticket, queue, verdict, std::move(receipts)});
  }
  void commit(StompTicket ticket, StompTransaction transaction) override {
    commits.emplace_back(ticket, std::move(transaction));
  }
  void open(StompTicket ticket, const StompOpening& opening) override {
    opened.emplace_back(ticket, opening);
  }
  void note_room(const std::string&) override {}
  void close(const StompOpening& opening) override { closed.push_back(opening.queue); }

  std::vector<std::string> checked;
  std::vector<std::pair<StompTicket, StompSend>> sends;
  std::vector<Settled> settled;
  std::vector<std::pair<StompTicket, StompTransaction>> commits;
  std::vector<std::pair<StompTicket, StompOpening>> opened;
  std::vector<std::string> closed;
};

class StompSessionTest : public ::testing::Test {
 protected:
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  static StompFrame frame(std::string command, const Pairs& headers = {}, std::string body = {}) {
    StompFrame made;
    made.command = std::move(command);
    for (const auto& [name, value] : headers) made.add(name, value);
    made.body = std::move(body);
    return made;
  }
  void take(std::string command, const Pairs& headers = {}, std::string body = {}) {
    session.take(frame(std::move(command), headers, std::move(body)));
  }
  void connect(const std::string& versions = "1.2") {
    take("CONNECT", {{"accept-version", versions}});
    told();
    decoder.set_version(session.handshake().version);
  }
  // All that was said since, written.
  std::vector<StompFrame> told() {
    decoder.feed(output.unwritten());
    output.wrote(output.unwritten().size());
    session.note_written();
    std::vector<StompFrame> frames;
    StompFrame one;
    while (decoder.next(one) == StompFound::kFrame) frames.push_back(one);
    return frames;
  }
  // The only frame that was said; ERROR as "ERROR WHY".
  std::string told_one() {
    const std::vector<StompFrame> frames = told();
    if (frames.size() != 1) return std::to_string(frames.size()) + " frames";
    const std::string* const why = frames[0].header("message");
    const std::string* const receipt = frames[0].header("receipt-id");
    return frames[0].command + (receipt != nullptr ? " " + *receipt : "") +
           (why != nullptr ? ": " + *why : "");
  }
  // A subscription that has begun; its number.
  std::uint64_t subscribe(Pairs headers) {
    take("SUBSCRIBE", headers);
    const StompTicket ticket = backend.opened.back().first;
    session.settle(ticket.number, std::nullopt);
    return ticket.subscription;
  }
  // The id of the message.
  std::string deliver(std::uint64_t subscription, std::uint8_t number) {
    Message message;
    std::array<std::uint8_t, MessageId::kBytes> bytes{};
    bytes[0] = number;
    message.id = MessageId(bytes);
    session.deliver(subscription, message, "body", {message.id, number}, 1);
    return message.id.text();
  }
  // Verdict and tokens of what was settled since.
  std::vector<std::uint64_t> settled(Verdict verdict) {
    std::vector<std::uint64_t> tokens;
    for (const AskedBackend::Settled& one : std::exchange(backend.settled, {})) {
      EXPECT_EQ(one.verdict, verdict);
      for (const Receipt& receipt : one.receipts) tokens.push_back(receipt.token);
    }
    return tokens;
  }

  static Peer local_peer() {
    Peer peer;
    peer.is_local = true;
    return peer;
  }

  StompSessionLimits limits;
  SystemClock clock;
  AskedBackend backend;
  StompOutput output;
  StompDecoder decoder{StompLimits{}};
  Access access{{}, clock};
  StompSession session{1, limits, access, clock, backend, output, local_peer()};
};

}  // namespace spoolmq::adapters::test
