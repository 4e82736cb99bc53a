#include "tests/adapters/directory_world.h"

#include <utility>

#include "adapters/export_identity.h"

namespace spoolmq::adapters::test {
namespace {

constexpr std::uint32_t kDirMode = 0700;
constexpr std::size_t kMostBytes = 1 << 20;
constexpr std::int64_t kHourMs = 3'600'000;

std::string body_of(const Delivery& delivery) {
  std::string whole;
  std::string piece(4096, '\0');
  const auto reader = delivery.open_body();
  while (const std::size_t got = reader->read(piece)) whole.append(piece, 0, got);
  return whole;
}

}  // namespace

DirectoryWorld::DirectoryWorld(const Settings& settings)
    : disk_(std::make_unique<spoolmq::test::MemoryFileSystem>()) {
  const auto top = disk_->root();
  for (const char* name : {"root", "in", "out", "done", "errors"}) top->make_dir(name, kDirMode);
  top->sync();
  root_.emplace(Root::open(dir("root"), clock_));
  root_->create_queue("q", settings);
}

void DirectoryWorld::put(const std::string& directory, const std::string& name,
                         const std::string& content) {
  const auto where = dir(directory);
  const auto file = where->create(name, 0644, IfExists::kFail);
  file->write_at(as_bytes(content), 0);
  file->sync();
  where->sync();
}

std::map<std::string, std::string> DirectoryWorld::files(const std::string& directory) {
  std::map<std::string, std::string> found;
  const auto where = dir(directory);
  for (const std::string& name : disk_->names(directory)) {
    if (where->status(name)->kind != FileKind::kRegular) continue;
    found[name] = read_file(*where, name, kMostBytes).value_or("(none)");
  }
  return found;
}

std::multiset<std::string> DirectoryWorld::take(const std::string& directory) {
  std::multiset<std::string> taken;
  const auto where = dir(directory);
  for (const auto& [name, content] : files(directory)) {
    if (name.starts_with('.')) continue;
    taken.insert(content);
    where->unlink(name);
  }
  return taken;
}

Queue& DirectoryWorld::queue() {
  if (!root_) root_.emplace(Root::open(dir("root"), clock_));
  if (!queue_) {
    OpenOptions options;
    options.clock = clock_;
    options.background = false;  // the cuts are counted in this thread alone
    queue_.emplace(root_->open_queue("q", options));
  }
  return *queue_;
}

IdentityDatabase DirectoryWorld::identities() {
  return {*dir("root")->open_dir("queues")->open_dir("q"), 0600};
}

ImportSettings DirectoryWorld::at_first_look() {
  ImportSettings settings;
  settings.ready.stable_for = std::chrono::milliseconds{0};
  return settings;
}

ImportReport DirectoryWorld::import(ImportSettings settings, const ImportReactions& reactions) {
  const auto source = dir("in");
  SideDirectory done(dir("done"), std::nullopt);
  SideDirectory errors(dir("errors"), std::nullopt);
  Queue& into = queue();
  IdentityDatabase database = identities();
  ImportIdentity identity(database);
  SourceTree tree(*source);
  ImportSession session({into, tree, identity, &done, &errors, *clock_, settings}, reactions);
  for (Adapter::Turn turn; !turn.idle;) {
    clock_->ahead_ms += std::max<std::int64_t>(0, turn.next_boot_ms - clock_->boot_ms());
    try {
      turn = session.turn();
    } catch (const Error&) {
      if (!session.report().stopped) throw;
      break;
    }
  }
  return session.report();
}

std::int64_t DirectoryWorld::import_rows() {
  IdentityDatabase database = identities();
  auto row = database.prepare("SELECT count(*) FROM imports");
  return row.step() ? row.integer(0) : 0;
}

ExportReport DirectoryWorld::export_to_out(const ExportSettings& settings,
                                           const ExportReactions& reactions) {
  const auto target = dir("out");
  Queue& from = queue();
  IdentityDatabase database = identities();
  return export_pass({from, *target, database, *clock_}, settings, reactions);
}

void DirectoryWorld::leave_export_unfinished(const std::string& name, const std::string& content) {
  constexpr std::uint64_t kNonce = 1;
  const MessageId id = queue().next_ready(1).at(0).id;
  put("out", export_temporary(id, kNonce), content);
  IdentityDatabase database = identities();
  const ExportRow row{id, kNonce, 0, name};
  ExportIdentity(database, identify(*dir("out"))).update({&row, 1}, {});
}

std::multiset<std::string> DirectoryWorld::drain() {
  std::multiset<std::string> bodies;
  while (auto delivery = queue().receive()) {
    bodies.insert(body_of(*delivery));
    delivery->ack();
  }
  return bodies;
}

void DirectoryWorld::restart(Cut cut) {
  using spoolmq::test::Bytes;
  using spoolmq::test::Names;
  auto next = cut == Cut::kKill
                  ? disk_->after_kill()
                  : disk_->after_power_cut(
                        cut == Cut::kPowerNamesLost ? Names::kLost : Names::kKept, Bytes::kTorn);
  close();  // the old disk has fallen silent
  disk_ = std::move(next);
  clock_->ahead_ms += kHourMs;
  if (cut != Cut::kKill) ++clock_->boot;
}

}  // namespace spoolmq::adapters::test
