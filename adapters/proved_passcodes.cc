#include "adapters/proved_passcodes.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "adapters/openssl_library.h"
#include "core/check.h"
#include "spoolmq/error.h"

namespace spoolmq::adapters {

ProvedPasscodes::ProvedPasscodes() {
  if (::getentropy(key_.data(), key_.size()) != 0) {
    throw Error::from_errno(errno, "make", "a random key");
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
  return OpenSsl::get().CRYPTO_memcmp(mark.data(), found->second.mark.data(), mark.size()) == 0;
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
  const OpenSsl& openssl = OpenSsl::get();
  // A key per name: the same passcode of two is two marks.
  Mark inner{};
  unsigned length = 0;
  const auto* const name_bytes = reinterpret_cast<const unsigned char*>(name.data());
  SPOOLMQ_CHECK(openssl.HMAC(openssl.EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
                             name_bytes, name.size(), inner.data(), &length) != nullptr);
  const auto* const bytes = reinterpret_cast<const unsigned char*>(passcode.bytes().data());
  Mark mark{};
  SPOOLMQ_CHECK(openssl.HMAC(openssl.EVP_sha256(), inner.data(), static_cast<int>(inner.size()),
                             bytes, passcode.bytes().size(), mark.data(), &length) != nullptr);
  ::explicit_bzero(inner.data(), inner.size());
  return mark;
}

}  // namespace spoolmq::adapters
