#pragma once
// A shared library that is loaded when it is first needed, and stays.

namespace spoolmq::adapters {

class LoadedLibrary {
 public:
  // `name` is its SONAME, a constant. Throws Error(kConfiguration) where it is not installed.
  explicit LoadedLibrary(const char* name);

  // A function of the type that the library's header declares. Throws Error(kConfiguration) where
  // it has none of that name.
  template <typename Function>
  Function* find(const char* function) const {
    return reinterpret_cast<Function*>(look_up(function));
  }

 private:
  void* look_up(const char* function) const;

  const char* name_;
  void* handle_;
};

}  // namespace spoolmq::adapters
