#pragma once
// What one exec adapter does, as its keys say it. A plain value.

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "adapters/fed_program.h"
#include "adapters/frame_codec.h"
#include "adapters/program_settings.h"

namespace spoolmq::adapters {

enum class ExecMode : std::uint8_t { kPerMessage, kLongLived };

struct ExecSettings {
  ProgramSettings program;
  ExecMode mode = ExecMode::kPerMessage;
  FrameKind framing = FrameKind::kLine;
  bool answers = false;
  std::string reply_queue;  // empty: no replies
  std::size_t concurrency = 1;
  std::size_t window = 16;
  std::size_t most_bytes = kDefaultMostFrameBytes;
  std::optional<Milliseconds> timeout;
};

std::span<const AdapterKey> exec_keys();
// Throws Error(kUsage).
ExecSettings parse_exec_settings(std::span<const KeyValue> given);

}  // namespace spoolmq::adapters
