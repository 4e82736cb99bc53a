#include "adapters/curl_library.h"

#include <dlfcn.h>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr const char* kLibrary = "libcurl.so.4";  // of that interface since 2006

void* require(void* found) {
  if (found != nullptr) return found;
  throw Error(ErrorCode::kConfiguration, "load", kLibrary, ::dlerror());
}

}  // namespace

template <typename Function>
Function* Curl::find(const char* name) const {
  return reinterpret_cast<Function*>(require(::dlsym(library_, name)));
}

Curl::Curl() : library_(require(::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL))) {
  const CURLcode code = global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) {
    throw Error(ErrorCode::kOsResource, "set up", kLibrary, easy_strerror(code));
  }
}

const Curl& Curl::get() {
  static const Curl curl;
  return curl;
}

}  // namespace spoolmq::adapters
