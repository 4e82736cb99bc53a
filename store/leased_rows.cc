#include "store/leased_rows.h"

#include <utility>

namespace spoolmq {

void LeasedRows::remember(std::uint64_t token, std::vector<Row> rows) {
  if (rows.empty()) return;
  const std::size_t count = rows.size();
  if (!claims_.try_emplace(token, Claim{std::move(rows), 0}).second) return;
  tokens_.push_back(token);
  rows_ += count;
  while (rows_ > kMostRows) {
    const auto oldest = claims_.find(tokens_.front());
    rows_ -= oldest->second.rows.size();
    claims_.erase(oldest);
    tokens_.pop_front();
  }
}

std::vector<const Row*> LeasedRows::run_of(std::span<const Receipt> receipts) {
  std::vector<const Row*> run;
  const auto known = claims_.find(receipts.front().token);
  if (known == claims_.end()) return run;
  for (const Receipt& receipt : receipts) {
    if (receipt.token != known->first) break;
    const Row* const row = find(known->second, receipt.id);
    if (row == nullptr || (!run.empty() && row->sequence != run.back()->sequence + 1)) break;
    run.push_back(row);
  }
  return run;
}

const Row* LeasedRows::find(Claim& claim, const MessageId& id) {
  const std::size_t size = claim.rows.size();
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t at = (claim.next + i) % size;
    if (claim.rows[at].id != id) continue;
    claim.next = at + 1;
    return &claim.rows[at];
  }
  return nullptr;
}

void LeasedRows::clear() {
  claims_.clear();
  tokens_.clear();
  rows_ = 0;
}

}  // namespace spoolmq
