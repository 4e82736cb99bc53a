#include "tests/bench/stomp_load.h"

#include <poll.h>
#include <time.h>

#include <charconv>
#include <deque>
#include <memory>
#include <stdexcept>

#include "cli/bench/bench_place.h"
#include "tests/bench/stomp_client.h"

namespace spoolmq::bench {
namespace {

using adapters::StompFrame;

constexpr std::size_t kBodyBytes = 1024;
constexpr int kLongestPollMs = 30'000;

double wall_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Gives frames their receipts, and knows what was answered.
class Ledger {
 public:
  explicit Ledger(Extent extent) : extent_(extent) { answers_.began_s = wall_seconds(); }

  // One more may begin.
  [[nodiscard]] bool is_open() const {
    return asked_ < extent_.messages && wall_seconds() - answers_.began_s < extent_.seconds;
  }
  [[nodiscard]] std::size_t under_way() const { return asked_ - answers_.frames.size(); }
  void ask(StompFrame& frame) {
    frame.add("receipt", std::to_string(asked_++));
    asked_at_.push_back(wall_seconds());
  }
  void note_receipt(const StompFrame& frame) {
    const std::string* const id = frame.header("receipt-id");
    std::size_t number = asked_;
    if (id != nullptr) std::from_chars(id->data(), id->data() + id->size(), number);
    if (number >= asked_) throw std::runtime_error("a RECEIPT of something else");
    answers_.frames.push_back({asked_at_[number], wall_seconds()});
  }
  Answers take() { return std::move(answers_); }

 private:
  const Extent extent_;
  std::size_t asked_ = 0;
  std::vector<double> asked_at_;  // by number
  Answers answers_;
};

StompFrame made(std::string_view command, const StompServerPlace& server,
                const std::string& queue) {
  StompFrame frame;
  frame.command = command;
  frame.add("destination", "/queue/" + queue);
  for (const adapters::StompHeader& one : server.headers) frame.headers.push_back(one);
  return frame;
}

void expect_receipt(const StompFrame& frame) {
  if (frame.command != "RECEIPT") throw std::runtime_error("not a RECEIPT: " + frame.command);
}

// A queue's first client makes it; that, and what a server does for its first messages, is no part
// of what is measured.
void warm_up(StompClient& client, const StompFrame& sent) {
  for (std::size_t i = 0; i < kWarmUpMessages; ++i) {
    StompFrame frame = sent;
    frame.add("receipt", "warm");
    client.add(frame);
    client.flush();
    expect_receipt(client.take());
  }
}

class Sender {
 public:
  Sender(const StompServerPlace& server, std::size_t window, const StompFrame& sent)
      : client_(server.port), window_(window), sent_(sent) {
    warm_up(client_, sent_);
  }
  void fill(Ledger& ledger) {
    for (; under_way_ < window_ && ledger.is_open(); ++under_way_) {
      StompFrame frame = sent_;
      ledger.ask(frame);
      client_.add(frame);
    }
    client_.flush();
  }
  void take(Ledger& ledger) {
    client_.read();
    while (const std::optional<StompFrame> frame = client_.next()) {
      expect_receipt(*frame);
      ledger.note_receipt(*frame);
      --under_way_;
    }
  }
  [[nodiscard]] int descriptor() const { return client_.descriptor(); }

 private:
  StompClient client_;
  const std::size_t window_;
  const StompFrame& sent_;
  std::size_t under_way_ = 0;
};

}  // namespace

double Answers::per_second() const {
  if (frames.empty()) return 0;
  return static_cast<double>(frames.size()) / (frames.back().answered_s - began_s);
}

double Answers::p50_us() const {
  std::vector<double> took;
  for (const Receipted& one : frames) took.push_back((one.answered_s - one.asked_s) * 1e6);
  return median(std::move(took));
}

Answers send_for(const StompServerPlace& server, const std::string& queue, SendLoad load,
                 Extent extent) {
  StompFrame sent = made("SEND", server, queue);
  sent.add("persistent", "true");
  sent.body.assign(kBodyBytes, 'x');
  std::vector<std::unique_ptr<Sender>> senders;
  std::vector<pollfd> waited;
  for (int i = 0; i < load.connections; ++i) {
    senders.push_back(std::make_unique<Sender>(server, load.window, sent));
    waited.push_back({senders.back()->descriptor(), POLLIN, 0});
  }
  Ledger ledger(extent);
  for (const auto& sender : senders) sender->fill(ledger);
  while (ledger.under_way() > 0) {
    if (::poll(waited.data(), waited.size(), kLongestPollMs) <= 0) throw failed("no RECEIPT comes");
    for (std::size_t i = 0; i < senders.size(); ++i) {
      if (waited[i].revents == 0) continue;
      senders[i]->take(ledger);
      senders[i]->fill(ledger);
    }
  }
  return ledger.take();
}

Answers receive_for(const StompServerPlace& server, const std::string& queue, ReceiveLoad load,
                    Extent extent) {
  StompClient client(server.port);
  StompFrame subscribe = made("SUBSCRIBE", server, queue);
  subscribe.add("id", "1");
  subscribe.add("ack", "client-individual");
  const std::string prefetch = std::to_string(load.prefetch);
  for (const std::string_view name : {"prefetch-count", "activemq.prefetchSize"}) {
    subscribe.add(name, prefetch);
  }
  client.add(subscribe);
  client.flush();
  Ledger ledger(extent);
  std::deque<std::string> waiting;  // the `ack` of what came and is not acknowledged
  do {
    while (ledger.under_way() < load.window && !waiting.empty() && ledger.is_open()) {
      StompFrame ack;
      ack.command = "ACK";
      ack.add("id", waiting.front());
      waiting.pop_front();
      ledger.ask(ack);
      client.add(ack);
    }
    client.flush();
    if (ledger.under_way() == 0 && !ledger.is_open()) break;
    client.read();
    while (const std::optional<StompFrame> frame = client.next()) {
      if (frame->command == "MESSAGE") {
        const std::string* const id = frame->header("ack");
        if (id == nullptr) throw std::runtime_error("a MESSAGE without ack");
        waiting.push_back(*id);
      } else {
        expect_receipt(*frame);
        ledger.note_receipt(*frame);
      }
    }
  } while (true);
  return ledger.take();
}

void drain(const StompServerPlace& server, const std::string& queue, std::size_t messages) {
  StompClient client(server.port);
  StompFrame subscribe = made("SUBSCRIBE", server, queue);
  subscribe.add("id", "1");
  subscribe.add("ack", "auto");
  client.add(subscribe);
  client.flush();
  for (std::size_t i = 0; i < messages; ++i) {
    if (client.take().command != "MESSAGE") throw std::runtime_error("not a MESSAGE");
  }
}

}  // namespace spoolmq::bench
