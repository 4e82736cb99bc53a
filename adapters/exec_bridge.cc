#include "adapters/exec_bridge.h"

#include <optional>
#include <utility>

#include "adapters/command_program.h"
#include "adapters/exec_settings.h"
#include "adapters/fed_program.h"
#include "adapters/launch.h"
#include "adapters/program_adapter.h"

namespace spoolmq::adapters {
namespace {

// Holds what its programs have views of.
class ExecAdapter final : public Adapter {
 public:
  ExecAdapter(const std::string& queue, const ExecSettings& settings, AdapterPlace place)
      : queue_(queue) {
    ProgramAdapter::Parts parts{queue, settings.reply_queue, command_text(settings.program.words),
                                settings.concurrency};
    ProgramAdapter::Programs programs;
    if (settings.mode == ExecMode::kPerMessage) {
      plan_runs(settings, place);
      for (std::size_t i = 0; i < settings.concurrency; ++i) {
        programs.push_back(std::make_unique<CommandProgram>(run_, queue_));
      }
    } else {
      plan_feeding(settings, place);
      parts.window *= settings.window;
      for (std::size_t i = 0; i < settings.concurrency; ++i) {
        programs.push_back(std::make_unique<FedProgram>(fed_));
      }
    }
    inner_.emplace(std::move(parts), std::move(programs), std::move(place));
  }

  Turn turn() override { return inner_->turn(); }
  void interrupt() override { inner_->interrupt(); }

 private:
  void plan_runs(const ExecSettings& settings, const AdapterPlace& place) {
    Launch launch = prepare_launch(settings.program);
    run_.command = std::move(launch.words);
    run_.environment = std::move(launch.environment);
    run_.privileges = launch.privileges;
    run_.timeout = settings.timeout;
    run_.printed = settings.reply_queue.empty() ? Printed::kWords : Printed::kReply;
    run_.most_reply_bytes = settings.most_bytes;
    run_.speaker = place.name;
    if (uses_file(run_.command)) run_.directory = &directory_.emplace();
  }

  void plan_feeding(const ExecSettings& settings, const AdapterPlace& place) {
    fed_.launch = prepare_launch(settings.program);
    fed_.framing = settings.framing;
    fed_.answers = settings.answers               ? Answers::kVerdicts
                   : settings.reply_queue.empty() ? Answers::kNone
                                                  : Answers::kReplies;
    fed_.window = settings.window;
    fed_.most_bytes = settings.most_bytes;
    fed_.timeout = settings.timeout;
    fed_.speaker = place.name;
  }

  const std::string queue_;
  std::optional<PrivateDirectory> directory_;
  RunRules run_;
  FedRules fed_;
  std::optional<ProgramAdapter> inner_;  // last: its programs have views of the others
};

}  // namespace

std::shared_ptr<const BridgePlan> parse_exec(std::string queue, std::span<const KeyValue> given) {
  ExecSettings settings = parse_exec_settings(given);
  std::string place = command_text(settings.program.words);
  return std::make_shared<PlanOf<ExecSettings, ExecAdapter>>(std::move(queue), std::move(place),
                                                             std::move(settings));
}

}  // namespace spoolmq::adapters
