#pragma once
// What a refusal of the queues is to a STOMP client.

#include <exception>
#include <string>

#include "spoolmq/error.h"

namespace spoolmq::adapters {

// One line for an ERROR: on what, and why.
inline std::string told(const std::exception& error) {
  const Error* const known = dynamic_cast<const Error*>(&error);
  return known == nullptr ? error.what() : known->subject() + ": " + known->why();
}

// Nothing was accepted, and the same may be tried again.
inline bool may_be_repeated(const std::exception& error) {
  const Error* const known = dynamic_cast<const Error*>(&error);
  return known != nullptr &&
         (known->code() == ErrorCode::kTryAgain || known->code() == ErrorCode::kOsResource);
}

}  // namespace spoolmq::adapters
