#include "adapters/tls_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

#include "core/check.h"

namespace spoolmq::adapters {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { OpenSsl::get().BIO_free(bio); }
};

int length_of(std::size_t bytes) {
  return static_cast<int>(std::min<std::size_t>(bytes, std::numeric_limits<int>::max()));
}

}  // namespace

std::string tls_failure() {
  const OpenSsl& openssl = OpenSsl::get();
  const unsigned long code = openssl.ERR_get_error();
  openssl.ERR_clear_error();
  if (code == 0) return "no reason was given";
  if (ERR_SYSTEM_ERROR(code)) return std::generic_category().message(ERR_GET_REASON(code));
  const char* const why = openssl.ERR_reason_error_string(code);
  return why == nullptr ? "error " + std::to_string(code) : why;
}

TlsStream::TlsStream(Descriptor socket, OwnedSsl ssl)
    : Stream(std::move(socket)), ssl_(std::move(ssl)) {
  // It writes without MSG_NOSIGNAL: SIGPIPE is ignored in every process of ours (main.cc).
  SPOOLMQ_CHECK(openssl_.SSL_set_fd(ssl_.get(), descriptor()) == 1);
}

Moved TlsStream::open() {
  openssl_.ERR_clear_error();
  const int result = openssl_.SSL_do_handshake(ssl_.get());
  if (result == 1) {
    read_events_ = POLLIN;
    write_events_ = POLLOUT;
    return Moved::kDone;
  }
  short events = 0;
  const Moved moved = refused(result, events);
  read_events_ = write_events_ = events;
  return moved == Moved::kEnd ? failed("the other side hung up in the handshake") : moved;
}

Transfer TlsStream::read_some(std::span<char> into) {
  openssl_.ERR_clear_error();
  const int got = openssl_.SSL_read(ssl_.get(), into.data(), length_of(into.size()));
  if (got > 0) {
    read_events_ = POLLIN;
    // What was decrypted already no poll tells of.
    return {Moved::kDone, static_cast<std::size_t>(got), openssl_.SSL_has_pending(ssl_.get()) == 0};
  }
  return {refused(got, read_events_)};
}

Transfer TlsStream::write_some(std::string_view bytes) {
  if (bytes.empty()) return {};
  openssl_.ERR_clear_error();
  const int taken = openssl_.SSL_write(ssl_.get(), bytes.data(), length_of(bytes.size()));
  if (taken > 0) {
    write_events_ = POLLOUT;
    return {Moved::kDone, static_cast<std::size_t>(taken)};
  }
  const Moved moved = refused(taken, write_events_);
  return {moved == Moved::kEnd ? failed("the other side has closed it") : moved};
}

Moved TlsStream::finish_writing() {
  openssl_.ERR_clear_error();
  const int result = openssl_.SSL_shutdown(ssl_.get());
  if (result < 0) {
    const Moved moved = refused(result, write_events_);
    if (moved != Moved::kDone && moved != Moved::kEnd) return moved;
  }
  if (::shutdown(descriptor(), SHUT_WR) == 0) return Moved::kDone;
  return failed(std::generic_category().message(errno));
}

std::string TlsStream::subject() const {
  X509* const certificate = openssl_.SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr || openssl_.SSL_get_verify_result(ssl_.get()) != X509_V_OK) return {};
  const std::unique_ptr<BIO, FreeBio> text(openssl_.BIO_new(openssl_.BIO_s_mem()));
  SPOOLMQ_CHECK(text != nullptr);
  // RFC 2253 with UTF-8 as it is: "CN=desk,O=Example".
  openssl_.X509_NAME_print_ex(text.get(), openssl_.X509_get_subject_name(certificate), 0,
                              XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  char* begin = nullptr;
  const long length = openssl_.BIO_ctrl(text.get(), BIO_CTRL_INFO, 0, &begin);
  return {begin, static_cast<std::size_t>(length)};
}

// What a call that returned `result` waits for, or why it failed.
Moved TlsStream::refused(int result, short& events) {
  const int system_error = errno;
  switch (openssl_.SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      events = POLLIN;
      return Moved::kLater;
    case SSL_ERROR_WANT_WRITE:
      events = POLLOUT;
      return Moved::kLater;
    case SSL_ERROR_ZERO_RETURN:
      return Moved::kEnd;
    case SSL_ERROR_SYSCALL:
      return failed(system_error == 0 ? "the connection broke"
                                      : std::generic_category().message(system_error));
    default:
      return failed(reason());
  }
}

std::string TlsStream::reason() const {
  const unsigned long code = openssl_.ERR_peek_error();
  const long verdict = openssl_.SSL_get_verify_result(ssl_.get());
  if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED &&
      verdict != X509_V_OK) {
    openssl_.ERR_clear_error();
    return std::string("the certificate is refused: ") +
           openssl_.X509_verify_cert_error_string(verdict);
  }
  if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
      ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    openssl_.ERR_clear_error();
    return "the connection broke: it ended without TLS's end";
  }
  return tls_failure();
}

}  // namespace spoolmq::adapters
