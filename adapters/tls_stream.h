#pragma once
// One connection under TLS. Private to tls.cc and tls_stream.cc.

#include <poll.h>

#include "adapters/openssl_library.h"
#include "adapters/stream.h"

namespace spoolmq::adapters {

struct FreeSsl {
  void operator()(SSL* ssl) const { OpenSsl::get().SSL_free(ssl); }
};
using OwnedSsl = std::unique_ptr<SSL, FreeSsl>;

class TlsStream final : public Stream {
 public:
  // `ssl` knows whether it accepts or connects, and has no descriptor yet.
  TlsStream(Descriptor socket, OwnedSsl ssl);

  Moved open() override;
  Transfer read_some(std::span<char> into) override;
  Transfer write_some(std::string_view bytes) override;
  Moved finish_writing() override;
  [[nodiscard]] short events(Direction direction) const override {
    return direction == Direction::kRead ? read_events_ : write_events_;
  }
  [[nodiscard]] std::string subject() const override;

 private:
  Moved refused(int result, short& events);
  [[nodiscard]] std::string reason() const;

  const OpenSsl& openssl_ = OpenSsl::get();
  OwnedSsl ssl_;
  short read_events_ = POLLIN;
  short write_events_ = POLLOUT;
};

// The oldest failure that this thread's OpenSSL has to tell; the others are forgotten.
std::string tls_failure();

}  // namespace spoolmq::adapters
