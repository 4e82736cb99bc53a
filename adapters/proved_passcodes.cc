#include "adapters/proved_passcodes.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cstring>

#include "core/check.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {

ProvedPasscodes::ProvedPasscodes() {
  if (::RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1) {
    throw Error(ErrorCode::kOsResource, "make", "a random key", "OpenSSL has no randomness");
  }
}

ProvedPasscodes::~ProvedPasscodes() { ::explicit_bzero(key_.data(), key_.size()); }

bool ProvedPasscodes::has(const std::string& name, const Secret& passcode, std::string_view hash,
                          std::int64_t now_boot_ms) const {
  const auto found = entries_.find(name);
  if (found == entries_.end() || found->second.until_boot_ms <= now_boot_ms ||
      found->second.hash != hash) {
    return false;
  }
  const Mark mark = mark_of(name, passcode);
  return ::CRYPTO_memcmp(mark.data(), found->second.mark.data(), mark.size()) == 0;
}

void ProvedPasscodes::add(const std::string& name, const Secret& passcode, std::string_view hash,
                          std::int64_t now_boot_ms) {
  if (entries_.size() >= kMostEntries && !entries_.contains(name)) {
    std::erase_if(entries_, [now_boot_ms](const auto& one) {
      return one.second.until_boot_ms <= now_boot_ms;
    });
    if (entries_.size() >= kMostEntries) return;
  }
  entries_[name] = {mark_of(name, passcode), std::string(hash), now_boot_ms + kKeptMs};
}

ProvedPasscodes::Mark ProvedPasscodes::mark_of(const std::string& name,
                                               const Secret& passcode) const {
  // A key per name: the same passcode of two is two marks.
  Mark inner{};
  unsigned length = 0;
  const auto* const name_bytes = reinterpret_cast<const unsigned char*>(name.data());
  SPOOLMQ_CHECK(::HMAC(::EVP_sha256(), key_.data(), static_cast<int>(key_.size()), name_bytes,
                       name.size(), inner.data(), &length) != nullptr);
  const auto* const bytes = reinterpret_cast<const unsigned char*>(passcode.bytes().data());
  Mark mark{};
  SPOOLMQ_CHECK(::HMAC(::EVP_sha256(), inner.data(), static_cast<int>(inner.size()), bytes,
                       passcode.bytes().size(), mark.data(), &length) != nullptr);
  ::explicit_bzero(inner.data(), inner.size());
  return mark;
}

}  // namespace spoolmq::adapters
