#include "adapters/verdict.h"

namespace spoolmq::adapters {

Verdict verdict_of_exit(int exit_code) {
  switch (exit_code) {
    case 0:
      return Verdict::kAck;
    case 65:
    case 100:
      return Verdict::kReject;
    case 69:
      return Verdict::kPause;
    case 64:
    case 77:
    case 78:
    case kCannotRun:
    case kNoCommand:
      return Verdict::kStop;
    default:
      return Verdict::kNack;
  }
}

}  // namespace spoolmq::adapters
