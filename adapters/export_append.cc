#include "adapters/export_append.h"

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

using Outcome = ExportItem::Outcome;

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kLookEveryMs = 1000;

}  // namespace

AppendWriter::AppendWriter(const ExportPlace& place, const ExportSettings& settings)
    : queue_(place.queue),
      target_(place.target),
      clock_(place.clock),
      settings_(settings),
      identity_(place.identities, identify(place.target)),
      file_(place.target, ExportAccess::of(settings)) {
  remove_leftovers();
}

void AppendWriter::remove_leftovers() {
  std::vector<MessageId> gone;
  for (const MessageId& id : identity_.ids()) {
    const auto status = queue_.status(id);
    if (!status || status->state == State::kArchived) gone.push_back(id);
  }
  identity_.forget(gone);
  for (const AppendIdentity::KnownFile& known : identity_.known_files()) {
    const auto status = target_.status(known.name);
    if (!status || status->inode != known.inode) identity_.forget_file(known.name);
  }
}

void AppendWriter::settled(std::span<const MessageId> ids) {
  acked_.insert(acked_.end(), ids.begin(), ids.end());
}

void AppendWriter::idle(const KeepGoing& keep_going) {
  identity_.forget(std::exchange(acked_, {}));
  const std::int64_t now = clock_.boot_ms();
  if (settings_.rotate_every.count() == 0 || now - looked_boot_ms_ < kLookEveryMs) return;
  looked_boot_ms_ = now;
  const auto status = target_.status(settings_.name.render_at(clock_.wall_ms()));
  if (!status || status->size == 0 || !open(keep_going)) return;
  if (is_old()) file_.put_aside();
  file_.close();
}

bool AppendWriter::open(const KeepGoing& keep_going) {
  if (!file_.open(settings_.name.render_at(clock_.wall_ms()), keep_going)) return false;
  settle_file();
  return true;
}

bool AppendWriter::write(std::span<ExportItem> items, const KeepGoing& keep_going) {
  if (!open(keep_going)) return false;
  for (ExportItem& item : items) {
    item.name = file_.name();
    const auto row = identity_.find(item.delivery.message().id);
    if (!row || row->redrives != item.delivery.counters().redrives || !was_written(*row)) continue;
    item.name = row->name;
    item.end(Outcome::kExported);
  }
  const bool finished = append(items, keep_going);
  target_.sync();
  file_.close();
  return finished;
}

// ---- What a cut left

// Whoever wrote a group that is not known to be whole is gone: we hold the lock.
void AppendWriter::settle_file() {
  const bool is_other = settled_inode_ != file_.inode();
  if (is_other || file_.file().status().size < settled_end_) settled_end_ = 0;
  settled_inode_ = file_.inode();
  for (const std::uint64_t start : identity_.groups(file_.inode(), settled_end_)) {
    settle_group(file_.file(), file_.inode(), start);
  }
  settled_end_ = std::max(settled_end_, file_.file().status().size);
}

// True: it is there, and synced.
bool AppendWriter::settle_group(File& file, std::uint64_t inode, std::uint64_t start) {
  const std::vector<MessageId> ids = identity_.group(inode, start);
  AppendComparison comparison(file, start);
  const Known known = compare(ids, comparison);
  if (known == Known::kAll && comparison.is_whole()) {
    file.sync();
    return true;
  }
  if (file.status().size > start && known != Known::kGone) {
    if (known == Known::kAll && comparison.is_torn()) {
      file.truncate(start);
    } else {
      log::warn("what a cut left in a file could not be cut off", {{"offset", start}});
    }
  }
  file.sync();  // gone for good before the rows that know of it
  identity_.forget(ids);
  return false;
}

AppendWriter::Known AppendWriter::compare(std::span<const MessageId> ids,
                                          AppendComparison& comparison) {
  for (const MessageId& id : ids) {
    try {
      const auto message = queue_.load(id);
      if (!message) return Known::kGone;
      read_appended(
          *message, [&] { return queue_.open_body(*message); }, settings_.separator,
          [&](std::span<const std::byte> bytes) {
            comparison.expect(bytes);
            return true;
          });
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kBadData) return Known::kDamaged;
      throw;
    }
  }
  return Known::kAll;
}

bool AppendWriter::was_written(const AppendRow& row) {
  if (row.inode == file_.inode()) return true;  // settled, and the row is still there
  std::string name = row.name;
  if (const auto status = target_.status(name); !status || status->inode != row.inode) {
    name.clear();
    target_.list([&](std::string_view there) {
      const auto found = target_.status(there);
      if (found && found->inode == row.inode) name = there;
      return name.empty();
    });
  }
  const auto file = name.empty() ? nullptr : target_.open(name, Access::kReadWrite);
  if (file != nullptr) return settle_group(*file, row.inode, row.start);
  identity_.forget(identity_.group(row.inode, row.start));
  return false;
}

// ---- New groups

bool AppendWriter::is_room_for(std::uint64_t size, std::uint64_t more) const {
  return size == 0 || settings_.rotate_size == 0 || size + more <= settings_.rotate_size;
}

bool AppendWriter::is_old() {
  if (settings_.rotate_every.count() == 0) return false;
  const FileStatus status = file_.file().status();
  if (status.size == 0) return false;
  auto since_ms = identity_.since(file_.name(), file_.inode());
  if (!since_ms) {  // somebody else's first byte
    since_ms = status.mtime_ns / kNsPerMs;
    identity_.set_since(file_.name(), file_.inode(), *since_ms);
  }
  const std::int64_t now_ms = clock_.wall_ms();
  if (*since_ms > now_ms) {  // the clock was set back: it is as old as it can be told to be
    since_ms = now_ms;
    identity_.set_since(file_.name(), file_.inode(), now_ms);
  }
  return now_ms - *since_ms >= settings_.rotate_every.count();
}

bool AppendWriter::put_aside(const KeepGoing& keep_going) {
  file_.put_aside();
  return open(keep_going);
}

// A group ends where the file is to be put aside, and a large body is one of its own.
bool AppendWriter::append(std::span<ExportItem> items, const KeepGoing& keep_going) {
  if (is_old() && !put_aside(keep_going)) return false;
  std::vector<ExportItem*> group;
  std::uint64_t size = file_.file().status().size;
  for (ExportItem& item : items) {
    if (!item.is_pending()) continue;
    const Message& message = item.delivery.message();
    const std::uint64_t more = most_appended(message, settings_.separator);
    const bool has_room = is_room_for(size, more);
    if (!has_room || message.large_body) {
      if (!append_group(std::exchange(group, {}), keep_going)) return false;
    }
    if (!has_room) {
      if (!put_aside(keep_going)) return false;
      size = file_.file().status().size;
    }
    group.push_back(&item);
    size += more;
    if (message.large_body && !append_group(std::exchange(group, {}), keep_going)) return false;
  }
  return append_group(group, keep_going);
}

bool AppendWriter::append_group(std::span<ExportItem* const> group, const KeepGoing& keep_going) {
  if (group.empty()) return true;
  File& file = file_.file();
  const std::uint64_t start = file.status().size;
  std::vector<AppendRow> rows;
  for (const ExportItem* item : group) {
    rows.push_back({item->delivery.message().id, item->delivery.counters().redrives, file_.name(),
                    file_.inode(), start});
  }
  if (start == 0 && settings_.rotate_every.count() > 0) {
    identity_.set_since(file_.name(), file_.inode(), clock_.wall_ms());
  }
  settled_end_ = start;
  identity_.record(rows, acked_);
  acked_.clear();
  std::uint64_t at = start;
  bool told_to_end = false;
  const auto write_piece = [&](std::span<const std::byte> bytes) {
    file.write_at(bytes, at);
    at += bytes.size();
    told_to_end = !keep_going();
    return !told_to_end;
  };
  try {
    for (ExportItem* item : group) {
      if (!read_appended(
              item->delivery.message(), [&] { return item->delivery.open_body(); },
              settings_.separator, write_piece)) {
        break;
      }
    }
    if (!told_to_end) file.sync();
  } catch (const Error& error) {
    cut_back(group, start);
    if (error.code() != ErrorCode::kBadData) throw;
    group.front()->end(Outcome::kBad, error.what());  // only a large body is checked that late
    return true;
  }
  if (told_to_end) {
    cut_back(group, start);
    return false;
  }
  settled_end_ = at;
  for (ExportItem* item : group) {
    item->name = file_.name();
    item->end(Outcome::kExported);
  }
  return true;
}

// Where this fails, the rows stay, and whoever opens the file next settles it.
void AppendWriter::cut_back(std::span<ExportItem* const> group, std::uint64_t start) {
  try {
    file_.file().truncate(start);
    file_.file().sync();
    std::vector<MessageId> ids;
    for (const ExportItem* item : group) ids.push_back(item->delivery.message().id);
    identity_.forget(ids);
  } catch (const Error& error) {
    log::debug("could not cut off what was written", {{"why", error.what()}});
  }
}

}  // namespace spoolmq::adapters
