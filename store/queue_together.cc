// One queue's part in work over several (spoolmq/topic.h): its messages get their places before
// the commit point, when nothing has happened yet, and their bytes behind it.
#include <algorithm>

#include "core/log.h"
#include "core/record_codec.h"
#include "store/own_file.h"
#include "store/queue_impl.h"

namespace spoolmq {
namespace {

constexpr int kMostSettleTries = 3;

}  // namespace

QueueImpl::Parcel QueueImpl::accept(std::vector<Message> messages, const SendOptions& options,
                                    Refusals refusals) {
  Settings settings = this->settings();
  if (settings.capacity == 0 && refusals == Refusals::kAsUsual) {
    throw Error(ErrorCode::kConfiguration, "send", name(),
                "a rendezvous (capacity 0) cannot be one of several queues");
  }
  // Waiting for room would keep the places in the other queues.
  settings.overflow = Overflow::kReject;
  if (refusals == Refusals::kNone) {
    settings.capacity = kUnbounded;
    settings.max_bytes = kUnbounded;
    settings.check = BodyCheck::kNone;
  }
  Parcel parcel = accept(std::move(messages), options, settings, refusals);
  for (Outgoing& one : parcel.outgoing) one.message.body = {};
  return parcel;
}

void QueueImpl::put(Parcel& parcel, Bodies bodies) {
  for (std::size_t i = 0; i < parcel.outgoing.size(); ++i) {
    Outgoing& one = parcel.outgoing[i];
    if (!one.body) one.message.body = *bodies[i];
  }
  write_out(parcel);
  ring_for(parcel.outgoing);
}

void QueueImpl::decline(Parcel& parcel) {
  std::vector<Outgoing*> all;
  for (Outgoing& one : parcel.outgoing) all.push_back(&one);
  return_reservations(all);
}

QueueImpl::Draft QueueImpl::draft(Parcel& parcel, const std::string& body, const MessageId& file) {
  Outgoing& one = parcel.outgoing.front();
  const Format format = parcel.options.format.value_or(parcel.settings.format);
  Draft draft{std::make_unique<NewFile>(dir_, file.shard(), handles_), {}, one.flags};
  one.message.body = body;
  std::vector<std::byte> bytes;
  draft.at = encode_own_file(
      {file, format == Format::kXml ? names::SpoolKind::kXml : names::SpoolKind::kBinary,
       handles_.incarnation(), clock_->wall_ms()},
      one.message, one.flags, bytes);
  one.message.body = {};
  draft.file->file().write_at(bytes, 0);
  sync_meter_.time([&] { draft.file->file().sync_data(); });
  return draft;
}

bool QueueImpl::put_link(Parcel& parcel, const std::string& body, const Sealed& sealed) {
  Outgoing& one = parcel.outgoing.front();
  if (one.result.duplicate) return true;
  const Format format = parcel.options.format.value_or(parcel.settings.format);
  const std::string name = names::spool_file(sealed.at.file, sealed.at.kind);
  Dir& shard = dir_.shard(sealed.at.file.shard());
  // An earlier attempt may have been cut off behind its link.
  const auto named = shard.status(name);
  const bool is_there = named && named->inode == sealed.status.inode;
  if (!is_there) {
    const bool is_alike = dir_.is_alike(sealed.status) && one.flags == sealed.flags &&
                          (format == Format::kXml) == (sealed.at.kind == names::SpoolKind::kXml);
    if (!is_alike || !shard.link_from(sealed.dir, sealed.name, name)) return false;
  }
  sync_meter_.time([&] { shard.sync(); });
  one.message.body = body;
  const bool os = (one.flags & record::kOsDurability) != 0;
  const Pending row{Entry::of(one.message, sealed.at, os ? Durability::kOs : Durability::kSync), 0,
                    one.reserved};
  one.message.body = {};
  // Nobody who reaps this handle looks for the file: the row must be there before the intent goes.
  transact(layout::Purpose::kSend, [&](Session& session) {
    insert_pending(session);  // what was sent before has its place before
    insert_rows(session, {row}, 0);
    session.after_commit.push_back([this] { hot_cache_.tell_break(); });
  });
  ring_for(parcel.outgoing);
  return true;
}

std::vector<LeaseOutcome> QueueImpl::look_at_leases(std::span<const Receipt> receipts) {
  std::vector<LeaseOutcome> outcomes;
  transact(layout::Purpose::kAcknowledge, [&](Session& session) {
    outcomes.clear();
    for (const Receipt& one : receipts) {
      outcomes.push_back(session.index.find_lease(one, session.now).outcome);
    }
  });
  return outcomes;
}

void QueueImpl::settle(std::span<const Receipt> receipts) {
  if (forked_ || closed_) refuse_after_fork();
  forget_held(receipts);
  for (int tries = 1;; ++tries) {
    std::uint64_t generation = 0;
    std::vector<Row> told;
    transact(layout::Purpose::kAcknowledge, [&](Session& session) {
      told.clear();
      harvest(session);
      for (const Receipt& receipt : receipts) {
        std::optional<Row> row = session.index.find(receipt.id);
        // Not corrupt ones either: their bytes are kept for whoever looks into them.
        if (!row || row->state >= RowState::kCorrupt) continue;
        if (row->state == RowState::kLeased && row->token != receipt.token)
          stop_early_acks(session);
        row->token = receipt.token;
        session.index.ack(*row, session.now, session.settings.archive.count());
        if (session.settings.history == HistoryLevel::kAll) told.push_back(std::move(*row));
      }
      generation = session.index.generation();
    });
    sync_log();
    if (lock_.peek().generation == generation) {
      for (const Row& row : told) tell_history("acked", row);
      break;
    }
    // The index was rebuilt between commit and sync, from files that are all there still.
    if (tries == kMostSettleTries) {
      throw Error(ErrorCode::kIo, "ack", name(), "the index is rebuilt again and again");
    }
  }
  settled_since_maintenance_ += receipts.size();
  start_background();
  bell_.ring();
}

}  // namespace spoolmq
