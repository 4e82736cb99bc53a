#include "adapters/export_adapter.h"

#include <utility>

#include "adapters/export_access.h"

namespace spoolmq::adapters {
namespace {

constexpr Milliseconds kIdleWait{1000};
constexpr Milliseconds kHoldLeft{30'000};  // a message whose name is taken is tried again so often
constexpr std::int64_t kStoppedWaitMs = 1000;

}  // namespace

ExportAdapter::ExportAdapter(ExportSettings settings, AdapterPlace place, OpenDir open_dir)
    : settings_(std::move(settings)), place_(std::move(place)), open_dir_(std::move(open_dir)) {
  static_cast<void>(ExportAccess::of(settings_));
  reactions_.on_exported = place_.on_moved;
  if (place_.on_refused) {
    reactions_.on_left = [this](const MessageId& id, const std::string& name,
                                std::string_view why) {
      place_.on_refused(id.text(), name + ": " + std::string(why));
    };
  }
  queue_.emplace(place_.root->open_queue(settings_.queue));
  identities_.emplace(*open_dir_(queue_->path()), queue_->settings().mode);
}

ExportAdapter::~ExportAdapter() = default;

void ExportAdapter::interrupt() { interrupted_.store(true, std::memory_order_relaxed); }

// The path may name another directory by now.
void ExportAdapter::open() {
  std::unique_ptr<Dir> target = open_dir_(settings_.directory);
  const DirectoryIdentity found = identify(*target);
  if (pass_ && found.device == opened_.device && found.inode == opened_.inode) return;
  pass_.reset();
  target_ = std::move(target);
  opened_ = found;
  const ExportPlace place{*queue_, *target_, *identities_, *place_.clock, &interrupted_};
  pass_ = std::make_unique<ExportPass>(place, settings_, reactions_, report_);
}

Adapter::Turn ExportAdapter::turn() {
  try {
    const Turn done = round();
    interrupted_.store(false, std::memory_order_relaxed);
    return done;
  } catch (const std::exception&) {
    interrupted_.store(false, std::memory_order_relaxed);
    pass_.reset();  // what it holds is in the queue again while the runner pauses
    count({}, false);
    throw;
  }
}

Adapter::Turn ExportAdapter::round() {
  open();
  pass_->release_left(kHoldLeft);
  const ExportReport before = report_;
  const ExportPass::Round end = pass_->round(was_idle_ ? kIdleWait : Milliseconds{0});
  was_idle_ = end == ExportPass::Round::kEmpty;
  if (was_idle_) pass_->idle();
  count(before, end == ExportPass::Round::kMoved);
  if (end != ExportPass::Round::kStopped) return {0, was_idle_};
  return {place_.clock->boot_ms() + kStoppedWaitMs, true};
}

void ExportAdapter::count(const ExportReport& before, bool moved) {
  AdapterCounters* const counters = place_.counters;
  if (counters == nullptr) return;
  constexpr auto kRelaxed = std::memory_order_relaxed;
  counters->waiting.store(pass_ ? pass_->holding() : 0, kRelaxed);
  if (!moved) return;
  counters->moved.fetch_add(report_.exported - before.exported, kRelaxed);
  counters->bytes.fetch_add(report_.bytes - before.bytes, kRelaxed);
  counters->refused.fetch_add(report_.bad - before.bad, kRelaxed);
  counters->last_success_wall_ms.store(place_.clock->wall_ms(), kRelaxed);
}

}  // namespace spoolmq::adapters
