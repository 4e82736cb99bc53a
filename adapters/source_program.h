#pragma once
// The bridge `exec-source`: a program whose stdout is frames, each a message (PROTOCOL.md). While
// the queue takes nothing the program's pipe fills, and it waits. One that ended is started again
// by whoever runs the adapter; with `once` its end is the adapter's.

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "adapters/bridge.h"
#include "adapters/child.h"
#include "adapters/frame_codec.h"
#include "adapters/intake.h"
#include "adapters/last_words.h"
#include "adapters/launch.h"
#include "adapters/pipe.h"
#include "adapters/polled_adapter.h"
#include "adapters/program_settings.h"

namespace spoolmq::adapters {

struct SourceSettings {
  ProgramSettings program;
  FrameRules frames;
};

std::span<const AdapterKey> source_keys();
SourceSettings parse_source_settings(std::span<const KeyValue> given);  // throws Error(kUsage)
std::shared_ptr<const BridgePlan> parse_source(std::string queue, std::span<const KeyValue> given);

class SourceProgram final : public PolledAdapter {
 public:
  SourceProgram(const std::string& queue, const SourceSettings& settings, AdapterPlace place);
  ~SourceProgram() override;  // TERM, and what it still prints in the next seconds is taken

 private:
  // One child from its start to its end.
  struct Running {
    Running(const Launch& launch, FrameRules frames, const std::string& speaker);
    LastWords words;
    Descriptor output;
    FrameReader reader;
    std::optional<std::string> broken;  // why it is made to end
    std::optional<Child> child;         // last: killed before its pipes go
  };

  Step step() override;
  void gather(std::vector<pollfd>& waited) override;
  ReadEnd read(std::int64_t now_boot_ms);
  void take_frames(Found (FrameReader::*next)(std::string&));
  void refuse(const std::string& why);
  std::string finish();  // how it ended; empty: well

  const AdapterPlace place_;
  const SourceSettings settings_;
  const std::string subject_;
  const Launch launch_;
  Queue queue_;
  Intake intake_;
  std::optional<Running> running_;
};

}  // namespace spoolmq::adapters
