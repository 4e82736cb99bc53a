#pragma once
// What a process that is killed in its transaction leaves of the requests it has taken: nobody ends
// the batch. (Kept where the leak sanitizer finds it.)

#include <vector>

#include "store/request_board.h"

namespace spoolmq::test {

inline RequestBoard::Batch& killed_batch(RequestBoard& board) {
  static auto* const all = new std::vector<RequestBoard::Batch*>;
  return *all->emplace_back(new RequestBoard::Batch(board));
}

}  // namespace spoolmq::test
