#pragma once
// One open queue in one process: the parts, and the few things they share. Its member functions are
// in files by theme: queue_impl.cc (transactions, opening, closing); queue_send.cc,
// queue_reserve.cc, queue_write.cc, queue_rows.cc, queue_send_large.cc (sending); queue_receive.cc,
// queue_prefetch.cc, queue_leases.cc, queue_acks.cc, queue_serve.cc (receiving); queue_look.cc;
// queue_tail.cc; queue_together.cc (sends and acks in several queues at once); queue_fix.cc;
// queue_sweep.cc; queue_copy.cc (for backups); queue_publish.cc (hot cache); recovery.cc (reaping,
// harvesting, reconciling); rebuild.cc; maintenance.cc; fsck.cc.
//
// Locks, in this order: sweep_mutex_ → lead of a group commit → in-process mutex and byte 0
// (WriterLock) → slot byte → byte 1 → log_guard_ → ack_log_mutex_ → pending_mutex_, held_mutex_,
// settings_mutex_. Nobody waits for byte 0 while holding another queue's, nor for claimer_ while
// holding any of them.

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/file_system.h"
#include "core/id_source.h"
#include "spoolmq/queue.h"
#include "store/ack_log.h"
#include "store/admission.h"
#include "store/doorbell.h"
#include "store/group_commit.h"
#include "store/handle_table.h"
#include "store/history.h"
#include "store/hot_cache.h"
#include "store/hot_cache_writer.h"
#include "store/index.h"
#include "store/log_sync.h"
#include "store/queue_dir.h"
#include "store/request_board.h"
#include "store/segment_writer.h"
#include "store/spool_reader.h"
#include "store/sync_meter.h"
#include "store/verdicts.h"
#include "store/worker.h"
#include "store/writer_lock.h"

namespace spoolmq {

enum class Changes : std::uint8_t { kAllowed, kRefused };

struct QueuePlace {
  std::shared_ptr<Dir> root;
  std::shared_ptr<Dir> queue;
  std::string name;
  Changes changes = Changes::kAllowed;  // refused in a backup: it is only looked at
};

// What an act inside an index transaction has at hand. The act may run twice (once more on a
// rebuilt index), so it changes nothing but the index and its own results.
struct Session {
  Index& index;
  Now now;
  std::shared_ptr<const Settings> settings_kept;
  const Settings& settings;
  layout::LockHeader header;
  std::vector<Row> deaths = {};  // told to the history after the commit
  std::vector<std::function<void()>> after_commit = {};
  bool abandoned = false;      // set by the act: nothing of it is to be committed
  bool owed_inserted = false;  // this handle's rows of own files are; a second time would be wrong
  bool pending_inserted = false;  // and those of its segment
  bool up_to_date = false;        // what others wrote has rows, and what was due has moved
  // The last thing before the commit, when all of the transaction's own work is done. False:
  // nothing of it is to be committed.
  std::function<bool()> before_commit = {};
};

class RowMaker;  // of a rebuild

// Besides the spool files.
struct RebuiltFrom {
  Verdicts::Known verdicts;
  std::unordered_map<MessageId, AckLog::Entry> early_acks;
};

class QueueImpl : public std::enable_shared_from_this<QueueImpl> {
 public:
  QueueImpl(QueuePlace place, const Settings& settings, OpenOptions options);
  ~QueueImpl();

  void open();
  void close();
  void abandon_after_fork();

  [[nodiscard]] const std::string& name() const { return place_.name; }
  [[nodiscard]] const std::string& path() const { return dir_.path(); }
  Settings settings();

  std::vector<SendResult> send_batch(std::vector<Message> messages, const SendOptions& options);
  SendResult send_stream(Message message, const BodySource& source, const SendOptions& options);
  SendResult send_file(Message message, int descriptor, BodyFile how, const SendOptions& options);
  Settled wait_settled(const MessageId& id, std::optional<Milliseconds> timeout);
  bool withdraw(const MessageId& id);

  // `done` is acknowledged, durably, before it returns or waits; one lost lease, and nothing is
  // received: Error(kLeaseLost).
  std::vector<Delivery> receive(const ReceiveOptions& options, std::span<const Receipt> done = {});
  std::vector<LeaseOutcome> ack(std::span<const Receipt> receipts);
  // Error(kLeaseLost), which counts them, where some are lost.
  void require_leases(std::span<const LeaseOutcome> outcomes) const;
  std::vector<LeaseOutcome> nack(std::span<const Receipt> receipts, std::string_view reason,
                                 std::optional<Milliseconds> delay);
  std::vector<LeaseOutcome> release(std::span<const Receipt> receipts);
  std::vector<LeaseOutcome> extend(std::span<const Receipt> receipts,
                                   std::optional<Milliseconds> lease);
  std::vector<LeaseOutcome> reject(std::span<const Receipt> receipts, std::string_view reason);
  using DedupeKeys = std::unordered_map<MessageId, std::string>;  // of messages that have one
  std::vector<LeaseOutcome> pass_on(std::span<const Receipt> receipts, const DedupeKeys& keys);

  QueueStats stats();
  std::vector<MessageStatus> scan(const ScanOptions& options);
  std::vector<MessageStatus> next_ready(std::size_t limit);
  std::optional<MessageStatus> status(const MessageId& id);
  std::vector<MessageId> find_by_tail(std::string_view tail);
  std::optional<Message> load(const MessageId& id);
  std::unique_ptr<BodyReader> open_body(const Message& message);
  std::vector<Consumer> consumers();
  std::vector<std::string> why(const MessageId& id);
  std::vector<std::string> trace(const MessageId& id);
  std::optional<Pause> paused();

  FixResult requeue(std::span<const MessageId> ids, bool reset_redrives);
  FixResult hold(std::span<const MessageId> ids, std::string_view reason);
  FixResult unhold(std::span<const MessageId> ids);
  FixResult revoke(std::span<const MessageId> ids);
  FixResult remove(std::span<const MessageId> ids);
  void pause(const Pause& pause);
  void resume();
  void configure(std::span<const SettingText> changes);
  std::vector<FsckFinding> fsck(FsckMode mode);
  // kOld: settled a second ago or more, so that their rows can go with their files.
  enum class Settle : std::uint8_t { kAll, kOld };
  void maintain(Settle which = Settle::kAll);
  void sweep();
  // Runs `act` while nobody else can use the index; for removing the queue. kIfUnused: not where
  // messages or other open handles (observers' excepted) are; returned is what was in the way.
  enum class Removal : std::uint8_t { kAlways, kIfUnused };
  std::optional<std::string> exclusively(Removal when, const std::function<void()>& act);
  [[nodiscard]] int lease_descriptor();

  // For moves and copies: takes messages that are not leased out of reach, and what follows.
  struct Taken {
    std::vector<Row> before;  // as they were
    std::vector<Receipt> receipts;
    FixResult result;
  };
  Taken take_for_move(std::span<const MessageId> ids);
  void give_back(const Taken& taken);  // nothing was moved: as they were
  struct KeyOf {
    MessageId id;
    std::string key;  // its dedupe key
  };
  // Whether that key stands for another message here.
  bool is_key_of_another(const KeyOf& one);
  void finish_move(const Taken& taken,
                   std::span<const KeyOf> dedupe_keys);  // they are elsewhere now, durably
  void told(std::string_view act, std::span<const MessageId> ids, std::string_view where);
  // For sends to several queues (queue_together.cc). What is on its way out of a sender's hands:
  struct Outgoing {
    Message message;
    std::uint16_t flags = 0;
    bool explicit_id = false;
    bool reserved = false;
    std::unique_ptr<NewFile> body;  // a large one, written and synced, not yet named
    MessageId file;                 // of its own, where it has one
    SendResult result;
  };
  // Messages that have their places in this queue and are not sent yet. Whoever does not send them
  // declines them. The bodies that are not large stay the sender's, who lends them again.
  struct Parcel {
    std::vector<Outgoing> outgoing;
    SendOptions options;
    Settings settings;
  };
  // kNone: it was committed before, and nothing may keep it out.
  enum class Refusals : std::uint8_t { kAsUsual, kNone };
  Parcel accept(std::vector<Message> messages, const SendOptions& options, Refusals refusals);
  using Bodies = std::span<const std::string* const>;
  void put(Parcel& parcel, Bodies bodies);
  void decline(Parcel& parcel);
  // One message of a parcel in a file that is sealed and durable where `name` is in `dir`.
  struct Sealed {
    Dir& dir;
    std::string name;
    FileStatus status;
    Location at;
    std::uint16_t flags = 0;
  };
  // Names it here too. False: it is not as one of this queue would be, and must be copied.
  bool put_link(Parcel& parcel, const std::string& body, const Sealed& sealed);
  // As this queue would write it for itself, durable but without a name.
  struct Draft {
    std::unique_ptr<NewFile> file;
    Location at;
    std::uint16_t flags = 0;
  };
  Draft draft(Parcel& parcel, const std::string& body, const MessageId& file);
  bool is_one_group(std::span<const Message* const> messages, const SendOptions& options);
  MessageId next_id() { return ids_->next(); }
  // What a message says of who sent it, where the caller left it empty.
  [[nodiscard]] Sender sender() const;
  static void sign(Message& message, const Sender& sender);
  // Acknowledges all of them, or none: then the outcome of at least one is kLost.
  std::vector<LeaseOutcome> ack_all(std::span<const Receipt> receipts);
  // What an ack_all would answer now; changes nothing.
  std::vector<LeaseOutcome> look_at_leases(std::span<const Receipt> receipts);
  // They were acknowledged, by what is committed already: whoever may have them now, and in
  // whatever state. Durable on return.
  void settle(std::span<const Receipt> receipts);
  // For tails (queue_tail.cc). What one page of the index says, after a harvest.
  struct TailRow {
    MessageId id;
    std::int64_t sequence = 0;
    Location at;
    RowState state = RowState::kReady;
    bool redriven = false;
  };
  struct TailPage {
    std::uint64_t generation = 0;
    std::int64_t last_sequence = 0;  // of the whole index
    std::vector<TailRow> rows;
  };
  TailPage tail_page(std::int64_t after_sequence, std::size_t limit);
  // The ring that is current, made if there is none; nullptr: none, for now or by setting.
  std::shared_ptr<HotRing> hot_ring();
  bool is_current(const HotRing& ring) { return hot_cache_.is_named(ring); }
  void retire_hot_cache() { hot_cache_.retire(); }
  std::optional<Message> load_at(const MessageId& id, const Location& at);
  // For backups (queue_copy.cc). While one lives no spool file goes or is punched. Waits for who is
  // cleaning up, at most OpenOptions::lock_wait: then Error(kTryAgain).
  class Stillness {
   public:
    explicit Stillness(QueueImpl& queue);
    ~Stillness();
    Stillness(const Stillness&) = delete;
    Stillness& operator=(const Stillness&) = delete;

   private:
    QueueImpl& queue_;
    std::unique_lock<std::mutex> one_thread_;
  };
  // The index, with rows for all that is durable in segments, and imports.db. Returns the
  // generation of the index.
  std::uint64_t copy_databases(QueueDir& to);
  // How far a handle that lives has confirmed its segment; nullopt: it is nobody's (any more).
  std::optional<std::uint64_t> confirmed_end(const MessageId& segment);
  bool was_removed() { return is_removed(); }
  void forget_shared_memory();  // of a directory that nobody is going to use

  // Whether the index may know more than when it had this state; and sets it. One small read, and
  // one more per handle that sends.
  struct IndexState {
    std::uint64_t generation = 0;
    std::uint64_t transaction = 0;
  };
  bool has_stirred(IndexState& since);
  [[nodiscard]] bool is_rendezvous();
  Doorbell& bell() { return bell_; }
  QueueDir& dir() { return dir_; }
  [[nodiscard]] std::int64_t wall_ms() const { return clock_->wall_ms(); }
  std::optional<Location> locate(const MessageId& id);

 private:
  // ---- transactions (queue_impl.cc)
  using Act = std::function<void(Session&)>;
  WriterLock::Hold take_lock(layout::Purpose purpose);  // refused where that changes a backup
  void transact(layout::Purpose purpose, const Act& act);
  // The same, or whoever has byte 0 meanwhile does what `post` asks for: false.
  bool transact_or_post(layout::Purpose purpose, const Act& act, RequestBoard::Post& post);
  // False if byte 0 was not to be had within `wait`.
  bool try_transact(layout::Purpose purpose, Milliseconds wait, const Act& act);
  struct Manner {
    bool serves;           // does what others ask for, too
    bool leaves_own_acks;  // this handle's early ones may wait for company
  };
  static Manner manner_of(layout::Purpose purpose);
  void transact_held(WriterLock::Hold& hold, const Act& act, Manner manner = {false, false});
  void finish_commit(WriterLock::Hold& hold, Session& session);
  void tell_commit(WriterLock::Hold& hold, Session& session);
  bool index_is_current(const layout::LockHeader& header);
  std::optional<std::string> what_uses_it(WriterLock::Hold& hold);
  void ensure_index(WriterLock::Hold& hold);
  // What tells one state of the database file from another; only checkpoints change it.
  std::uint64_t database_stamp(std::uint64_t generation);
  void checkpoint(WriterLock::Hold& hold, const std::function<void()>& act);
  std::shared_ptr<const Settings> refresh_settings(const layout::LockHeader& header);
  // Everything committed so far by this handle is durable on return. Throws Error(kIo) "unknown".
  void sync_log();
  void sync_log_file();
  bool has_open(std::uint64_t generation);  // and its log
  void end_generation(std::uint64_t generation);
  void tell_syncs(WriterLock::Hold& hold);  // those that no transaction has told
  Now now() const { return {clock_->wall_ms(), clock_->boot_ms()}; }
  // As transact, for looking: harvests if that is possible at once, and looks all the same if not.
  void look(const Act& act);
  [[noreturn]] void refuse_after_fork() const;
  void refuse_to_observer(std::string_view what) const;
  void refuse_in_backup(layout::Purpose purpose) const;

  // ---- sending (queue_send.cc)
  struct AppendJob {
    std::vector<Outgoing*> messages;
    Durability durability = Durability::kSync;
    // Set without messages: seals the segment if nothing was appended for so long.
    std::optional<std::int64_t> seal_if_idle_ms = {};
  };
  struct SingleJob {
    std::vector<Outgoing*> messages;
    std::vector<NewFile> files;  // one per message, synced unless durability is os
    std::vector<Location> places;
    Durability durability = Durability::kSync;
  };
  struct Pending {
    Entry entry;
    std::uint64_t group_end = 0;
    bool reserved = false;
  };
  void prepare(Outgoing& outgoing, const SendOptions& options, const Settings& settings,
               const Sender& sender);
  Settings settings_for(const SendOptions& options);
  void check_send_allowed(std::uint64_t bytes, const SendOptions& options);
  Parcel accept(std::vector<Message> messages, const SendOptions& options, const Settings& settings,
                Refusals refusals);
  void reserve(std::span<Outgoing> outgoing, const SendOptions& options, const Settings& settings);
  enum class Place : std::uint8_t { kReserved, kFull, kUnderWay, kOldBytes };
  Place try_reserve(std::span<Outgoing> outgoing, const Settings& settings);
  void bury(std::span<const Outgoing> outgoing, std::string_view reason);
  void write_out(Parcel& parcel);  // returns its places if that fails
  void write_out(std::span<Outgoing*> fresh, Format format, Durability durability);
  void refuse_other_bytes(std::span<const Outgoing> outgoing, std::span<Outgoing* const> fresh);
  void return_reservations(std::span<Outgoing*> fresh);
  void append_group(std::span<AppendJob* const> jobs);
  void write_single_files(std::span<Outgoing*> messages, Format format, Durability durability);
  void link_group(std::span<SingleJob* const> jobs);
  void give_names(std::span<SingleJob* const> jobs);
  bool index_pending(bool wait);  // false: byte 0 was not to be had
  static void insert_rows(Session& session, std::vector<Pending> rows, std::uint64_t indexed);
  void insert_pending(Session& session);
  void insert_owed(Session& session);
  enum class Forget : std::uint8_t { kAll, kUnreserved };  // of whose reservations there are none
  void forget_pending(const MessageId& segment, std::uint64_t indexed_end, Forget which);
  void forget_harvested();
  void roll_segment();  // indexes, seals and forgets the open segment
  void ring_for(std::span<const Outgoing> sent);
  void wait_taken(const Outgoing& outgoing, std::optional<Milliseconds> timeout);
  bool same_content(const MessageId& id, const Message& message);
  std::unique_ptr<NewFile> take_file(int descriptor, BodyFile how);
  SendResult send_large(Message message, std::unique_ptr<NewFile> body, const SendOptions& options);

  // ---- hot cache (queue_publish.cc): after durability, before "sent"
  struct HotLane {  // of one group commit, whose leader alone uses it
    std::shared_ptr<HotRing> ring;
    std::optional<HotCacheWriter> writer;
  };
  HotRing* ring_of(HotLane& lane);
  void publish_appended(std::span<Outgoing* const> messages, std::span<const Location> places);
  void publish_singles(std::span<SingleJob* const> jobs);

  // ---- receiving (queue_receive.cc, queue_leases.cc, queue_serve.cc)
  class Waiter;      // a thread inside receive()
  struct Unsynced {  // where rows end whose bytes may not be durable yet
    std::uint32_t slot = 0;
    MessageId segment;
    std::uint64_t end = 0;
  };
  using Ahead = std::optional<Doorbell::Announcement>;
  // At the handles, for dead ones.
  enum class Probe {
    kNo,
    kUnlessDone,  // by somebody else, while this one waited for byte 0
    kYes,
  };
  struct Look {
    Probe probe = Probe::kNo;
    Ahead ahead;
    Waiter* waiter = nullptr;            // leaves before what was announced becomes durable
    std::span<const Receipt> done = {};  // acknowledged in the same transaction, before it
  };
  std::vector<Delivery> try_receive(const ReceiveOptions& options, const Look& look, bool* paused,
                                    bool* look_again);
  std::vector<Delivery> deliver(const std::vector<Index::Claimed>& claimed,
                                std::vector<Loaded> loaded, bool* look_again);
  class ClaimBeside;
  std::vector<Delivery> ack_and_claim(const ReceiveOptions& options,
                                      std::span<const Receipt>* done);
  bool goes_by_ones();
  std::vector<Delivery> receive_at_once(const ReceiveOptions& options);
  bool may_post(const ReceiveOptions& options, const Look& look);
  RequestBoard::Request request_of(const ReceiveOptions& options,
                                   std::span<const Receipt> done) const;
  void serve(Session& session, std::span<RequestBoard::Batch::Taken> requests);
  std::optional<RequestBoard::Answer> claim_for(Session& session,
                                                const RequestBoard::Request& request);
  std::optional<RequestBoard::Answer> acknowledge_for(Session& session,
                                                      const RequestBoard::Request& request);
  std::optional<Index::Claimed> adopt(Session& session);
  static bool move_due(Session& session);  // whether anything moved
  std::vector<Loaded> load(const std::vector<Index::Claimed>& claimed);
  bool becomes_durable(const Unsynced& unsynced);
  // Rows whose leases run, each once.
  using LeaseAct = std::function<void(Session&, std::span<Row>)>;
  enum class AfterLease : std::uint8_t { kNothing, kSync };
  enum class Verdict : std::uint8_t { kAck, kOther };
  enum class Lost : std::uint8_t { kSkip, kStop };  // kStop: one lost lease, and nothing is changed
  struct LeaseWork {  // what one transaction does to leased rows, and what is to follow
    std::vector<LeaseOutcome> outcomes;
    std::vector<Row> found;  // as the act left them
    std::uint64_t generation = 0;
    bool changed = false;
    bool tell = false;
  };
  static void act_on_leases(Session& session, std::span<const Receipt> receipts,
                            const LeaseAct& act, Lost lost, LeaseWork& work);
  std::vector<LeaseOutcome> with_leases(std::span<const Receipt> receipts, AfterLease after,
                                        Verdict verdict, const LeaseAct& act,
                                        Lost lost = Lost::kSkip,
                                        RequestBoard::Post* post = nullptr);
  // What somebody else has done. False: in an index that is not the one we have open, whose log we
  // cannot sync; to be done again.
  [[nodiscard]] bool take_answer(const RequestBoard::Answer& answer, LeaseWork& work);
  // Behind the transaction: the sync that makes it last, and all who are to hear of it.
  std::vector<LeaseOutcome> follow_leases(LeaseWork& work, AfterLease after, Verdict verdict,
                                          bool served = false);
  static void acknowledge(Session& session, std::span<Row> rows);
  void note_settled(std::size_t number);
  // With a sync, and with what follows acknowledgements.
  std::vector<LeaseOutcome> settle_leases(std::span<const Receipt> receipts, Verdict verdict,
                                          const LeaseAct& act, Lost lost = Lost::kSkip,
                                          RequestBoard::Post* post = nullptr);
  std::vector<LeaseOutcome> ack_leases(std::span<const Receipt> receipts, Lost lost);
  void drop_lost(const MessageId& id);
  void keep_corrupt(const MessageId& id, const Location& at, Damage damage);
  bool index_lies_about(const Index::Claimed& claimed);
  bool nobody_watches();
  Probe probe_of(bool watching);
  Milliseconds until_due();
  // `sleep` returns whether there is a reason to look.
  void rest_until_rung(const std::function<bool(Milliseconds)>& sleep, Milliseconds longest,
                       const ReceiveOptions& options, Waiter& waiter);

  // ---- messages leased ahead of who asks for them (queue_prefetch.cc)
  struct HeldUnder {  // what must be the same still for a lease to be believed without the index
    std::uint64_t generation = 0;
    std::uint64_t lease_epoch = 0;
    std::uint64_t settings_version = 0;
    static HeldUnder of(const layout::LockHeader& header) {
      return {header.generation, header.lease_epoch, header.settings_version};
    }
    bool operator==(const HeldUnder&) const = default;
  };
  struct Prefetched {
    Message message;
    Receipt receipt;
    Counters counters;
    HeldUnder under;
    std::int64_t until = 0;  // to be handed out before, ms since boot
  };
  static bool prefetches(const ReceiveOptions& options);
  void keep_prefetched(std::vector<Delivery>& deliveries, const HeldUnder& under,
                       std::int64_t until);  // all but the first
  std::optional<Delivery> take_prefetched();
  bool has_prefetched();
  void return_prefetched();
  void return_undelivered(std::span<const Receipt> receipts);
  void return_prefetched_at_the_end();
  bool return_prefetched_in_time();  // whether there are some left

  // ---- acknowledgements ahead of the index (queue_acks.cc)
  struct Held {
    std::uint64_t token = 0;
    Location at;
    std::int64_t due = 0;         // of the lease, ms since boot
    std::int64_t deliveries = 0;  // this one among them
    HeldUnder under;
  };
  struct EarlyAck {
    Receipt receipt;
    Held held;
    std::optional<std::uint64_t> number;  // in the log; none: it was not written
    bool stands = false;                  // nothing can have ended the lease before
  };
  bool allows_early_acks(const Settings& settings) const;
  void remember_held(std::span<const Delivery> deliveries, std::span<const Index::Claimed> claimed,
                     const HeldUnder& under);
  void forget_held(std::span<const Receipt> receipts);
  std::optional<Held> take_held(const Receipt& receipt);
  // nullopt: it is the index's. `begin` is called before the disk is asked.
  std::optional<LeaseOutcome> ack_early(const Receipt& receipt,
                                        const std::function<void()>& begin = {});
  void write_early_acks(std::span<EarlyAck* const> acks);
  bool has_ack_log();
  void wait_for_early_acks();
  std::uint64_t acks_taken_over();
  bool is_acked_in_index(const EarlyAck& ack);
  void wipe_early_ack(std::uint64_t number);
  bool may_leave_acks(const Session& session);
  void take_over_acks(Session& session);
  void take_over_acks_of(Session& session, std::span<const HandleTable::Slot> others);
  void take_over_acks_of_dead(Session& session, std::uint32_t slot);
  static void take_over(Session& session, std::span<const Receipt> receipts);
  void stop_early_acks(Session& session);
  void part_with(Session& session, std::span<const Receipt> receipts);
  std::vector<std::string> ack_files();
  std::vector<AckLog::Entry> acks_left();
  static void take_over_acks_left(Session& session, std::span<const AckLog::Entry> entries);
  void remove_ack_files();

  // ---- recovery (recovery.cc, rebuild.cc)
  static void remove_orphan_bodies(Dir& shard, const std::vector<names::SpoolName>& sorted);
  void rebuild_rows(const layout::LockHeader& header, const RebuiltFrom& from);
  void rebuild_shard(Dir& shard, const Verdicts::Known& verdicts, std::uint32_t slots,
                     RowMaker& rows);
  void move_aside(std::uint64_t generation);
  void recover_and_take_slot();
  bool boot_mark_is_current();
  void write_boot_mark(std::string_view state);
  void write_clean_mark_if_last(WriterLock::Hold& hold);
  void reconcile(WriterLock::Hold& hold);
  void reconcile_shard(WriterLock::Hold& hold, std::uint8_t shard, const Verdicts::Known& verdicts);
  struct AtOnce {  // what is harvested may be leased with its row, if it is the next one
    const LeaseRequest& request;
    std::vector<Index::Claimed>& claimed;
    std::vector<Loaded>& loaded;
    const std::function<void()>& move_due;
  };
  void harvest(Session& session, std::optional<std::uint32_t> but_slot = {},
               const AtOnce* at_once = nullptr);
  std::optional<Unsynced> harvest_ahead(Session& session, const Doorbell::Announcement& ahead,
                                        const AtOnce& at_once);
  bool is_durable(const Unsynced& unsynced);
  void announce(const SegmentWriter::Written& written);
  void harvest_segment(Session& session, const layout::HandleRecord& record, std::uint64_t limit,
                       std::uint64_t promised, std::uint64_t* end, const AtOnce* at_once = nullptr);
  bool probe_slots(Session& session);  // whether a dead handle was reaped
  void reap(Session& session, const HandleTable::Slot& slot);
  void reap_segment(Session& session, const layout::HandleRecord& record);
  bool end_file(File& file, const MessageId& id, std::uint64_t end);
  void reap_single_files(Session& session, const HandleTable::Slot& slot);
  void index_single(Session& session, Dir& shard, const names::SpoolName& name,
                    const Verdicts::Known* verdicts);
  void apply_verdict(Session& session, const MessageId& id, const Verdicts::Known& verdicts);
  void rebuild(WriterLock::Hold& hold, std::string_view why);

  // ---- maintenance (maintenance.cc)
  struct Batch;  // what one pass of maintenance works on
  Batch collect_settled(Settle which);
  void note_leftovers(Session& session);
  static void forget_rebuilt(Session& session, const Batch& batch);
  void write_verdicts(const Batch& batch);
  void remove_files(const Batch& batch);
  void punch(const FileRow& row, const std::vector<ByteRange>& ranges);
  void forget_rows(const Batch& batch);
  void background(const std::stop_token& stop);

  // ---- sweeping (queue_sweep.cc)
  bool watch_for_sweeps();
  void stop_watching();
  bool something_stirs(bool probe);
  void sweep_index(bool probe);
  bool is_removed() { return lock_.file().status().links == 0; }

  enum class Work : std::uint8_t { kSoon, kCleaning };  // kCleaning: at its next look will do
  void start_background(Work work = Work::kSoon);
  bool work_once(std::int64_t* maintained_boot_ms);
  void rest(const std::stop_token& stop, std::optional<Milliseconds> longest);
  std::size_t rows_owed();
  void seal_if_idle(std::int64_t idle_ms);
  bool segment_is_open();  // by what this handle tells the others

  // ---- fsck (fsck.cc)
  void fsck_index(std::vector<FsckFinding>& findings);
  void fsck_messages(std::vector<FsckFinding>& findings, FsckMode mode);
  void fsck_files(std::vector<FsckFinding>& findings, FsckMode mode);
  void mark_damaged(const MessageId& id, const Location& at, Damage damage);

  void why_queue(Session& session, std::vector<std::string>& reasons);
  void why_message(Session& session, const Row& row, std::vector<std::string>& reasons);
  void tell_history(std::string_view act, const Row& row);
  MessageStatus describe(Session& session, const Row& row);
  FixResult fix(std::span<const MessageId> ids, std::string_view act,
                const std::function<bool(Session&, Row&)>& change);

  const QueuePlace place_;
  const OpenOptions options_;
  const std::shared_ptr<Clock> clock_;
  std::mutex settings_mutex_;  // guards the pointer and the version
  std::shared_ptr<const Settings> settings_;
  std::uint64_t settings_version_ = 0;
  QueueDir dir_;
  Doorbell bell_;
  RequestBoard board_;
  WriterLock lock_;
  HandleTable handles_;
  Index index_;
  std::shared_mutex log_guard_;  // shared: syncing the log; alone: opening or closing the index
  SyncMeter sync_meter_;
  LogSync log_sync_;
  SpoolReader reader_;
  std::optional<IdSource> ids_;
  std::optional<SegmentWriter> segment_;
  HotCache hot_cache_;
  HotLane append_lane_;
  HotLane single_lane_;
  History history_;
  Admission admission_;
  Verdicts verdicts_;

  GroupCommit<AppendJob> appends_;
  GroupCommit<SingleJob> singles_;
  GroupCommit<EarlyAck> early_acks_;
  std::mutex ack_log_mutex_;  // of what is written there
  AckLog ack_log_;
  std::atomic<int> early_acks_in_flight_{0};
  std::atomic<bool> early_acks_refused_{false};  // by the disk: no more of them
  std::mutex held_mutex_;                        // guards the next three
  std::unordered_map<MessageId, Held> held_;
  struct Unindexed {
    Receipt receipt;
    std::int64_t due = 0;  // of its lease, ms since boot
  };
  std::deque<Unindexed> unindexed_acks_;  // durable, the last of those written
  std::uint64_t acks_written_ = 0;
  std::mutex prefetched_mutex_;                // guards the next one
  std::deque<Prefetched> prefetched_;          // in the order of delivery
  std::atomic<int> taken_alone_{0};            // messages in a row, by ones, with no company
  std::atomic<std::uint64_t> acks_synced_{0};  // so many are in the index, durably
  std::atomic<bool> wrote_segments_{false};
  std::int64_t last_send_boot_ms_ = -1'000'000;  // of the append leader

  std::mutex doubtful_mutex_;  // guards the next one
  // Tokens of claims that were asked of somebody who did not answer; he may have granted them.
  std::vector<std::uint64_t> doubtful_claims_;

  std::mutex waiters_mutex_;  // guards the two counts
  int watchers_ = 0;
  int waiters_ = 0;

  // What the last sweep saw of the index, and when it must look at it again.
  struct Swept {
    bool watches = false;  // byte 2 is ours beyond the sweep
    std::uint64_t generation = 0;
    std::uint64_t transaction = 0;
    std::int64_t next_look_boot_ms = -1'000'000;
    std::int64_t maintained_boot_ms = -1'000'000;
  };
  std::mutex sweep_mutex_;  // guards swept_; taken before every other lock
  Swept swept_;

  std::mutex maintenance_mutex_;  // byte 1 is this file description's, so threads need their own

  std::mutex pending_mutex_;         // guards pending_ and owed_
  std::deque<Pending> pending_;      // of the open segment, durable, not yet indexed, in file order
  std::vector<Pending> owed_;        // own files, likewise
  bool owed_late_ = false;           // some of them are in the hot cache without a row
  std::uint64_t singles_begun_ = 0;  // of the link leader

  std::atomic<std::int64_t> last_probe_boot_ms_{-1'000'000};
  // A sync of the log failed: rebuild before the next act.
  std::atomic<bool> index_doubtful_{false};
  std::atomic<std::uint64_t> unsynced_generation_{0};  // that of the sync of the log that failed
  std::atomic<bool> log_pinned_{false};  // the log is over its limit: sends are refused

  std::mutex background_mutex_;  // guards the flags below and the thread's start
  std::condition_variable_any background_wake_;
  bool background_work_ = false;
  enum class Rest : std::uint8_t { kNo, kAWhile, kUntilWoken };
  Rest background_rest_ = Rest::kNo;
  bool background_hurry_ = false;    // enough rows for a transaction are owed
  std::atomic<bool> closed_{false};  // no new calls
  std::atomic<bool> ended_{false};   // nor transactions: close() has done its last
  std::atomic<bool> forked_{false};
  std::atomic<std::uint64_t> settled_since_maintenance_{0};
  std::uint64_t verdicts_compacted_bytes_ = 0;  // under byte 1
  std::jthread background_thread_;
  Worker claimer_;  // of the next message, while an acknowledgement is synced
};

}  // namespace spoolmq
