#pragma once
// The body of a delivery on its way into a pipe that is never waited for. A reader that closes its
// end early is no failure. Not thread-safe.

#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "spoolmq/queue.h"

namespace spoolmq::adapters {

// Thrown where the body itself cannot be read; everything else that fails stays an Error.
class BadBody : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Pieces of a body, inline or large.
class BodyPieces {
 public:
  explicit BodyPieces(const Delivery& delivery);
  // Valid until the next call; empty at the end. Throws BadBody.
  std::string_view next();

 private:
  std::string_view inline_body_;
  std::unique_ptr<BodyReader> reader_;
  std::vector<char> piece_;
};

class BodyFeed {
 public:
  explicit BodyFeed(const Delivery& delivery);  // makes the pipe; throws Error, BadBody
  BodyFeed(const BodyFeed&) = delete;
  BodyFeed& operator=(const BodyFeed&) = delete;
  ~BodyFeed();

  [[nodiscard]] int read_end() const { return read_end_; }
  void close_read_end();  // once the command has it
  // Where poll(2) is to wait for room; -1: nothing left to write, or nobody to read it.
  [[nodiscard]] int write_end() const { return write_end_; }
  void feed();  // as much as there is room for; throws BadBody, Error

 private:
  void close_write_end();

  BodyPieces pieces_;
  std::string_view piece_;
  int read_end_ = -1;
  int write_end_ = -1;
};

}  // namespace spoolmq::adapters
