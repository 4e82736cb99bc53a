#pragma once
// libcurl, loaded when the first webhook needs it. Some thirty libraries come with it, for name
// services, directories and TLS of several makes: a command that makes no request, which is nearly
// every one, would spend half of its start on them.
//   const Curl& curl = Curl::get(); … curl.easy_init()
// What the functions do is told by curl/curl.h, under these names behind `curl_`.

#include <curl/curl.h>

#include "adapters/loaded_library.h"

namespace spoolmq::adapters {

class Curl {
 public:
  // Loaded and set up once per process; stays. Thread-safe. Throws Error(kConfiguration), where the
  // library is not installed, or kOsResource.
  static const Curl& get();

 private:
  Curl();

  const LoadedLibrary library_;

 public:
#define SPOOLMQ_CURL(name) \
  decltype(::curl_##name)* const name = library_.find<decltype(::curl_##name)>("curl_" #name)
  SPOOLMQ_CURL(easy_cleanup);
  SPOOLMQ_CURL(easy_getinfo);
  SPOOLMQ_CURL(easy_init);
  SPOOLMQ_CURL(easy_setopt);
  SPOOLMQ_CURL(easy_strerror);
  SPOOLMQ_CURL(free);
  SPOOLMQ_CURL(getdate);
  SPOOLMQ_CURL(global_init);
  SPOOLMQ_CURL(multi_add_handle);
  SPOOLMQ_CURL(multi_cleanup);
  SPOOLMQ_CURL(multi_info_read);
  SPOOLMQ_CURL(multi_init);
  SPOOLMQ_CURL(multi_remove_handle);
  SPOOLMQ_CURL(multi_setopt);
  SPOOLMQ_CURL(multi_socket_action);
  SPOOLMQ_CURL(slist_append);
  SPOOLMQ_CURL(slist_free_all);
  SPOOLMQ_CURL(url);
  SPOOLMQ_CURL(url_cleanup);
  SPOOLMQ_CURL(url_get);
  SPOOLMQ_CURL(url_set);
#undef SPOOLMQ_CURL
};

}  // namespace spoolmq::adapters
