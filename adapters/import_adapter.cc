#include "adapters/import_adapter.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <utility>

#include "adapters/dead_letters.h"
#include "adapters/import_session.h"
#include "core/check.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr std::size_t kMaxBox = 8192;  // hints; more of them mean a look at everything
constexpr std::int64_t kDeadLettersEveryMs = 5'000;
constexpr std::chrono::seconds kExplainWithin{2};

std::optional<SideDirectory> open_side(Dir& source, const std::string& path,
                                       std::string_view option,
                                       SideDirectory::IfMissing if_missing) {
  if (path.empty()) return std::nullopt;
  return SideDirectory::open(source, path, option, if_missing);
}

// Found out before anything is taken: a file that cannot leave would only be in two places.
void require_writable(Dir& source, const ImportSettings& settings) {
  if (settings.after == AfterImport::kKeep) return;
  if (::faccessat(AT_FDCWD, source.path().c_str(), W_OK | X_OK, AT_EACCESS) == 0) return;
  throw Error(errno == EROFS || errno == EACCES ? ErrorCode::kPermission : ErrorCode::kIo, "import",
              source.path(), "files may not be removed from it; `keep` leaves them where they are");
}

}  // namespace

// In the order of opening: each part uses those before it.
struct ImportAdapter::Opened {
  Opened(const ImportSettings& settings, const AdapterPlace& place,
         SideDirectory::IfMissing if_missing)
      : source(open_posix_dir(settings.directory)),
        identity_of_source(identify(*source)),
        done(open_side(*source, settings.done, "done", if_missing)),
        errors(open_side(*source, settings.errors, "errors", if_missing)),
        queue(place.root->open_queue(settings.queue, named(place))),
        queue_directory(open_posix_dir(queue.path())),
        database(*queue_directory, queue.settings().mode),
        identity(database),
        tree(*source),
        session(ImportParts{queue, tree, identity, done ? &*done : nullptr,
                            errors ? &*errors : nullptr, *place.clock, settings},
                reactions(place)) {
    require_writable(*source, settings);
    if (errors) {
      returned.emplace(database, identify(errors->base()));
      letters.emplace(queue, source->path(), errors->base(), *returned, *place.clock);
    }
  }

  static OpenOptions named(const AdapterPlace& place) {
    OpenOptions options;
    options.name = place.name;
    return options;
  }

  static ImportReactions reactions(const AdapterPlace& place) {
    ImportReactions reactions;
    reactions.on_imported = [&place](const std::optional<MessageId>& first, const std::string& path,
                                     std::uint64_t size) {
      if (first && place.on_moved) place.on_moved(*first, path, size);
      if (place.counters == nullptr) return;
      place.counters->bytes += size;
      place.counters->last_success_wall_ms = place.clock->wall_ms();
    };
    reactions.on_refused = [&place](const std::string& what, const Error& why) {
      if (place.on_refused) place.on_refused(what, why.what());
    };
    return reactions;
  }

  // The path may have come to name another directory.
  [[nodiscard]] bool is_still_there() const {
    std::error_code none;
    if (!std::filesystem::is_directory(source->path(), none)) return false;
    const DirectoryIdentity now = identify(*open_posix_dir(source->path()));
    return now.device == identity_of_source.device && now.inode == identity_of_source.inode;
  }

  std::unique_ptr<Dir> source;
  DirectoryIdentity identity_of_source;
  std::optional<SideDirectory> done;
  std::optional<SideDirectory> errors;
  Queue queue;
  std::unique_ptr<Dir> queue_directory;
  IdentityDatabase database;
  ImportIdentity identity;
  SourceTree tree;
  ImportSession session;
  std::optional<ExportIdentity> returned;
  std::optional<DeadLetters> letters;
  std::int64_t letters_due_boot_ms = 0;
};

// While it lives nobody else uses opened_.
class ImportAdapter::Use {
 public:
  // Waits for as long as it takes, or for so long.
  Use(ImportAdapter& adapter, std::optional<std::chrono::seconds> within) : adapter_(adapter) {
    std::unique_lock lock(adapter_.use_mutex_);
    const auto is_free = [this] { return !adapter_.in_use_; };
    if (within) {
      granted_ = adapter_.use_ended_.wait_for(lock, *within, is_free);
    } else {
      adapter_.use_ended_.wait(lock, is_free);
      granted_ = true;
    }
    if (granted_) adapter_.in_use_ = true;
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    if (!granted_) return;
    {
      const std::lock_guard lock(adapter_.use_mutex_);
      adapter_.in_use_ = false;
    }
    adapter_.use_ended_.notify_one();
  }
  [[nodiscard]] bool is_granted() const { return granted_; }

 private:
  ImportAdapter& adapter_;
  bool granted_ = false;
};

ImportAdapter::ImportAdapter(ImportSettings settings, AdapterPlace place)
    : settings_(std::move(settings)), place_(std::move(place)) {
  SPOOLMQ_CHECK(place_.root != nullptr && place_.clock != nullptr);
}

ImportAdapter::~ImportAdapter() = default;

std::vector<watcher::WatchOptions> ImportAdapter::watches() const {
  watcher::WatchOptions watch;
  watch.path = settings_.directory;
  watch.depth = settings_.depth;
  watch.rescan = settings_.rescan;
  return {watch};
}

void ImportAdapter::hint(std::size_t, const watcher::Hint& hint) {
  // Of our own making; one that was left behind is found by a look at everything.
  if (parse_departing_name(split_path(hint.name).name)) return;
  {
    const std::lock_guard guard(box_mutex_);
    // Writes in a row are one.
    const bool repeated =
        !box_.empty() && box_.back().kind == hint.kind && box_.back().name == hint.name;
    if (box_.size() >= kMaxBox) box_overflowed_ = true;
    if (!box_overflowed_ && !repeated) box_.push_back(hint);
  }
  if (place_.wake) place_.wake();
}

void ImportAdapter::take_hints() {
  std::vector<watcher::Hint> hints;
  {
    const std::lock_guard guard(box_mutex_);
    hints = std::exchange(box_, {});
    if (std::exchange(box_overflowed_, false)) {
      hints.emplace_back();
    }
  }
  bool looks = false;
  for (const watcher::Hint& hint : hints) looks = looks || hint.kind == watcher::Hint::Kind::kLook;
  if (looks && opened_ && !opened_->is_still_there()) close();
  open();
  for (const watcher::Hint& hint : hints) opened_->session.hint(hint);
}

void ImportAdapter::open() {
  if (opened_) return;
  opened_ = std::make_unique<Opened>(settings_, place_, SideDirectory::IfMissing::kMake);
}

// The counters go on.
void ImportAdapter::close() {
  earlier_imported_ += opened_->session.report().imported;
  earlier_refused_ += opened_->session.report().refused;
  opened_.reset();
}

Adapter::Turn ImportAdapter::turn() {
  const Use use(*this, std::nullopt);
  interrupted_ = false;
  take_hints();
  Turn turn;
  try {
    turn = opened_->session.turn();
  } catch (...) {
    count();
    // A directory that has gone is found again by its path.
    if (!opened_->is_still_there()) close();
    throw;
  }
  count();
  return_dead_letters(turn);
  return turn;
}

// Of no hurry: while files come in, they wait.
void ImportAdapter::return_dead_letters(Turn& turn) {
  const std::int64_t now = place_.clock->boot_ms();
  if (!opened_->letters || turn.next_boot_ms == 0) return;
  if (now >= opened_->letters_due_boot_ms) {
    const DeadLetters::Turn done = opened_->letters->turn([this] { return !interrupted_; });
    opened_->letters_due_boot_ms = done.more ? 0 : now + kDeadLettersEveryMs;
    if (done.more) turn.idle = false;
  }
  turn.next_boot_ms = std::min(turn.next_boot_ms, opened_->letters_due_boot_ms);
}

void ImportAdapter::count() {
  report_ = opened_->session.report();
  report_.imported += earlier_imported_;
  report_.refused += earlier_refused_;
  if (place_.counters == nullptr) return;
  place_.counters->moved = report_.imported;
  place_.counters->refused = report_.refused;
  place_.counters->waiting = report_.left();
}

// The path of a file below the imported directory, as it was configured or as it resolves.
std::optional<std::string> ImportAdapter::relative_to_source(const std::string& path) const {
  std::error_code none;
  const std::string resolved = std::filesystem::weakly_canonical(settings_.directory, none);
  for (const std::string& directory : {settings_.directory, resolved}) {
    if (directory.empty() || !path.starts_with(directory + "/")) continue;
    std::string relative = path.substr(directory.size() + 1);
    const auto levels = static_cast<std::size_t>(std::count(relative.begin(), relative.end(), '/'));
    if (!relative.empty() && levels <= settings_.depth) return relative;
  }
  return std::nullopt;
}

std::optional<std::vector<FileReason>> ImportAdapter::explain(const std::string& absolute_path) {
  const std::optional<std::string> relative = relative_to_source(absolute_path);
  if (!relative) return std::nullopt;
  const Use use(*this, kExplainWithin);
  if (!use.is_granted()) {
    return std::vector{FileReason{"busy", "the import is at work on other files", {}, {}}};
  }
  if (opened_) return opened_->session.explain(*relative);
  // Nobody has given it a turn: whoever only asks makes no directories.
  Opened only_to_look(settings_, place_, SideDirectory::IfMissing::kNone);
  return only_to_look.session.explain(*relative);
}

}  // namespace spoolmq::adapters
