// Sends files to a queue, each as one message with the header "name":
//
//   producer ROOT QUEUE FILE...
//
// Makes the queue if it is missing. Prints an id per file once the message is durable: from then on
// it survives kill -9 and a power cut, and the file may be removed.

#include <spoolmq/queue.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return bytes;
}

void send_files(const std::string& root_path, const std::string& queue_name, int count,
                const char* const* paths) {
  spoolmq::Root root = spoolmq::Root::open(root_path);
  if (!root.has_queue(queue_name)) root.create_queue(queue_name);
  spoolmq::Queue queue = root.open_queue(queue_name);

  for (int i = 0; i < count; ++i) {
    const std::filesystem::path path = paths[i];
    spoolmq::Message message;
    message.headers.emplace_back("name", path.filename().string());
    message.body = read_file(path);
    const spoolmq::MessageId id = queue.send(std::move(message));
    std::printf("%s\n", id.text().c_str());
  }
  queue.close();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: producer ROOT QUEUE FILE...\n");
    return 64;
  }
  try {
    send_files(argv[1], argv[2], argc - 3, argv + 3);
    return EXIT_SUCCESS;
  } catch (const spoolmq::Error& error) {
    std::fprintf(stderr, "producer: %s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "producer: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
