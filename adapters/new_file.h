#pragma once
// A file made for one body: new, of mode 0600, and gone again unless keep() is reached. And a
// directory of mode 0700 under $TMPDIR for such files. Move-only by not moving: one owner, in
// place.

#include <string>
#include <string_view>

namespace spoolmq::adapters {

class NewFile {
 public:
  explicit NewFile(std::string path);  // Error(kCannotCreate) if the name is taken
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile();

  void write(std::string_view bytes);
  void sync();   // on return the bytes survive a power cut; the name does when the directory's does
  void close();  // also reports what only closing tells
  void keep() { kept_ = true; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  int descriptor_ = -1;
  bool kept_ = false;
};

class PrivateDirectory {
 public:
  PrivateDirectory();
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;
  ~PrivateDirectory();  // removes it; its files are gone by then
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace spoolmq::adapters
