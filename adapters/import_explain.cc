// What an import makes of one file, and why: the same questions as for every file, in the same
// order, each answer told.

#include "adapters/import_selection.h"
#include "adapters/import_session.h"
#include "core/text.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

void add_verdict(std::vector<FileReason>& reasons, const watcher::Verdict& verdict,
                 std::int64_t now_boot_ms) {
  if (verdict.kind == watcher::Verdict::Kind::kReady) return;
  FileReason reason;
  reason.rule = verdict.rule ? std::string(watcher::rule_name(*verdict.rule)) : "name";
  reason.why = verdict.why;
  if (verdict.again_boot_ms)
    reason.left_ms = std::max<std::int64_t>(*verdict.again_boot_ms - now_boot_ms, 0);
  reasons.push_back(std::move(reason));
}

}  // namespace

std::vector<FileReason> ImportSession::explain(const std::string& path) {
  const auto only = [](std::string rule, std::string why) {
    return std::vector{FileReason{std::move(rule), std::move(why), {}, {}}};
  };
  if (is_aside(path)) return only("name", "it lies where this import puts files aside");
  const std::optional<FileStatus> status = status_of(path);
  if (!status) return only("gone", "there is no such file any more");
  const watcher::Verdict by_name = readiness_.look_at_name(path);
  std::vector<FileReason> reasons;
  const std::int64_t now = parts_.clock.boot_ms();
  add_verdict(reasons, by_name, now);
  if (!reasons.empty()) return reasons;
  if (!is_selected(path, parts_.settings)) {
    return only("name", "include and exclude leave it out");
  }
  const FileIdentity identity = identity_of(*status);
  const auto known = parts_.identity.find(identity, std::nullopt);
  if (known && known->state != ImportState::kIntent) {
    const bool keep = parts_.settings.after == AfterImport::kKeep;
    return {FileReason{"imported",
                       keep ? "it is in the queue, and is kept"
                            : "it is in the queue, and could not be removed yet",
                       {},
                       known->id}};
  }
  if (refused_.contains(identity)) {
    return only("refused", "the queue refused it; without `errors` it stays until it changes");
  }
  if (const auto unfit = find_unfit(*status, known.has_value(), age_ms(*status), parts_.settings)) {
    return {FileReason{unfit->rule, unfit->why, unfit->left_ms, {}}};
  }
  if (held_) reasons.push_back({"high-mark", *held_, {}, {}});
  add_verdict(reasons, readiness_.look(*status, done_file_is_there(path), now), now);
  const SplitPath split = split_path(path);
  Dir* const directory = parts_.source.directory(split.directory);
  try {
    const auto file = directory != nullptr ? directory->open(split.name, Access::kRead) : nullptr;
    if (!file) return only("gone", "there is no such file any more");
    const watcher::Writers writers = watcher::ReadLease(*file).writers();
    add_verdict(
        reasons,
        readiness_.look_at_open(*file, file->status(), writers, now, parts_.clock.wall_ms()), now);
  } catch (const Error& error) {
    reasons.insert(reasons.begin(), FileReason{"permission", error.why(), {}, {}});
  }
  if (reasons.size() == 2 && reasons[0].rule == reasons[1].rule) reasons.pop_back();
  if (reasons.empty()) reasons.push_back({"ready", "the next look takes it", {}, {}});
  return reasons;
}

}  // namespace spoolmq::adapters
