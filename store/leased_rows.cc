#include "store/leased_rows.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace spoolmq {
namespace {

// So far from where it would be in order is a row looked for.
constexpr std::size_t kMostSteps = 16;

}  // namespace

void LeasedRows::remember(std::uint64_t token, std::vector<Row> rows) {
  if (rows.empty() || by_token_.contains(token)) return;
  const std::size_t count = rows.size();
  claims_.push_back({token, std::move(rows), 0, count});
  by_token_.emplace(token, std::prev(claims_.end()));
  rows_ += count;
  while (rows_ > kMostRows) forget(claims_.begin());
}

std::vector<Row> LeasedRows::take_run(std::span<const Receipt> receipts) {
  std::vector<Row> run;
  const auto known = by_token_.find(receipts.front().token);
  if (known == by_token_.end()) return run;
  Claim& claim = *known->second;
  for (const Receipt& receipt : receipts) {
    if (receipt.token != claim.token) break;
    const std::size_t at = find(claim, receipt.id);
    if (at == claim.rows.size()) break;
    Row& row = claim.rows[at];
    if (!run.empty() && row.sequence != run.back().sequence + 1) break;
    claim.next = at + 1;
    --claim.left;
    run.push_back(std::exchange(row, {}));
  }
  if (claim.left == 0) forget(known->second);
  return run;
}

// Where it is, or how many there are.
std::size_t LeasedRows::find(const Claim& claim, const MessageId& id) {
  const std::size_t size = claim.rows.size();
  if (id.is_nil()) return size;
  for (std::size_t i = 0; i < std::min(size, kMostSteps); ++i) {
    const std::size_t at = (claim.next + i) % size;
    if (claim.rows[at].id == id) return at;
  }
  return size;
}

void LeasedRows::forget(Claims::iterator claim) {
  rows_ -= claim->rows.size();
  by_token_.erase(claim->token);
  claims_.erase(claim);
}

void LeasedRows::clear() {
  claims_.clear();
  by_token_.clear();
  rows_ = 0;
}

}  // namespace spoolmq
