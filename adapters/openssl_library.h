#pragma once
// OpenSSL, loaded when the first connection under TLS, checksum or passcode needs it: with its two
// libraries, a third of a command's start would be spent on relocating them.
//   const OpenSsl& openssl = OpenSsl::get(); … openssl.SSL_read(…)
// What the functions do is told by their manual pages, under the same names. Macros of OpenSSL's
// headers call functions that are not linked: what they stand for is written out.

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "adapters/loaded_library.h"

namespace spoolmq::adapters {

class OpenSsl {
 public:
  // Loaded once per process; stays. Thread-safe. Throws Error(kConfiguration) where the library is
  // not installed.
  static const OpenSsl& get();

 private:
  OpenSsl();

  const LoadedLibrary library_;

 public:
#define SPOOLMQ_OPENSSL(name) decltype(::name)* const name = library_.find<decltype(::name)>(#name)
  SPOOLMQ_OPENSSL(BIO_ctrl);
  SPOOLMQ_OPENSSL(BIO_free);
  SPOOLMQ_OPENSSL(BIO_new);
  SPOOLMQ_OPENSSL(BIO_s_mem);
  SPOOLMQ_OPENSSL(CRYPTO_memcmp);
  SPOOLMQ_OPENSSL(ERR_clear_error);
  SPOOLMQ_OPENSSL(ERR_get_error);
  SPOOLMQ_OPENSSL(ERR_peek_error);
  SPOOLMQ_OPENSSL(ERR_reason_error_string);
  SPOOLMQ_OPENSSL(EVP_DigestFinal_ex);
  SPOOLMQ_OPENSSL(EVP_DigestInit_ex);
  SPOOLMQ_OPENSSL(EVP_DigestUpdate);
  SPOOLMQ_OPENSSL(EVP_MD_CTX_free);
  SPOOLMQ_OPENSSL(EVP_MD_CTX_new);
  SPOOLMQ_OPENSSL(EVP_sha256);
  SPOOLMQ_OPENSSL(HMAC);
  SPOOLMQ_OPENSSL(SSL_CTX_ctrl);
  SPOOLMQ_OPENSSL(SSL_CTX_free);
  SPOOLMQ_OPENSSL(SSL_CTX_load_verify_file);
  SPOOLMQ_OPENSSL(SSL_CTX_new);
  SPOOLMQ_OPENSSL(SSL_CTX_set_client_CA_list);
  SPOOLMQ_OPENSSL(SSL_CTX_set_default_passwd_cb);
  SPOOLMQ_OPENSSL(SSL_CTX_set_default_verify_paths);
  SPOOLMQ_OPENSSL(SSL_CTX_set_num_tickets);
  SPOOLMQ_OPENSSL(SSL_CTX_set_options);
  SPOOLMQ_OPENSSL(SSL_CTX_set_verify);
  SPOOLMQ_OPENSSL(SSL_CTX_use_PrivateKey_file);
  SPOOLMQ_OPENSSL(SSL_CTX_use_certificate_chain_file);
  SPOOLMQ_OPENSSL(SSL_ctrl);
  SPOOLMQ_OPENSSL(SSL_do_handshake);
  SPOOLMQ_OPENSSL(SSL_free);
  SPOOLMQ_OPENSSL(SSL_get0_param);
  SPOOLMQ_OPENSSL(SSL_get0_peer_certificate);
  SPOOLMQ_OPENSSL(SSL_get_error);
  SPOOLMQ_OPENSSL(SSL_get_verify_result);
  SPOOLMQ_OPENSSL(SSL_has_pending);
  SPOOLMQ_OPENSSL(SSL_load_client_CA_file);
  SPOOLMQ_OPENSSL(SSL_new);
  SPOOLMQ_OPENSSL(SSL_read);
  SPOOLMQ_OPENSSL(SSL_set1_host);
  SPOOLMQ_OPENSSL(SSL_set_accept_state);
  SPOOLMQ_OPENSSL(SSL_set_connect_state);
  SPOOLMQ_OPENSSL(SSL_set_fd);
  SPOOLMQ_OPENSSL(SSL_shutdown);
  SPOOLMQ_OPENSSL(SSL_write);
  SPOOLMQ_OPENSSL(TLS_client_method);
  SPOOLMQ_OPENSSL(TLS_server_method);
  SPOOLMQ_OPENSSL(X509_NAME_print_ex);
  SPOOLMQ_OPENSSL(X509_VERIFY_PARAM_set1_ip_asc);
  SPOOLMQ_OPENSSL(X509_VERIFY_PARAM_set_hostflags);
  SPOOLMQ_OPENSSL(X509_get_subject_name);
  SPOOLMQ_OPENSSL(X509_verify_cert_error_string);
#undef SPOOLMQ_OPENSSL
};

}  // namespace spoolmq::adapters
