#pragma once
// Rows as they were when they were leased by this connection, so that what a running lease does not
// change need not be read again when it ends. A memory, not the truth: whoever takes a row from
// here asks the index whether the lease still runs. For one thread.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <unordered_map>
#include <vector>

#include "store/index.h"

namespace spoolmq {

class LeasedRows {
 public:
  // All leased with one token. The oldest are forgotten where there get to be many.
  void remember(std::uint64_t token, std::vector<Row> rows);
  // Of the first of them, as many as are known here, share a token and have numbers that follow
  // each other. Valid until remember() or clear(). Cheap where they come as they were leased.
  std::vector<const Row*> run_of(std::span<const Receipt> receipts);
  void clear();

 private:
  static constexpr std::size_t kMostRows = 8192;

  struct Claim {
    std::vector<Row> rows;
    std::size_t next = 0;  // to be looked at first
  };
  static const Row* find(Claim& claim, const MessageId& id);

  std::unordered_map<std::uint64_t, Claim> claims_;
  std::deque<std::uint64_t> tokens_;  // in the order in which they came
  std::size_t rows_ = 0;
};

}  // namespace spoolmq
