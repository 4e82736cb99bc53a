// Writes the messages of a queue into a directory, each under its header "name" (its id where it
// has none), until nothing has come for a second:
//
//   consumer ROOT QUEUE DIRECTORY
//
// Prints a line per message. A message is acknowledged only once its file is on disk under its
// name. If this process dies before that, the message goes to the next receiver at once: no timer
// has to run out first. A file that is there already is replaced, so a second delivery does no
// harm.

#include <fcntl.h>
#include <spoolmq/queue.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace {

// The file's own name alone: a header is what its sender claims, not a path to be trusted.
std::string file_name(const spoolmq::Message& message) {
  const std::string* name = message.header("name");
  const std::string last = name ? std::filesystem::path(*name).filename().string() : "";
  return last.empty() || last == "." || last == ".." ? message.id.text() : last;
}

// Copies the body piece by piece, so that its size does not matter.
bool write_body(const spoolmq::Delivery& delivery, const std::filesystem::path& path) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  const auto body = delivery.open_body();
  char piece[64 * 1024];
  while (const std::size_t length = body->read(piece)) {
    file.write(piece, static_cast<std::streamsize>(length));
  }
  file.close();
  return !file.fail();
}

// Puts what was written to a file or directory on disk.
bool sync(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool synced = ::fsync(descriptor) == 0;
  ::close(descriptor);
  return synced;
}

// Nobody sees half a file, and the name lasts before the message goes.
bool deliver(const spoolmq::Delivery& delivery, const std::filesystem::path& directory,
             const std::string& name) {
  const std::filesystem::path part = directory / ("." + name + ".part");
  if (!write_body(delivery, part) || !sync(part)) return false;
  std::error_code failed;
  std::filesystem::rename(part, directory / name, failed);
  return !failed && sync(directory);
}

void consume(const std::string& root_path, const std::string& queue_name,
             const std::filesystem::path& directory) {
  using std::chrono::seconds;
  spoolmq::Root root = spoolmq::Root::open(root_path);
  spoolmq::Queue queue = root.open_queue(queue_name);

  spoolmq::ReceiveOptions options;
  options.wait = seconds(1);
  while (auto delivery = queue.receive(options)) {
    const std::string name = file_name(delivery->message());
    if (!deliver(*delivery, directory, name)) {
      delivery->nack("cannot write " + name);  // comes again later, with one more failure counted
      continue;
    }
    delivery->ack();
    std::printf("%s delivery %lld\n", name.c_str(),
                static_cast<long long>(delivery->counters().deliveries));
  }
  queue.close();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: consumer ROOT QUEUE DIRECTORY\n");
    return 64;
  }
  try {
    consume(argv[1], argv[2], argv[3]);
    return EXIT_SUCCESS;
  } catch (const spoolmq::Error& error) {
    std::fprintf(stderr, "consumer: %s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "consumer: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
