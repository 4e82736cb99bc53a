#include "adapters/openssl_library.h"

#include <openssl/opensslv.h>

#define SPOOLMQ_TEXT_OF(number) #number
#define SPOOLMQ_TEXT(macro) SPOOLMQ_TEXT_OF(macro)

namespace spoolmq::adapters {

// libcrypto comes with it, and is looked through behind it (dlsym(3)).
OpenSsl::OpenSsl() : library_("libssl.so." SPOOLMQ_TEXT(OPENSSL_SHLIB_VERSION)) {}

const OpenSsl& OpenSsl::get() {
  static const OpenSsl openssl;
  return openssl;
}

}  // namespace spoolmq::adapters
