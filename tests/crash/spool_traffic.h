#pragma once
// Programs that know nothing of messaging, in threads of the test: producers drop files in the ways
// programs do, a consumer takes away what appears, and the books say what came of each file. A
// file's content follows from its number and size, so that no missing, torn or foreign byte passes.
// Between construction and end_producers() files keep coming, at most kMostUnderWay of them ahead
// of the consumer, who goes on until destruction. The public functions may be called by one thread.

#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace spoolmq::test {

class SpoolTraffic {
 public:
  // Directories that are there. Names in `out` begin with an id of the message, and a '-'.
  struct Places {
    std::string renamed;    // written as .NAME, then renamed; subdirectories come and go
    std::string closed;     // written in place, with pauses, and closed; subdirectories too
    std::string announced;  // written in place, then NAME.done
    std::string out;
  };

  static constexpr std::size_t kMostUnderWay = 100;
  static constexpr std::size_t kLargeBytes = 100'000;  // of the larger files, at least

  SpoolTraffic(Places places, std::uint64_t seed);
  ~SpoolTraffic();
  SpoolTraffic(const SpoolTraffic&) = delete;
  SpoolTraffic& operator=(const SpoolTraffic&) = delete;

  void end_producers();  // what they have begun is complete on return
  [[nodiscard]] std::size_t dropped() const;
  [[nodiscard]] std::size_t under_way() const;
  // Empty, or everything that must not have happened: a file that is not out, or out under two
  // names, bytes that are not its own.
  [[nodiscard]] std::vector<std::string> violations() const;
  [[nodiscard]] std::size_t out_again() const;  // files that came out twice, under the same name

  // The number of the file whose complete content this is; 0: of none.
  static std::uint64_t number_of(const std::string& name, const std::string& content);

 private:
  using Random = std::mt19937_64;
  enum class Manner : std::uint8_t { kRename, kSameName, kWrite, kAnnounce };
  struct Producer {
    Manner manner;
    std::string name;  // its own subdirectories begin with it
  };
  void produce(const std::stop_token& stop, const Producer& producer, std::uint64_t seed);
  void drop(const std::stop_token& stop, const Producer& producer, Random& random);
  void drop_same_name(const std::stop_token& stop, std::uint64_t number);
  std::uint64_t begin_file();
  void give_up(std::uint64_t number);
  void consume(const std::stop_token& stop, std::uint64_t seed);
  void take_away(const std::string& name);

  const Places places_;
  mutable std::mutex mutex_;  // guards all down to the threads
  std::uint64_t last_number_ = 0;
  std::set<std::uint64_t> under_way_;                      // dropped, or about to be
  std::map<std::uint64_t, std::set<std::string>> out_as_;  // names
  std::vector<std::string> wrong_;
  std::size_t out_again_ = 0;
  std::vector<std::jthread> producers_;
  std::jthread consumer_;
};

}  // namespace spoolmq::test
