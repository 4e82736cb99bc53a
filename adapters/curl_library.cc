#include "adapters/curl_library.h"

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

constexpr const char* kLibrary = "libcurl.so.4";  // of that interface since 2006

}  // namespace

Curl::Curl() : library_(kLibrary) {
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
