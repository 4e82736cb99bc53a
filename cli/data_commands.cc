#include "cli/data_commands.h"

namespace spoolmq::cli {
namespace {

std::vector<Command> join() {
  std::vector<Command> all{send_command(), receive_command()};
  const std::span<const Command> receipts = receipt_commands();
  all.insert(all.end(), receipts.begin(), receipts.end());
  all.push_back(consume_command());
  all.push_back(request_command());
  all.push_back(reply_command());
  return all;
}

}  // namespace

std::span<const Command> data_commands() {
  static const std::vector<Command> all = join();
  return all;
}

}  // namespace spoolmq::cli
