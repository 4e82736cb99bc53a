#include "adapters/tls.h"

#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cerrno>
#include <new>
#include <system_error>

#include "adapters/openssl_library.h"
#include "adapters/tls_stream.h"
#include "core/check.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr mode_t kOthers = S_IRWXO;

[[noreturn]] void refuse(const std::string& file, const std::string& why) {
  throw Error(ErrorCode::kConfiguration, "set up TLS", file, why);
}

// OpenSSL takes an unreadable file for an empty one here and there.
void look_at(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) refuse(file, std::generic_category().message(errno));
  if (!S_ISREG(status.st_mode)) refuse(file, "it is not a file");
}

void refuse_open_key(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) == 0 && (status.st_mode & kOthers) != 0) {
    refuse(file, "others may use this private key: chmod o-rwx");
  }
}

void load_own(SSL_CTX& context, const TlsFiles& files) {
  if (files.certificate.empty()) return;
  look_at(files.certificate);
  look_at(files.key);
  refuse_open_key(files.key);
  const OpenSsl& openssl = OpenSsl::get();
  if (openssl.SSL_CTX_use_certificate_chain_file(&context, files.certificate.c_str()) != 1) {
    refuse(files.certificate, tls_failure());
  }
  if (openssl.SSL_CTX_use_PrivateKey_file(&context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    refuse(files.key, tls_failure());
  }
}

void load_authorities(SSL_CTX& context, const std::string& file) {
  look_at(file);
  if (OpenSsl::get().SSL_CTX_load_verify_file(&context, file.c_str()) != 1) {
    refuse(file, tls_failure());
  }
}

void set_rules(SSL_CTX& context) {
  const OpenSsl& openssl = OpenSsl::get();
  openssl.SSL_CTX_ctrl(&context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, nullptr);
  openssl.SSL_CTX_set_options(&context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                            SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
  openssl.SSL_CTX_set_num_tickets(&context, 0);
  openssl.SSL_CTX_ctrl(&context, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, nullptr);
  openssl.SSL_CTX_ctrl(&context, SSL_CTRL_MODE,
                       SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                           SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER,
                       nullptr);
}

// A password that nobody is there to type would be waited for at a terminal.
int no_password(char* /*into*/, int /*size*/, int /*writing*/, void* /*unused*/) { return -1; }

SSL_CTX* new_context(const SSL_METHOD* method) {
  const OpenSsl& openssl = OpenSsl::get();
  openssl.ERR_clear_error();
  SSL_CTX* const made = openssl.SSL_CTX_new(method);
  if (made == nullptr) throw std::bad_alloc();
  openssl.SSL_CTX_set_default_passwd_cb(made, no_password);
  set_rules(*made);
  return made;
}

OwnedSsl new_ssl(SSL_CTX* context) {
  OwnedSsl made(OpenSsl::get().SSL_new(context));
  if (!made) throw std::bad_alloc();
  return made;
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const {
  OpenSsl::get().SSL_CTX_free(context);
}

TlsContext TlsContext::server(const TlsFiles& files) {
  const OpenSsl& openssl = OpenSsl::get();
  Context made(new_context(openssl.TLS_server_method()));
  load_own(*made, files);
  if (!files.authorities.empty()) {
    load_authorities(*made, files.authorities);
    openssl.SSL_CTX_set_client_CA_list(made.get(),
                                       openssl.SSL_load_client_CA_file(files.authorities.c_str()));
    openssl.SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                               nullptr);
  }
  return TlsContext(std::move(made));
}

TlsContext TlsContext::client(const TlsFiles& files) {
  const OpenSsl& openssl = OpenSsl::get();
  Context made(new_context(openssl.TLS_client_method()));
  load_own(*made, files);
  if (files.authorities.empty()) {
    if (openssl.SSL_CTX_set_default_verify_paths(made.get()) != 1) {
      refuse("the system's authorities", tls_failure());
    }
  } else {
    load_authorities(*made, files.authorities);
  }
  openssl.SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER, nullptr);
  return TlsContext(std::move(made));
}

std::unique_ptr<Stream> TlsContext::accept(Descriptor socket) const {
  OwnedSsl ssl = new_ssl(context_.get());
  OpenSsl::get().SSL_set_accept_state(ssl.get());
  return std::make_unique<TlsStream>(std::move(socket), std::move(ssl));
}

std::unique_ptr<Stream> TlsContext::connect(Descriptor socket, const std::string& name) const {
  const OpenSsl& openssl = OpenSsl::get();
  OwnedSsl ssl = new_ssl(context_.get());
  openssl.SSL_set_connect_state(ssl.get());
  X509_VERIFY_PARAM* const rules = openssl.SSL_get0_param(ssl.get());
  if (openssl.X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str()) != 1) {  // it is no address
    openssl.ERR_clear_error();
    openssl.X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SPOOLMQ_CHECK(openssl.SSL_set1_host(ssl.get(), name.c_str()) == 1);
    // SSL_set_tlsext_host_name() without its macro.
    SPOOLMQ_CHECK(openssl.SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME,
                                   TLSEXT_NAMETYPE_host_name,
                                   const_cast<char*>(name.c_str())) == 1);
  }
  return std::make_unique<TlsStream>(std::move(socket), std::move(ssl));
}

}  // namespace spoolmq::adapters
