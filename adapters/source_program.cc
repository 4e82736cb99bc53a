#include "adapters/source_program.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::string_view kType = "exec-source";
constexpr std::uint64_t kMostBytes = 1 << 30;
constexpr std::size_t kMostAtOnce = 256 << 10;
constexpr Milliseconds kGrace{100};  // a program that closed its stdout mostly ends at once
constexpr std::int64_t kPeaceMs = 2'000;

constexpr auto kOwn = std::to_array<KeyRow<SourceSettings>>({
    {{"framing", "line|null|netstring|length", "how messages are told apart (default line)"},
     [](SourceSettings& to, const KeyValue& given) {
       to.frames.kind = static_cast<FrameKind>(parse_choice(given, kFrameWords));
     }},
    {{"max-bytes", "SIZE", "of a message (default 10M)"},
     [](SourceSettings& to, const KeyValue& given) {
       to.frames.most_bytes = parse_most_bytes(given, kMostBytes);
     }},
});
constexpr auto kTable = joined(program_rows<SourceSettings>(), kOwn);

class SourcePlan final : public BridgePlan {
 public:
  SourcePlan(std::string queue_name, SourceSettings read)
      : BridgePlan(std::move(queue_name), command_text(read.program.words)),
        settings_(std::move(read)) {}
  [[nodiscard]] std::unique_ptr<Adapter> make(AdapterPlace given) const override {
    return std::make_unique<SourceProgram>(queue, settings_, std::move(given));
  }
  [[nodiscard]] bool is_done_with_nothing() const override { return true; }

 private:
  const SourceSettings settings_;
};

}  // namespace

std::span<const AdapterKey> source_keys() {
  static constexpr auto keys = keys_of(kTable);
  return keys;
}

SourceSettings parse_source_settings(std::span<const KeyValue> given) {
  SourceSettings settings;
  read_keys(settings, given, kTable, kType);
  check_program(settings.program, given, kType);
  return settings;
}

std::shared_ptr<const BridgePlan> parse_source(std::string queue, std::span<const KeyValue> given) {
  return std::make_shared<SourcePlan>(std::move(queue), parse_source_settings(given));
}

SourceProgram::Running::Running(const Launch& launch, FrameRules frames, const std::string& speaker)
    : words(speaker), reader(frames) {
  Pipe from(Pipe::Ours::kReads);
  const Descriptor no_input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!no_input.is_open()) throw Error::from_errno(errno, "open", "/dev/null");
  Child::Start start;
  start.command = launch.words;
  start.environment = launch.environment;
  start.privileges = launch.privileges;
  start.standard_input = no_input.number();
  start.standard_output = from.theirs.number();
  start.standard_error = words.their_end();
  child.emplace(start);
  words.close_their_end();
  output = std::move(from.ours);
}

SourceProgram::SourceProgram(const std::string& queue, const SourceSettings& settings,
                             AdapterPlace place)
    : PolledAdapter(*place.clock),
      place_(std::move(place)),
      settings_(settings),
      subject_(command_text(settings.program.words)),
      launch_(prepare_launch(settings.program)),
      queue_(place_.root->open_queue(queue, {.name = place_.name})),
      intake_(queue_, place_) {}

SourceProgram::~SourceProgram() {
  if (!running_) return;
  try {
    const std::int64_t until_boot_ms = clock().boot_ms() + kPeaceMs;
    running_->child->end(clock().boot_ms());
    for (bool ended = false; !ended && clock().boot_ms() < until_boot_ms;) {
      ended = running_->child->ends_within(Milliseconds{20});
      while (!intake_.is_full() && read(clock().boot_ms()) == ReadEnd::kMore) {
      }
      static_cast<void>(intake_.flush());
    }
  } catch (const std::exception& error) {
    log::warn("what a program printed last was not sent",
              {{"adapter", place_.name}, {"why", error.what()}});
  }
}

PolledAdapter::Step SourceProgram::step() {
  const std::int64_t now_boot_ms = clock().boot_ms();
  static_cast<void>(intake_.flush());  // what was refused before
  if (!running_) {
    try {
      running_.emplace(launch_, settings_.frames, place_.name);
    } catch (const Error& error) {
      if (!end_of_failed_start(error)) throw;
      throw Error(ErrorCode::kConfiguration, "start", subject_, error.why());
    }
  }
  const bool ended = running_->child->has_ended();  // before the last look at what it printed
  running_->words.read(now_boot_ms);
  ReadEnd more = ReadEnd::kMore;
  do {
    more = read(now_boot_ms);
    static_cast<void>(intake_.flush());
  } while (ended && more == ReadEnd::kMore);
  Step step;
  if (!ended) {
    step.next_boot_ms = running_->child->attend(now_boot_ms);
    return step;
  }
  if (running_->output.is_open() && !running_->broken) take_frames(&FrameReader::next_at_end);
  static_cast<void>(intake_.flush());
  const std::string why = finish();
  if (!place_.once) {
    throw Error(ErrorCode::kTryAgain, "run", subject_, why.empty() ? "it has ended" : why);
  }
  if (!why.empty()) refuse(why);
  step.over = true;
  return step;
}

void SourceProgram::gather(std::vector<pollfd>& waited) {
  if (!running_) return;
  waited.push_back({running_->child->descriptor(), POLLIN, 0});
  waited.push_back({running_->words.descriptor(), POLLIN, 0});
  if (!running_->broken) waited.push_back({running_->output.number(), POLLIN, 0});
}

ReadEnd SourceProgram::read(std::int64_t now_boot_ms) {
  Running& running = *running_;
  if (!running.output.is_open() || running.broken) return ReadEnd::kEnded;
  const auto take = [&running](std::string_view bytes) { running.reader.feed(bytes); };
  const ReadEnd end = read_pieces(running.output, kMostAtOnce, take);
  take_frames(&FrameReader::next);
  if (end == ReadEnd::kEnded && !running.broken) {
    running.output.close();
    take_frames(&FrameReader::next_at_end);
    if (!running.broken) running.child->end(now_boot_ms, kGrace);
  }
  return end;
}

// Whatever was read becomes messages at once: the flush that follows takes them all.
void SourceProgram::take_frames(Found (FrameReader::*next)(std::string&)) {
  Running& running = *running_;
  std::string frame;
  while (!running.broken) {
    switch ((running.reader.*next)(frame)) {
      case Found::kNothing:
        return;
      case Found::kFrame: {
        Message message;
        message.body = std::move(frame);
        intake_.add(std::move(message));
        break;
      }
      case Found::kTooLong:
        refuse("a message is longer than " + std::to_string(settings_.frames.most_bytes) +
               " bytes");
        break;
      case Found::kBroken:
        running.broken = running.reader.why();
        running.child->end(clock().boot_ms());
        break;
    }
  }
}

void SourceProgram::refuse(const std::string& why) {
  if (place_.counters != nullptr) place_.counters->refused.fetch_add(1, std::memory_order_relaxed);
  if (place_.on_refused) place_.on_refused(subject_, why);
}

std::string SourceProgram::finish() {
  const CommandEnd end = running_->child->reap(Rest::kKill);
  const bool is_well = !running_->broken && end == CommandEnd{};
  const std::string why =
      with_words(running_->broken.value_or(describe(end)), running_->words.text());
  running_.reset();
  return is_well ? std::string() : why;
}

}  // namespace spoolmq::adapters
