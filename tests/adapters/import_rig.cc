#include "tests/adapters/import_rig.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace spoolmq::adapters::test {
namespace {

std::optional<PathTemplate> below(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return PathTemplate::parse(text);
}

}  // namespace

ImportRig::ImportRig(DirectoryWorld& world, ImportSettings settings, const Sides& sides)
    : world_(world),
      settings_(std::move(settings)),
      source_(world.dir("in"), hooks),
      database_(*world.dir("root")->open_dir("queues")->open_dir("q"), 0600),
      identity_(database_),
      tree_(source_) {
  if (!sides.inside.empty()) {
    constexpr auto kMake = SideDirectory::IfMissing::kMake;
    done_ = SideDirectory::open(source_, sides.inside, "done", kMake);
    errors_ = SideDirectory::open(source_, sides.inside + ".errors", "errors", kMake);
  } else {
    done_.emplace(std::make_unique<HookedDir>(world.dir("done"), hooks), below(sides.done));
    if (sides.errors != "none") {
      errors_.emplace(std::make_unique<HookedDir>(world.dir("errors"), hooks), below(sides.errors));
    }
  }
  ImportReactions reactions;
  reactions.on_imported = [this](const std::optional<MessageId>&, const std::string& path,
                                 std::uint64_t) { imported.push_back(path); };
  reactions.on_refused = [this](const std::string& what, const Error&) { refused.push_back(what); };
  session_.emplace(ImportParts{world.queue(), tree_, identity_, &*done_,
                               errors_ ? &*errors_ : nullptr, world.clock(), settings_},
                   reactions);
}

ImportReport ImportRig::run(std::size_t most) {
  Adapter::Turn turn;
  for (std::size_t turns = 0; !turn.idle; ++turns) {
    if (turns == most) {
      ADD_FAILURE() << "not idle after " << most << " turns";
      break;
    }
    const std::int64_t wait = turn.next_boot_ms - world_.clock().boot_ms();
    if (turns > 0) world_.clock().ahead_ms += std::max<std::int64_t>(0, wait);
    try {
      turn = session_->turn();
    } catch (const Error&) {
      if (!report().stopped) throw;
      break;
    }
  }
  return report();
}

ImportReport ImportRig::look() {
  hint(watcher::Hint::Kind::kLook, "");
  return run();
}

}  // namespace spoolmq::adapters::test
