#pragma once
// Rows as they were when they were leased by this connection, so that what a running lease does not
// change need not be read again when it ends. A memory, not the truth: whoever takes a row from
// here asks the index whether the lease still runs. For one thread.

#include <cstddef>
#include <cstdint>
#include <list>
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
  // each other; they are forgotten. Finds them only where they come about as they were leased.
  std::vector<Row> take_run(std::span<const Receipt> receipts);
  void clear();

 private:
  static constexpr std::size_t kMostRows = 8192;

  struct Claim {
    std::uint64_t token = 0;
    std::vector<Row> rows;  // those that were taken have no id
    std::size_t next = 0;   // to be looked at first
    std::size_t left = 0;   // of the rows
  };
  using Claims = std::list<Claim>;
  static std::size_t find(const Claim& claim, const MessageId& id);
  void forget(Claims::iterator claim);

  Claims claims_;  // in the order in which they came
  std::unordered_map<std::uint64_t, Claims::iterator> by_token_;
  std::size_t rows_ = 0;
};

}  // namespace spoolmq
