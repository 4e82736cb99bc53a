// The index's part in receiving: claims, verdicts, and what time does to messages.
#include <algorithm>

#include "core/id_source.h"
#include "store/index.h"
#include "store/index_statements.h"
#include "store/leased_rows.h"
#include "store/runs.h"

namespace spoolmq {
namespace {

// Doubling from `backoff` up to `backoff_max`, ±20 % so that a failed batch does not return at
// once.
std::int64_t backoff_ms(std::int64_t failures, const Settings& settings) {
  std::int64_t delay = settings.backoff.count();
  for (std::int64_t i = 1; i < failures && delay < settings.backoff_max.count(); ++i) delay *= 2;
  delay = std::min(delay, settings.backoff_max.count());
  const std::int64_t spread = delay / 5;
  if (spread == 0) return delay;
  const auto random = static_cast<std::int64_t>(random_bits() >> 2);
  return delay - spread + random % (2 * spread + 1);
}

// What neither a key's next one nor verdicts.log has to hear of.
bool is_plain(const Row& row) { return row.order_key.empty() && (row.flags & kRowVerdict) == 0; }

void end_lease(Row& row) {
  row.token = 0;
  row.holder = 0;
  row.lease_wall_ms = 0;
  row.lease_length_ms = 0;
  row.due = 0;
}

}  // namespace

void Index::lease(Row& row, const LeaseRequest& request, const Now& now, std::uint64_t token) {
  row.counters.deliveries += 1;
  row.token = token | 1;  // never 0
  row.holder = request.holder;
  row.due = now.boot_ms + request.length_ms;
  row.lease_wall_ms = request.holder == 0 ? now.wall_ms + request.length_ms : 0;
  row.lease_length_ms = request.length_ms;
}

std::vector<Index::Claimed> Index::claim(const LeaseRequest& request, const Now& now) {
  Stmt& select = request.from.empty() ? sql_->claim : sql_->claim_from;
  select.bind(1, static_cast<std::int64_t>(request.max));
  if (!request.from.empty()) select.bind(2, request.from);
  std::vector<Row> rows = read_rows(select);
  if (rows.empty()) return {};
  const std::uint64_t token = request.token != 0 ? request.token : random_bits();
  std::vector<std::int64_t> plain;
  std::vector<Row> remembered;
  for (Row& row : rows) {
    lease(row, request, now, token);
    if (!is_plain(row)) {
      set_state(row, RowState::kLeased);
      continue;
    }
    count_state(row, RowState::kLeased);
    plain.push_back(row.sequence);
    if (request.token == 0) remembered.push_back(row);
  }
  if (!remembered.empty()) leased_->remember(token | 1, std::move(remembered));
  for_each_run(plain, [&](const Run& run) {
    const Row& one = rows.front();  // all got the same
    sql_->lease_run.bind(1, run.first)
        .bind(2, run.last)
        .bind(3, one.due)
        .bind(4, static_cast<std::int64_t>(one.token))
        .bind_or_null(5, static_cast<std::int64_t>(one.holder))
        .bind_or_null(6, one.lease_wall_ms)
        .bind_or_null(7, one.lease_length_ms)
        .run();
  });
  std::vector<Claimed> claimed;
  claimed.reserve(rows.size());
  for (Row& row : rows) {
    Location at = location(row);
    claimed.push_back({std::move(row), at});
  }
  return claimed;
}

std::optional<Index::Claimed> Index::claimed_with(std::uint64_t token, std::uint64_t holder,
                                                  const Now& now) {
  std::vector<Row> rows = read_rows(sql_->leases_of.bind_u64(1, holder));
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) {
    return row.token == (token | 1) && row.due > now.boot_ms;
  });
  if (found == rows.end()) return std::nullopt;
  const Location at = location(*found);
  return Claimed{std::move(*found), at};
}

std::size_t Index::move_due(const Now& now, const Settings& settings, std::vector<Row>* deaths) {
  std::size_t moved = 0;
  const auto has = [this](RowState state) { return count(state).messages != 0; };
  const auto due = [this](bool any, Stmt& rows, std::int64_t clock_ms) {
    return any ? read_rows(rows.bind(1, clock_ms)) : std::vector<Row>();
  };
  for (Row& row : due(has(RowState::kDelayed), sql_->delayed_due, now.wall_ms)) {
    row.due = 0;
    RowState next = ready_or_behind(row);
    if (next == RowState::kReady && settings.order_on_dead == OrderOnDead::kStop &&
        !row.order_key.empty() && key_stopped_by_dead(row.order_key)) {
      next = RowState::kBehind;
    }
    set_state(row, next);
    ++moved;
  }
  for (Row& row : due(has(RowState::kLeased), sql_->leases_over, now.boot_ms)) {
    nack(row, now, settings, "lease expired", 0, deaths);
    ++moved;
  }
  const bool any_waits = has(RowState::kReady) || has(RowState::kBehind) || has(RowState::kDelayed);
  for (Row& row : due(any_waits, sql_->expired, now.wall_ms)) {
    // The one before it of its order key, which has just died, may have let it go ahead.
    if (!row.order_key.empty()) row = find(row.id).value();
    kill(row, "expired", now, settings.order_on_dead);
    if (deaths != nullptr) deaths->push_back(row);
    ++moved;
  }
  return moved;
}

std::optional<std::int64_t> Index::next_due_in(const Now& now) {
  std::optional<std::int64_t> soonest;
  const auto consider = [&](Stmt& first, std::int64_t clock_ms) {
    const std::optional<std::int64_t> in = first_in(first, clock_ms);
    if (in) soonest = soonest ? std::min(*soonest, *in) : *in;
  };
  consider(sql_->next_lease, now.boot_ms);
  consider(sql_->next_delayed, now.wall_ms);
  consider(sql_->next_expiry, now.wall_ms);
  return soonest;
}

std::optional<std::int64_t> Index::first_in(Stmt& first, std::int64_t clock_ms) {
  const StmtScope scope(first);
  if (!first.step()) return std::nullopt;
  return std::max<std::int64_t>(first.amount(0) - clock_ms, 0);
}

std::optional<std::int64_t> Index::next_delayed_in(const Now& now) {
  return first_in(sql_->next_delayed, now.wall_ms);
}

std::optional<std::int64_t> Index::next_archived_in(const Now& now) {
  return first_in(sql_->next_archived, now.wall_ms);
}

std::size_t Index::end_leases_of(std::uint64_t holder, const Now& now, const Settings& settings,
                                 std::vector<Row>* deaths) {
  std::vector<Row> rows = read_rows(sql_->leases_of.bind_u64(1, holder));
  for (Row& row : rows) nack(row, now, settings, "its holder died", 0, deaths);
  return rows.size();
}

void Index::release_leases_of(std::uint64_t holder) {
  for (Row& row : read_rows(sql_->leases_of.bind_u64(1, holder))) release(row);
}

void Index::end_bound_leases(const Now& now, const Settings& settings, std::vector<Row>* deaths) {
  for (Row& row : read_rows(sql_->all_leases)) {
    if (row.holder != 0) nack(row, now, settings, "lease ended with the boot", 0, deaths);
  }
}

void Index::convert_leases(const Now& now, const Settings& settings, std::vector<Row>* deaths) {
  for (Row& row : read_rows(sql_->all_leases)) {
    const std::int64_t left =
        std::clamp<std::int64_t>(row.lease_wall_ms - now.wall_ms, 0, row.lease_length_ms);
    if (left == 0) {
      nack(row, now, settings, "lease ended with the boot", 0, deaths);
    } else {
      row.due = now.boot_ms + left;
      write(row);
    }
  }
}

// A wall clock that went back with the boot must not make anybody wait longer than was asked for.
void Index::clamp_times(const Now& now) {
  Stmt delays =
      db_.prepare("UPDATE m SET due=?1+span WHERE state=4 AND span IS NOT NULL AND due>?1+span");
  delays.bind(1, now.wall_ms).run();
  Stmt expiries = db_.prepare(
      "UPDATE m SET expires=?1+(expires-sent) WHERE expires IS NOT NULL AND state IN (1,3,4) AND "
      "sent>?1");
  expiries.bind(1, now.wall_ms).run();
}

Index::Found Index::find_lease(const Receipt& receipt, const Now& now) {
  std::optional<Row> row = find(receipt.id);
  if (!row || row->token != receipt.token) return {};
  const bool settled = row->state == RowState::kAcked || row->state == RowState::kGone ||
                       row->state == RowState::kArchived;
  if (settled) return {LeaseOutcome::kRepeated, std::nullopt};
  if (row->state != RowState::kLeased || row->due <= now.boot_ms) return {};
  return {LeaseOutcome::kDone, std::move(row)};
}

std::vector<Index::Found> Index::find_leases(std::span<const Receipt> receipts, const Now& now) {
  std::vector<Found> found;
  found.reserve(receipts.size());
  while (found.size() < receipts.size()) {
    std::vector<Row> run = leased_->take_run(receipts.subspan(found.size()));
    const std::size_t end = found.size() + std::max<std::size_t>(run.size(), 1);
    if (!run.empty()) find_as_leased(run, now, found);
    while (found.size() < end) found.push_back(find_lease(receipts[found.size()], now));
  }
  return found;
}

// As many of them as still are what they were, from the front.
void Index::find_as_leased(std::span<Row> run, const Now& now, std::vector<Found>& found) {
  Stmt& rows = sql_->leased_run;
  const StmtScope scope(rows);
  rows.bind(1, run.front().sequence).bind(2, run.back().sequence);
  rows.bind_u64(3, run.front().token);
  for (Row& row : run) {
    if (!rows.step() || rows.integer(0) != row.sequence || rows.id(1) != row.id) return;
    row.due = rows.amount(2);
    row.lease_wall_ms = rows.amount(3);
    row.lease_length_ms = std::max<std::int64_t>(rows.amount(4), 0);
    if (row.due <= now.boot_ms) {
      found.push_back({});
    } else {
      found.push_back({LeaseOutcome::kDone, std::move(row)});
    }
  }
}

void Index::ack_leased(std::span<Row> rows, const Now& now, std::int64_t archive_ms) {
  std::vector<std::int64_t> plain;
  for (Row& row : rows) {
    if (archive_ms > 0 || !is_plain(row)) {
      ack(row, now, archive_ms);
      continue;
    }
    ++totals_.acked;
    count_state(row, RowState::kAcked);
    add_live(row.file, -1);
    plain.push_back(row.sequence);
  }
  for_each_run(plain, [&](const Run& run) {
    sql_->ack_run.bind(1, run.first).bind(2, run.last).bind(3, now.wall_ms).run();
  });
}

// The token stays in the row, so that the same receipt may be acknowledged twice.
void Index::ack(Row& row, const Now& now, std::int64_t archive_ms) {
  ++totals_.acked;
  row.holder = 0;
  row.lease_wall_ms = 0;
  row.lease_length_ms = 0;
  if (archive_ms > 0) {
    row.due = now.wall_ms + archive_ms;
    set_state(row, RowState::kArchived);
  } else {
    row.due = now.wall_ms;
    set_state(row, RowState::kAcked);
    add_live(row.file, -1);
  }
  promote(row.order_key);
}

void Index::nack(Row& row, const Now& now, const Settings& settings, std::string_view reason,
                 std::optional<std::int64_t> delay_ms, std::vector<Row>* deaths) {
  end_lease(row);
  count_failure(row);
  if (!reason.empty()) row.reason = reason;
  if (row.counters.failures >= settings.max_failures) {
    kill(row, reason.empty() ? std::string("max_failures") : "max_failures: " + std::string(reason),
         now, settings.order_on_dead);
    if (deaths != nullptr) deaths->push_back(row);
    return;
  }
  const std::int64_t delay = delay_ms.value_or(backoff_ms(row.counters.failures, settings));
  if (delay > 0) {
    row.due = now.wall_ms + delay;
    row.lease_length_ms = delay;
    set_state(row, RowState::kDelayed);
  } else {
    set_state(row, RowState::kReady);  // a leased message is the head of its key
  }
}

void Index::reject(Row& row, std::string_view reason, const Now& now, OrderOnDead order) {
  count_failure(row);
  kill(row, reason, now, order);
}

void Index::count_failure(Row& row) {
  ++row.counters.failures;
  ++totals_.failures;
}

void Index::release(Row& row) {
  end_lease(row);
  set_state(row, RowState::kReady);
}

void Index::extend(Row& row, const Now& now, std::int64_t length_ms) {
  row.due = now.boot_ms + length_ms;
  row.lease_length_ms = length_ms;
  if (row.holder == 0) row.lease_wall_ms = now.wall_ms + length_ms;
  write(row);
}

void Index::kill(Row& row, std::string_view reason, const Now& now, OrderOnDead order) {
  if (row.state != RowState::kDead) ++totals_.dead;
  end_lease(row);
  row.due = now.wall_ms;
  row.reason = reason;
  row.flags |= kRowVerdict;
  set_state(row, RowState::kDead);
  if (order == OrderOnDead::kContinue) promote(row.order_key);
}

}  // namespace spoolmq
