#pragma once
// Work that is done part by part. What is refused in the first part is refused as a whole; behind
// it the outcome of the whole is unknown, and the refusal is told so. Not thread-safe.

#include "spoolmq/error.h"

namespace spoolmq {

class InParts {
 public:
  template <typename Part>
  void run(const Part& part) {
    try {
      part();
    } catch (const Error& error) {
      if (!has_done_some_) throw;
      throw error.of_unknown_outcome();
    }
    has_done_some_ = true;
  }

 private:
  bool has_done_some_ = false;
};

}  // namespace spoolmq
