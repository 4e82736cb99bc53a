#pragma once
// Streams under TLS 1.2 or 1.3 (OpenSSL 3). A context holds certificates and rules, and serves any
// number of streams of one thread. What costs memory or time for nobody's good is off: sessions to
// be resumed, renegotiation, compression; buffers go while a connection is idle.

#include <memory>
#include <string>

#include "adapters/stream.h"

// OpenSSL's own types, so that its headers stay in tls.cc.
struct ssl_ctx_st;

namespace spoolmq::adapters {

struct TlsFiles {
  std::string certificate;  // PEM: ours, then those between it and a root; empty: none
  std::string key;          // PEM
  std::string authorities;  // PEM: who may have signed the other side's
};

class TlsContext {
 public:
  // Whoever connects must show a certificate where there are `authorities`. Throws
  // Error(kConfiguration), naming the file.
  static TlsContext server(const TlsFiles& files);
  // Who answers must show one, signed by `authorities`, or by the system's where that is empty.
  static TlsContext client(const TlsFiles& files);

  [[nodiscard]] std::unique_ptr<Stream> accept(Descriptor socket) const;
  // `name`: the host name or numeric address that the certificate must be for.
  [[nodiscard]] std::unique_ptr<Stream> connect(Descriptor socket, const std::string& name) const;

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  using Context = std::unique_ptr<ssl_ctx_st, Free>;
  explicit TlsContext(Context context) : context_(std::move(context)) {}

  Context context_;
};

}  // namespace spoolmq::adapters
