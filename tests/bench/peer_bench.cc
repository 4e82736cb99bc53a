// peer_bench: what a queue does a second, and how long a message takes through it, beside what
// users would take instead (where it is installed), in turns. Bodies of 1 KiB. Before each way's
// turn the machine's own append + fdatasync is measured.
//   peer_bench [--runs N] [--seconds S] [--messages N] [--only COLUMN] [--dir DIR] [--json]
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bench/bench_place.h"
#include "cli/bench/body_channel.h"
#include "cli/bench/machine_limits.h"
#include "cli/bench/queue_channels.h"
#include "cli/bench/side_by_side.h"
#include "cli/bench/workload.h"
#include "tests/bench/bench_command.h"
#include "tests/bench/peer_queue.h"

namespace spoolmq::bench {
namespace {

struct Options {
  int runs = 3;
  double seconds = 1;
  int messages = kLatencyMessages;
  std::string only;
  std::string parent = "/var/tmp";
  bool json = false;
};

Options parse(Words words) {
  Options options;
  while (const auto word = words.next()) {
    if (*word == "--runs") {
      options.runs = std::stoi(words.value());
    } else if (*word == "--seconds") {
      options.seconds = std::stod(words.value());
    } else if (*word == "--messages") {
      options.messages = std::stoi(words.value());
    } else if (*word == "--only") {
      options.only = words.value();
    } else if (*word == "--dir") {
      options.parent = words.value();
    } else if (*word == "--json") {
      options.json = true;
    } else {
      words.refuse();
    }
  }
  if (options.runs < 1 || options.messages < 1 || options.seconds <= 0) {
    throw std::runtime_error("nothing to measure");
  }
  return options;
}

struct Way {
  std::string_view name;
  // Everything it keeps lies below the directory. nullptr: it is not installed.
  std::unique_ptr<PeerQueue> (*make)(const std::string& directory);
};
constexpr Way kWays[] = {
    {"spoolmq", spoolmq_queue}, {"beanstalkd", beanstalkd_queue}, {"redis", redis_queue}};

// ---- Rates, in messages per second

const std::string kBody(kDefaultBodyBytes, 'x');

double send_rate(PeerQueue& queue, int processes, std::size_t together, double seconds,
                 std::size_t least = 0) {
  return per_second_of(processes, seconds, [&](int, const Stretch& stretch) {
    const auto session = queue.open();
    stretch.start();
    std::size_t sent = 0;
    for (; !stretch.over() || sent < least; sent += together) session->send(kBody, together);
    return static_cast<double>(sent);
  });
}

// Of what was put in as fast as that goes, for so much longer that it does not run out, and enough
// for a few calls of each.
enum class Settle : std::uint8_t { kTogether, kEach };
double receive_rate(PeerQueue& queue, int processes, std::size_t together, Settle settle,
                    double seconds) {
  const double longer = together == kBatch ? 12 : 4;
  constexpr std::size_t kFewCalls = 8;
  send_rate(queue, 1, kBatch, longer * seconds,
            kFewCalls * together * static_cast<std::size_t>(processes));
  ::sync();  // what the disk still has to do for that is no part of this
  return per_second_of(processes, seconds, [&](int, const Stretch& stretch) {
    const auto session = queue.open();
    stretch.start();
    std::size_t settled = 0;
    std::size_t got = session->receive(together, PeerSession::Wait::kNo);
    while (!stretch.over()) {
      if (got == 0) throw std::runtime_error("more was taken than put in");
      const std::size_t taken = got;
      if (settle == Settle::kEach) {
        session->settle_each();
        got = session->receive(together, PeerSession::Wait::kNo);
      } else {
        got = session->settle_and_receive(together);
      }
      settled += taken;
    }
    return static_cast<double>(settled);
  });
}

// ---- The time that a message takes

class PeerChannel final : public BodyChannel {
 public:
  explicit PeerChannel(PeerQueue& queue) : BodyChannel(kDefaultBodyBytes), queue_(queue) {}
  void begin_sending() override { session_ = queue_.open(); }
  void begin_receiving() override { session_ = queue_.open(); }
  void settle() override { session_->settle(); }

 private:
  void send_body(const std::string& body) override { session_->send(body, 1); }
  bool receive_body(std::string& body) override {
    session_->receive(1, PeerSession::Wait::kForOne);
    body = session_->body();
    return true;
  }
  PeerQueue& queue_;
  std::unique_ptr<PeerSession> session_;
};

double latency_us(PeerQueue& queue, const std::string& directory, int messages) {
  PeerChannel channel(queue);
  return measure_latency(channel, directory, kDefaultBodyBytes, messages).p50_us;
}

// ---- The table

struct Column {
  std::string_view name;
  std::function<double(PeerQueue&, const std::string& directory, const Options&)> measure;
  bool less_is_better = false;
};

const std::vector<Column>& columns() {
  static const auto sends = [](int processes, std::size_t together) {
    return [=](PeerQueue& queue, const std::string&, const Options& options) {
      return send_rate(queue, processes, together, options.seconds);
    };
  };
  static const auto receives = [](int processes, std::size_t together,
                                  Settle settle = Settle::kTogether) {
    return [=](PeerQueue& queue, const std::string&, const Options& options) {
      return receive_rate(queue, processes, together, settle, options.seconds);
    };
  };
  static const std::vector<Column> all = {
      {"send1", sends(1, 1)},
      {"send-batch256", sends(1, kBatch)},
      {"send16", sends(kMany, 1)},
      {"recv-ack1", receives(1, 1)},
      {"recv-ack16", receives(kMany, 1)},
      {"recv64-ack1", receives(1, kPrefetched, Settle::kEach)},
      {"recv64-ack16", receives(kMany, kPrefetched, Settle::kEach)},
      {"recv-ack-batch256", receives(1, kBatch)},
      {"latency-us",
       [](PeerQueue& queue, const std::string& directory, const Options& options) {
         return latency_us(queue, directory, options.messages);
       },
       true},
  };
  return all;
}

void print(const Column& column, const std::map<std::string_view, std::vector<double>>& runs,
           double appends, bool json) {
  const auto ours = runs.find(kWays[0].name);
  std::printf(json ? "{\"column\":\"%s\",\"appends\":%.0f" : "%-18s %8.0f appends/s",
              std::string(column.name).c_str(), appends);
  for (const Way& way : kWays) {
    const auto found = runs.find(way.name);
    if (found == runs.end()) continue;
    const std::string name(way.name);
    const double value = median(found->second);
    const double ratio =
        column.less_is_better ? value / median(ours->second) : median(ours->second) / value;
    std::printf(json ? ",\"%s\":%.0f,\"%s_ratio\":%.2f" : "   %s %.0f", name.c_str(), value,
                name.c_str(), ratio);
    if (!json && found != ours) std::printf(" (%.2f x)", ratio);
  }
  std::printf(json ? "}\n" : "\n");
  std::fflush(stdout);
}

void run(const Options& options) {
  bool any = false;
  for (const Column& column : columns()) {
    if (!options.only.empty() && options.only != column.name) continue;
    any = true;
    std::map<std::string_view, std::vector<double>> all;
    std::vector<double> appends;
    for (int run = 0; run < options.runs; ++run) {
      for (const Way& way : kWays) {
        const Place place(options.parent);
        appends.push_back(
            appends_per_second(place.path(), kDefaultBodyBytes, 1, options.seconds / 4));
        if (const auto queue = way.make(place.path())) {
          all[way.name].push_back(column.measure(*queue, place.path(), options));
        }
      }
    }
    print(column, all, median(appends), options.json);
  }
  if (!any) throw std::runtime_error(options.only + ": no such column");
}

}  // namespace
}  // namespace spoolmq::bench

int main(int count, char** words) {
  return spoolmq::bench::run_benchmark("peer_bench", [&] {
    spoolmq::bench::run(spoolmq::bench::parse(spoolmq::bench::Words(count, words)));
  });
}
