// Transactions, opening and closing: everything that takes byte 0 goes through here.
#include "store/queue_impl.h"

#include <unistd.h>

#include <utility>

#include "core/log.h"
#include "store/clock_step.h"
#include "store/fork_guard.h"

namespace spoolmq {
namespace {

// In one act: somebody may remove the index again right behind a rebuild.
constexpr int kMostRebuilds = 3;
constexpr std::uint64_t kCheckpointLogBytes = 4 << 20;
constexpr std::uint64_t kLongestLogLeftBytes = 1 << 20;
constexpr std::uint64_t kLogLimitBytes = 64 << 20;
constexpr std::size_t kHeaviestAppendBytes = 8 << 20;
constexpr std::size_t kMostLinkedTogether = 1024;
constexpr std::size_t kMostAckedTogether = AckLog::kEntries / 2;
constexpr std::size_t kSettingsBytes = 64 << 10;

std::unique_ptr<File> open_shared(QueueDir& dir, std::string_view name) {
  return dir.open_or_create(name);
}

SharedMemory shared_memory(const QueuePlace& place, const Settings& settings) {
  return {place.queue->status(), place.queue->path(), settings.mode};
}

// Whoever may only read the queue may write the page, as he sleeps on it; then nothing is asked for
// there that he must not do.
std::span<std::byte> board_memory(const Doorbell& bell, const Settings& settings) {
  return (settings.mode & 0060) == 0040 ? std::span<std::byte>() : bell.spare_bytes();
}

// The in-memory twin has no other processes.
bool has_others(const QueuePlace& place) { return place.queue->file_system_magic() != 0; }

}  // namespace

QueueImpl::QueueImpl(QueuePlace place, const Settings& settings, OpenOptions options)
    : place_(std::move(place)),
      options_(std::move(options)),
      clock_(options_.clock ? options_.clock : std::make_shared<SystemClock>()),
      settings_(std::make_shared<Settings>(settings)),
      dir_(place_.queue, settings),
      bell_(shared_memory(place_, settings), has_others(place_)),
      board_(board_memory(bell_, settings)),
      lock_(open_shared(dir_, names::kLock), *clock_, place_.name, options_.lock_wait, board_),
      handles_(open_shared(dir_, names::kHandles)),
      index_(place_.queue),
      sync_meter_(*clock_),
      log_sync_([this] { sync_log_file(); }),
      reader_(dir_),
      hot_cache_(shared_memory(place_, settings), place_.name, has_others(place_),
                 options_.one_shot ? HotCache::Stay::kShort : HotCache::Stay::kLong),
      history_(place_.root, place_.name, *clock_),
      admission_(place_.root, *clock_),
      verdicts_(dir_),
      appends_(kHeaviestAppendBytes,
               [this](std::span<AppendJob* const> jobs) { append_group(jobs); }),
      singles_(kMostLinkedTogether, [this](std::span<SingleJob* const> jobs) { link_group(jobs); }),
      early_acks_(kMostAckedTogether,
                  [this](std::span<EarlyAck* const> acks) { write_early_acks(acks); }),
      ack_log_(dir_, sync_meter_) {}

QueueImpl::~QueueImpl() {
  try {
    close();
  } catch (const std::exception& error) {
    log::error("queue not closed in order", {{"queue", place_.name}, {"why", error.what()}});
  } catch (...) {
    log::error("queue not closed in order", {{"queue", place_.name}});
  }
}

void QueueImpl::open() {
  try {
    recover_and_take_slot();
  } catch (const Error& error) {
    // Who takes messages away from a full disk must be able to open the queue: its dirty mark.
    const bool is_full = error.code() == ErrorCode::kTryAgain && !handles_.owns_slot();
    if (!is_full || admission_.has_room() || !admission_.release_ballast()) throw;
    recover_and_take_slot();
  }
  watch_fork(this);
  if (!options_.one_shot) admission_.keep_ballast();
}

void QueueImpl::close() {
  if (forked_ || closed_.exchange(true)) return;
  unwatch_fork(this);
  background_thread_.request_stop();
  if (background_thread_.joinable()) background_thread_.join();
  if (!handles_.owns_slot()) return;  // never opened
  stop_watching();
  wait_for_early_acks();
  claimer_.stop();
  if (!is_removed()) return_prefetched_at_the_end();
  if (is_removed()) {  // nothing is left to be put in order
    const std::unique_lock alone(log_guard_);
    index_.close();
    handles_.give_back();
    ended_ = true;
    return;
  }
  if (segment_) seal_if_idle(0);
  index_pending(true);
  if (settled_since_maintenance_ > 0) maintain();
  std::optional<WriterLock::Hold> hold =
      lock_.try_take(layout::Purpose::kClose, options_.lock_wait);
  if (!hold) {
    // Our slot dies with the process, and a reaper does the rest.
    log::warn("queue closed without its lock", {{"queue", place_.name}});
    index_.abandon_after_fork();
    return;
  }
  const bool owns_leases = (handles_.own().flags & layout::kOwnsLeases) != 0;
  const bool owns_places = (handles_.own().flags & layout::kOwnsReservations) != 0;
  if (owns_leases || owns_places || wrote_segments_) {
    transact_held(*hold, [this](Session& session) {
      // What is left unfinished goes back: a bound lease does not outlive its handle, nor does the
      // place of a send that failed when it could not be returned.
      session.index.release_leases_of(handles_.incarnation());
      session.index.end_reservations_of(handles_.incarnation(), session.now);
      // A rebuild may have met one of our segments between its end and its seal.
      for (const FileRow& file : session.index.open_files(handles_.incarnation())) {
        session.index.seal(file.rowid);
      }
    });
  }
  if (owns_leases) bell_.ring();
  tell_syncs(*hold);
  if (ack_log_.is_open()) {
    sync_log_file();
    ack_log_.remove();
  }
  if (!options_.one_shot) write_clean_mark_if_last(*hold);
  // Whoever opens the index next reads the whole log: leave a short one.
  if (index_.is_open() && index_.log_is_over(kLongestLogLeftBytes)) {
    checkpoint(*hold, [this] { static_cast<void>(index_.checkpoint_all()); });
  }
  {
    const std::unique_lock alone(log_guard_);
    index_.close();
  }
  handles_.give_back();
  ended_ = true;
}

void QueueImpl::abandon_after_fork() {
  forked_ = true;
  closed_ = true;
  if (background_thread_.joinable()) background_thread_.detach();  // it is the parent's
  claimer_.abandon_after_fork();
  index_.abandon_after_fork();
  handles_.abandon_after_fork();
  lock_.abandon_after_fork();
}

void QueueImpl::refuse_after_fork() const {
  throw Error(ErrorCode::kUsage, "use", place_.name,
              forked_ ? "the queue was opened before a fork" : "the queue is closed");
}

void QueueImpl::refuse_to_observer(std::string_view what) const {
  if (!options_.observer) return;
  throw Error(ErrorCode::kUsage, what, place_.name, "the handle was opened as an observer");
}

void QueueImpl::refuse_in_backup(layout::Purpose purpose) const {
  using enum layout::Purpose;
  if (place_.changes == Changes::kAllowed) return;
  if (purpose == kOpen || purpose == kClose || purpose == kLook) return;
  throw Error(ErrorCode::kPermission, "change", place_.name,
              "this is a backup; restore it, and use that");
}

WriterLock::Hold QueueImpl::take_lock(layout::Purpose purpose) {
  refuse_in_backup(purpose);
  return lock_.take(purpose);
}

Settings QueueImpl::settings() { return *refresh_settings(lock_.peek()); }

std::shared_ptr<const Settings> QueueImpl::refresh_settings(const layout::LockHeader& header) {
  const std::lock_guard guard(settings_mutex_);
  if (header.settings_version == settings_version_) return settings_;
  const auto text = read_file(*place_.queue, names::kSettings, kSettingsBytes);
  if (text) {
    settings_ = std::make_shared<Settings>(
        parse_settings(*text, path() + "/" + std::string(names::kSettings)));
  }
  settings_version_ = header.settings_version;
  return settings_;
}

bool QueueImpl::index_is_current(const layout::LockHeader& header) {
  return index_.is_open() && index_.generation() == header.generation && !index_doubtful_ &&
         !index_.has_moved();
}

void QueueImpl::ensure_index(WriterLock::Hold& hold) {
  const layout::LockHeader& header = hold.header();
  if (index_is_current(header)) return;
  if (is_removed()) throw Error(ErrorCode::kNotFound, "use", name(), "the queue was removed");
  if (index_doubtful_) {
    rebuild(hold, "a sync of its log failed");
    index_doubtful_ = false;
    return;
  }
  if (header.generation == 0) {
    rebuild(hold, "");
    return;
  }
  // An older copy under a log that goes on from a newer one: its pages verify, and the log's do,
  // but what a checkpoint moved in between is missing.
  const std::uint64_t stamp = database_stamp(header.generation);
  if (header.database_stamp != 0 && stamp != 0 && header.database_stamp != stamp) {
    throw SqliteError(SQLITE_CORRUPT, "open the index", path(), "another file stands in its place");
  }
  {
    const std::unique_lock alone(log_guard_);
    try {
      index_.open(header.generation, header.transaction);
    } catch (const SqliteError& error) {
      if (!error.is_for_want_of_space() || !admission_.release_ballast()) throw;
      index_.open(header.generation, header.transaction);
    }
  }
  // Asked again: its maker may have been killed before it had its log, and opening then wrote to
  // it.
  layout::LockHeader stamped = header;
  stamped.database_stamp = database_stamp(header.generation);
  if (stamped.database_stamp != header.database_stamp) hold.write_header(stamped);
}

std::uint64_t QueueImpl::database_stamp(std::uint64_t generation) {
  const auto status = dir_.dir().status(names::index_file(generation));
  if (!status) return 0;
  const auto mtime = static_cast<std::uint64_t>(status->mtime_ns);
  return (mtime * 31 + status->size) | 1;  // never 0
}

// A kill in the middle leaves stamp 0, which the next opener replaces by what it finds.
void QueueImpl::checkpoint(WriterLock::Hold& hold, const std::function<void()>& act) {
  layout::LockHeader header = hold.header();
  header.database_stamp = 0;
  hold.write_header(header);
  try {
    act();
  } catch (const SqliteError& error) {
    // Of a sync that failed, nobody else would hear.
    if (error.index_is_doubtful()) header.generation = 0;
    hold.write_header(header);
    throw;
  }
  header.database_stamp = database_stamp(header.generation);
  hold.write_header(header);
}

void QueueImpl::transact(layout::Purpose purpose, const Act& act) {
  if (forked_ || ended_) refuse_after_fork();
  WriterLock::Hold hold = take_lock(purpose);
  transact_held(hold, act, manner_of(purpose));
}

bool QueueImpl::transact_or_post(layout::Purpose purpose, const Act& act,
                                 RequestBoard::Post& post) {
  if (forked_ || ended_) refuse_after_fork();
  refuse_in_backup(purpose);
  const auto note_doubt = [&] {
    if (!post.request().claims()) return;
    const std::lock_guard guard(doubtful_mutex_);
    doubtful_claims_.push_back(post.request().claim_token());
  };
  std::optional<WriterLock::Hold> hold = [&] {
    try {
      return lock_.take_or_post(purpose, post);
    } catch (...) {
      if (post.end() || post.is_unknown()) note_doubt();  // nobody hears of an answer
      throw;
    }
  }();
  if (!hold) return false;
  if (post.is_unknown()) note_doubt();
  transact_held(*hold, act, manner_of(purpose));
  return true;
}

// Those that change rows anyway, and do not take long.
QueueImpl::Manner QueueImpl::manner_of(layout::Purpose purpose) {
  using enum layout::Purpose;
  return {.serves = purpose == kSend || purpose == kReceive || purpose == kAcknowledge,
          .leaves_own_acks = purpose == kReceive};
}

bool QueueImpl::try_transact(layout::Purpose purpose, Milliseconds wait, const Act& act) {
  if (forked_ || ended_) refuse_after_fork();
  refuse_in_backup(purpose);
  std::optional<WriterLock::Hold> hold = lock_.try_take(purpose, wait);
  if (!hold) return false;
  transact_held(*hold, act, manner_of(purpose));
  return true;
}

std::optional<std::string> QueueImpl::exclusively(Removal when, const std::function<void()>& act) {
  if (forked_ || ended_) refuse_after_fork();
  WriterLock::Hold hold = take_lock(layout::Purpose::kFix);
  if (when == Removal::kIfUnused) {
    if (std::optional<std::string> use = what_uses_it(hold)) return use;
  }
  act();
  return std::nullopt;
}

// Byte 0 is ours: who has no handle yet gets none before we are done.
std::optional<std::string> QueueImpl::what_uses_it(WriterLock::Hold& hold) {
  std::int64_t messages = 0;
  std::int64_t alive = 0;
  transact_held(hold, [&](Session& session) {
    messages = 0;
    alive = 0;
    harvest(session);
    probe_slots(session);
    for (int state = 1; state <= static_cast<int>(RowState::kArchived); ++state) {
      messages += session.index.count(static_cast<RowState>(state)).messages;
    }
    for (const HandleTable::Slot& slot : handles_.read(session.header.slots)) {
      const bool observes = (slot.record.flags & layout::kObserver) != 0;
      if (slot.number == handles_.own_slot() || observes) continue;
      alive += handles_.is_alive(slot.number) ? 1 : 0;
    }
  });
  if (messages > 0) return "it holds " + std::to_string(messages) + " messages";
  if (alive > 0) return "other processes have it open";
  return std::nullopt;
}

void QueueImpl::transact_held(WriterLock::Hold& hold, const Act& act, Manner manner) {
  if (ended_) refuse_after_fork();  // while we waited for byte 0
  int rebuilds = 0;
  bool gave_ballast = false;
  while (true) {
    try {
      ensure_index(hold);
      const std::shared_ptr<const Settings> settings = refresh_settings(hold.header());
      Session session{index_, now(), settings, *settings, hold.header()};
      RequestBoard::Batch others(board_);
      index_.begin(session.now.wall_ms);
      index_.set_order_on_dead(settings->order_on_dead);
      if (const auto ms = notice_clock_step(index_, session.now, *settings, session.header)) {
        log::warn("the clock was set back", {{"queue", name()}, {"ms", ms}});
      }
      if (!manner.leaves_own_acks || !may_leave_acks(session)) take_over_acks(session);
      act(session);
      if (session.abandoned) {
        index_.rollback();
        return;
      }
      // Where it is to be committed at a certain moment, nothing else delays it or is undone with
      // it.
      if (manner.serves && !session.before_commit) {
        try {
          serve(session, others.take());
        } catch (const Error& error) {
          // What others ask for keeps nobody from his own.
          log::info("requests left", {{"queue", name()}, {"why", error.what()}});
          index_.rollback();
          manner.serves = false;
          continue;
        }
      }
      SyncMeter::Reading syncs;
      if (index_.has_changed()) syncs = sync_meter_.read();
      index_.add_syncs(syncs);
      index_.prepare_commit();
      if (session.before_commit) {
        index_.write_ahead();
        if (!session.before_commit()) {
          index_.rollback();
          return;
        }
      }
      index_.commit();
      others.tell(index_.generation());
      sync_meter_.forget(syncs);
      finish_commit(hold, session);
      return;
    } catch (const SqliteError& error) {
      index_.rollback();
      if (error.is_for_want_of_space() && !gave_ballast) {
        gave_ballast = true;
        if (admission_.release_ballast()) continue;
      }
      if (!error.index_is_doubtful() || rebuilds == kMostRebuilds) throw;
      ++rebuilds;
      rebuild(hold, error.why());
    } catch (...) {
      index_.rollback();
      throw;
    }
  }
}

// It is committed: what is refused from here on is no refusal of the act, and repeats nothing.
void QueueImpl::finish_commit(WriterLock::Hold& hold, Session& session) {
  try {
    tell_commit(hold, session);
  } catch (const Error& error) {
    throw error.of_unknown_outcome();
  }
  if (!index_.log_is_over(kCheckpointLogBytes)) {
    log_pinned_ = false;
    return;
  }
  try {
    checkpoint(hold, [this] { log_pinned_ = index_.checkpoint_some() > kLogLimitBytes; });
  } catch (const SqliteError& error) {
    if (error.index_is_doubtful()) throw;
    log::warn("checkpoint put off", {{"queue", name()}, {"why", error.what()}});
  }
}

void QueueImpl::tell_commit(WriterLock::Hold& hold, Session& session) {
  layout::LockHeader header = hold.header();
  header.generation = index_.generation();
  header.transaction = index_.transaction();
  header.slots = std::max(header.slots, session.header.slots);
  header.flags = session.header.flags;
  header.settings_version = session.header.settings_version;
  header.wall_offset_ms = session.header.wall_offset_ms;
  hold.write_header(header);
  for (const auto& step : session.after_commit) step();
  for (const Row& row : session.deaths) tell_history("dead", row);
}

// The sync itself, outside every lock but log_guard_.
void QueueImpl::sync_log_file() {
  const std::shared_lock shared(log_guard_);
  sqlite3_file* const log = index_.log_file();
  if (log == nullptr) return;  // nothing was ever committed through this connection
  sync_meter_.time([&] {
    const int code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
    if (code == SQLITE_OK) return;
    index_doubtful_ = true;
    unsynced_generation_ = index_.generation();
    throw SqliteError(code, "sync the index's log", path(),
                      "the outcome is unknown: the disk refused");
  });
}

bool QueueImpl::has_open(std::uint64_t generation) {
  const std::shared_lock shared(log_guard_);
  return !index_doubtful_ && index_.is_open() && index_.generation() == generation &&
         index_.log_file() != nullptr;
}

void QueueImpl::tell_syncs(WriterLock::Hold& hold) {
  const SyncMeter::Reading untold = sync_meter_.read();
  if (untold.syncs == 0 || !index_is_current(hold.header())) return;
  try {
    const std::shared_ptr<const Settings> settings = refresh_settings(hold.header());
    Session session{index_, now(), settings, *settings, hold.header()};
    index_.begin(session.now.wall_ms);
    index_.add_syncs(untold);
    index_.prepare_commit();
    index_.commit();
    sync_meter_.forget(untold);
    finish_commit(hold, session);
  } catch (const Error& error) {
    // Figures are worth neither a rebuild nor a queue that is not closed in order.
    index_.rollback();
    log::info("syncs not counted", {{"queue", name()}, {"why", error.what()}});
  }
}

void QueueImpl::sync_log() {
  try {
    const std::uint64_t taken_over = acks_taken_over();
    const bool concerns_acks = taken_over > acks_synced_;
    const std::uint64_t generation = concerns_acks ? lock_.peek().generation : 0;
    log_sync_.wait();
    if (concerns_acks && lock_.peek().generation == generation) acks_synced_ = taken_over;
  } catch (const Error&) {
    end_generation(unsynced_generation_);
    throw;
  }
}

// The kernel tells of a failed sync once: whoever opens the log from now on could sync its own
// frames in vain behind ours, which the disk may not have.
void QueueImpl::end_generation(std::uint64_t generation) {
  try {
    std::optional<WriterLock::Hold> hold =
        lock_.try_take(layout::Purpose::kRebuild, options_.lock_wait);
    if (!hold || hold->header().generation != generation) return;
    layout::LockHeader header = hold->header();
    header.generation = 0;
    hold->write_header(header);
  } catch (const Error& error) {
    log::error("the index's end is not told", {{"queue", name()}, {"why", error.what()}});
  }
}

void QueueImpl::look(const Act& act) {
  if (forked_) refuse_after_fork();
  transact(layout::Purpose::kLook, [&](Session& session) {
    harvest(session);
    act(session);
  });
}

void QueueImpl::tell_history(std::string_view act, const Row& row) {
  {
    const std::lock_guard guard(settings_mutex_);
    if (settings_->history == HistoryLevel::kOff) return;
  }
  history_.tell({act, row.id, row.reason, row.counters.deliveries, row.counters.failures});
}

int QueueImpl::lease_descriptor() {
  if (forked_) refuse_after_fork();
  return handles_.file().descriptor();
}

}  // namespace spoolmq
