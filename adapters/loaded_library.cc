#include "adapters/loaded_library.h"

#include <dlfcn.h>

#include "spoolmq/error.h"

namespace spoolmq::adapters {
namespace {

void* require(void* found, const char* library) {
  if (found != nullptr) return found;
  throw Error(ErrorCode::kConfiguration, "load", library, ::dlerror());
}

}  // namespace

LoadedLibrary::LoadedLibrary(const char* name)
    : name_(name), handle_(require(::dlopen(name, RTLD_NOW | RTLD_LOCAL), name)) {}

void* LoadedLibrary::look_up(const char* function) const {
  return require(::dlsym(handle_, function), name_);
}

}  // namespace spoolmq::adapters
