#include "tests/support/memory_content.h"

#include <algorithm>
#include <array>
#include <set>

namespace spoolmq::test {
namespace {

std::ptrdiff_t at(std::uint64_t offset) { return static_cast<std::ptrdiff_t>(offset); }

bool coin(std::mt19937_64& random) { return (random() & 1) != 0; }

}  // namespace

void Image::resize(std::uint64_t size) {
  size_ = size;
  if (written_.size() > size) written_.resize(size);
}

std::size_t Image::read(std::span<std::byte> into, std::uint64_t offset) const {
  if (offset >= size_) return 0;
  into = into.first(std::min<std::uint64_t>(into.size(), size_ - offset));
  const std::uint64_t end = std::min<std::uint64_t>(offset + into.size(), written_.size());
  const std::uint64_t copied = end > offset ? end - offset : 0;
  if (copied > 0) std::copy_n(written_.begin() + at(offset), copied, into.begin());
  std::ranges::fill(into.subspan(copied), std::byte{0});
  return into.size();
}

void Image::write(std::span<const std::byte> from, std::uint64_t offset) {
  if (offset >= size_) return;
  from = from.first(std::min<std::uint64_t>(from.size(), size_ - offset));
  if (offset + from.size() > written_.size()) written_.resize(offset + from.size());
  std::ranges::copy(from, written_.begin() + at(offset));
}

void Image::clear(std::uint64_t begin, std::uint64_t end) {
  end = std::min<std::uint64_t>(end, written_.size());
  if (begin >= end) return;
  std::fill(written_.begin() + at(begin), written_.begin() + at(end), std::byte{0});
}

bool Image::is_clear(std::uint64_t begin, std::uint64_t end) const {
  end = std::min<std::uint64_t>(end, written_.size());
  return begin >= end || std::all_of(written_.begin() + at(begin), written_.begin() + at(end),
                                     [](std::byte value) { return value == std::byte{0}; });
}

std::uint64_t Content::sectors_allocated() const {
  const auto blocks = std::count(allocated_.begin(), allocated_.end(), true);
  return static_cast<std::uint64_t>(blocks) * (kBlockBytes / kSectorBytes);
}

std::size_t Content::read(std::span<std::byte> into, std::uint64_t offset) const {
  return now_.read(into, offset);
}

void Content::write(std::span<const std::byte> from, std::uint64_t offset) {
  if (from.empty()) return;
  now_.resize(std::max(now_.size(), offset + from.size()));
  now_.write(from, offset);
  mark_allocated(offset, offset + from.size());
  pending_.push_back({offset, from.size(), {from.begin(), from.end()}, false});
}

void Content::resize(std::uint64_t size) {
  // What is cut off reads as zeros if the file grows again.
  if (size < now_.size()) pending_.push_back({size, now_.size() - size, {}, true});
  now_.resize(size);
  allocated_.resize(std::min(allocated_.size(), (size + kBlockBytes - 1) / kBlockBytes));
}

void Content::allocate(std::uint64_t offset, std::uint64_t length) {
  now_.resize(std::max(now_.size(), offset + length));
  mark_allocated(offset, offset + length);
}

void Content::punch(std::uint64_t offset, std::uint64_t length) {
  const std::uint64_t end = std::min<std::uint64_t>(offset + length, now_.size());
  if (offset >= end) return;
  now_.clear(offset, end);
  pending_.push_back({offset, end - offset, {}, false});
  // The last block of the file is freed whole: nothing of it lies behind the range.
  const std::uint64_t last =
      end == now_.size() ? (end + kBlockBytes - 1) / kBlockBytes : end / kBlockBytes;
  for (std::uint64_t block = (offset + kBlockBytes - 1) / kBlockBytes;
       block < last && block < allocated_.size(); ++block) {
    allocated_[block] = false;
  }
}

void Content::sync() {
  if (now_.size() > durable_.size()) durable_.resize(now_.size());
  for (const Change& change : pending_) {
    apply(change, change.offset, change.offset + change.length, durable_);
  }
  durable_.resize(now_.size());
  pending_.clear();
}

void Content::fail_sync() {
  std::move(pending_.begin(), pending_.end(), std::back_inserter(doubtful_));
  pending_.clear();
}

Content Content::after_power_cut(Bytes bytes, std::mt19937_64& random) const {
  Content after;
  switch (bytes) {
    case Bytes::kLost:
      after.now_ = durable_;
      break;
    case Bytes::kKept:
      after.now_ = now_;
      break;
    case Bytes::kTorn:
      after.now_ = torn(random);
      break;
  }
  after.durable_ = after.now_;
  after.allocated_ = allocated_;
  after.allocated_.resize((after.now_.size() + kBlockBytes - 1) / kBlockBytes);
  for (std::uint64_t block = 0; block < after.allocated_.size(); ++block) {
    if (!after.now_.is_clear(block * kBlockBytes, (block + 1) * kBlockBytes)) {
      after.allocated_[block] = true;
    }
  }
  return after;
}

// The part of `change` that lies in [begin, end) of `to`.
void Content::apply(const Change& change, std::uint64_t begin, std::uint64_t end, Image& to) {
  begin = std::max(begin, change.offset);
  end = std::min({end, change.offset + change.length, to.size()});
  if (begin >= end) return;
  if (change.bytes.empty()) {
    to.clear(begin, end);
  } else {
    to.write(std::span(change.bytes).subspan(begin - change.offset, end - begin), begin);
  }
}

// A truncation is one change of metadata: it happened or it did not, and what was done behind it
// shows only where it did.
Content::Reached Content::reach(std::mt19937_64& random) const {
  std::vector<std::size_t> truncations;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    if (pending_[i].truncates) truncations.push_back(i);
  }
  Reached reached{pending_.size(), durable_.size(), now_.size()};
  if (truncations.empty()) return reached;
  const std::size_t through = random() % (truncations.size() + 1);
  if (through < truncations.size()) reached.changes = truncations[through];
  std::uint64_t size = durable_.size();
  for (const Change& change : std::span(pending_).first(reached.changes)) {
    size = change.truncates ? change.offset : std::max(size, change.offset + change.length);
    if (change.truncates) reached.least_size = size;
  }
  if (through < truncations.size()) reached.most_size = size;
  return reached;
}

// The kernel writes a sector as it is at some moment: with the first so many of its changes, never
// with a later change but without an earlier one.
Image Content::torn(std::mt19937_64& random) const {
  Image image = durable_;
  const Reached reached = reach(random);
  const std::uint64_t size = coin(random) ? reached.least_size : reached.most_size;
  image.resize(std::max({durable_.size(), now_.size(), reached.most_size}));
  const auto happened = std::span(pending_).first(reached.changes);

  std::set<std::uint64_t> pending_sectors;
  for (const Change& change : happened) {
    const std::uint64_t end = std::min<std::uint64_t>(change.offset + change.length, image.size());
    for (std::uint64_t sector = change.offset / kSectorBytes; sector * kSectorBytes < end;
         ++sector) {
      pending_sectors.insert(sector);
    }
  }
  for (const std::uint64_t sector : pending_sectors) {
    const std::uint64_t begin = sector * kSectorBytes;
    std::vector<const Change*> touching;
    for (const Change& change : happened) {
      if (change.offset < begin + kSectorBytes && change.offset + change.length > begin) {
        touching.push_back(&change);
      }
    }
    const std::uint64_t count = random() % (touching.size() + 1);
    for (std::uint64_t i = 0; i < count; ++i) {
      apply(*touching[i], begin, begin + kSectorBytes, image);
    }
  }
  // Of what a failed sync left, the present state may have got through.
  for (const Change& change : doubtful_) {
    const std::uint64_t end = std::min<std::uint64_t>(change.offset + change.length, now_.size());
    for (std::uint64_t sector = change.offset / kSectorBytes; sector * kSectorBytes < end;
         ++sector) {
      if (coin(random)) continue;
      std::array<std::byte, kSectorBytes> bytes{};
      const std::size_t count = now_.read(bytes, sector * kSectorBytes);
      image.write(std::span(bytes).first(count), sector * kSectorBytes);
    }
  }
  image.resize(size);
  return image;
}

void Content::mark_allocated(std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t blocks = (end + kBlockBytes - 1) / kBlockBytes;
  if (allocated_.size() < blocks) allocated_.resize(blocks);
  for (std::uint64_t block = begin / kBlockBytes; block < blocks; ++block) {
    allocated_[block] = true;
  }
}

}  // namespace spoolmq::test
