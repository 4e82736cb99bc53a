#pragma once
// The bridge `pty`: programs at a terminal that handle the messages of a queue (PROTOCOL.md,
// `pty`).

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "adapters/adapter_keys.h"
#include "adapters/bridge.h"
#include "adapters/program_settings.h"
#include "adapters/terminal.h"
#include "adapters/terminal_text.h"

namespace spoolmq::adapters {

struct TerminalSettings {
  ProgramSettings program;
  std::string prompt;         // either this, a glob for the last line,
  Milliseconds quiet_for{0};  // or this
  Terminal::Shape shape{4096, 24, false};
  bool keep_escapes = false;
  std::string reply_queue;  // empty: no replies
  std::size_t concurrency = 1;
  std::size_t most_bytes = 1 << 20;
  Milliseconds timeout{30'000};
  Milliseconds ready_timeout{30'000};
};

std::span<const AdapterKey> terminal_keys();
TerminalSettings parse_terminal_settings(std::span<const KeyValue> given);  // throws Error(kUsage)
std::shared_ptr<const BridgePlan> parse_terminal(std::string queue,
                                                 std::span<const KeyValue> given);

}  // namespace spoolmq::adapters
