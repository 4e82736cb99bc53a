#pragma once
// One connected stream socket, plain or under TLS, that never blocks. Belongs to one thread.
//   open() until it is kDone; then read_some, write_some; finish_writing() until it is kDone
// After kLater poll for events(): under TLS a read may have to wait until something can be written,
// and the other way round. After kFailed why() says it, and nothing more comes of this stream.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "adapters/descriptor.h"

namespace spoolmq::adapters {

enum class Moved : std::uint8_t {
  kDone,
  kLater,   // nothing can be moved now
  kEnd,     // the other side sends no more
  kFailed,  // why()
};

struct Transfer {
  Moved moved = Moved::kDone;
  std::size_t bytes = 0;  // with kDone, at least one
  bool is_all = false;    // of a read with kDone: most likely nothing more is there now
};

enum class Direction : std::uint8_t { kRead, kWrite };

class Stream {
 public:
  explicit Stream(Descriptor socket) : socket_(std::move(socket)) {}
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  [[nodiscard]] int descriptor() const { return socket_.number(); }
  // The handshake, where there is one.
  virtual Moved open() = 0;
  virtual Transfer read_some(std::span<char> into) = 0;
  virtual Transfer write_some(std::string_view bytes) = 0;
  // The other side learns that nothing more will be written; reading goes on.
  virtual Moved finish_writing() = 0;
  // What to poll for until open() (before it is done) or one of that direction gets further.
  [[nodiscard]] virtual short events(Direction direction) const = 0;
  // Of the certificate that the other side proved to own; empty: none was asked for.
  [[nodiscard]] virtual std::string subject() const { return {}; }

  // For a stream that is given up: our side is shut as it is, and bytes that come are thrown away
  // as they are.
  void shut() const;
  [[nodiscard]] Transfer discard_some(std::span<char> buffer) const;

  [[nodiscard]] const std::string& why() const { return why_; }

 protected:
  Moved failed(std::string why) {
    why_ = std::move(why);
    return Moved::kFailed;
  }

 private:
  Descriptor socket_;
  std::string why_;
};

std::unique_ptr<Stream> plain_stream(Descriptor socket);

}  // namespace spoolmq::adapters
