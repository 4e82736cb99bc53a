#include "tests/bench/svg_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace spoolmq::bench {
namespace {

// All in pixels.
constexpr int kWidth = 720;
constexpr int kPanelHeight = 240;
constexpr int kLeft = 80;
constexpr int kRight = 180;  // the lines' names stand there
constexpr int kTop = 40;
constexpr int kBottom = 45;
constexpr int kTicks = 4;
constexpr int kNameHeight = 18;
constexpr std::array kColours{"#1f6fb4", "#c2571a", "#3b8f3b", "#7a4fa3"};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value >= 10 || value == 0 ? "%.0f" : "%.2g", value);
  return text;
}

std::string text_at(double x, double y, const std::string& anchor, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" + anchor + "\">" +
         text + "</text>\n";
}

std::string line_from(double x1, double y1, double x2, double y2, const std::string& colour) {
  return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
         "\" y2=\"" + number(y2) + "\" stroke=\"" + colour + "\"/>\n";
}

class Scale {
 public:
  Scale(const Panel& panel, double top) : top_(top) {
    bool first = true;
    for (const Line& line : panel.lines) {
      for (const auto& [x, y] : line.points) {
        least_ = first ? x : std::min(least_, x);
        most_ = first ? x : std::max(most_, x);
        highest_ = std::max(highest_, y);
        first = false;
      }
    }
    // A round figure above the highest.
    const double step = std::pow(10, std::floor(std::log10(std::max(highest_, 1e-9))));
    highest_ = std::max(std::ceil(highest_ / step * 1.1) * step, 1e-9);
  }
  [[nodiscard]] double x(double value) const {
    const double decades = std::log10(most_ / least_);
    const double share = decades > 0 ? std::log10(value / least_) / decades : 0;
    return kLeft + share * (kWidth - kLeft - kRight);
  }
  [[nodiscard]] double y(double value) const {
    return top_ + kPanelHeight - kBottom - value / highest_ * (kPanelHeight - kTop - kBottom);
  }
  [[nodiscard]] double highest() const { return highest_; }

 private:
  double top_;
  double least_ = 1;
  double most_ = 1;
  double highest_ = 0;
};

std::string draw(const Panel& panel, double top) {
  const Scale scale(panel, top);
  std::string svg = text_at(kLeft, top + kTop / 2.0, "start",
                            "<tspan font-weight=\"bold\">" + panel.title + "</tspan>");
  const double right = kWidth - kRight;
  for (int tick = 0; tick <= kTicks; ++tick) {
    const double value = scale.highest() * tick / kTicks;
    svg += line_from(kLeft, scale.y(value), right, scale.y(value), "#ddd");
    svg += text_at(kLeft - 6, scale.y(value) + 4, "end", number(value));
  }
  if (!panel.lines.empty()) {
    for (const auto& point : panel.lines.front().points) {
      svg += text_at(scale.x(point.first), scale.y(0) + 16, "middle", number(point.first));
    }
  }
  svg += text_at((kLeft + right) / 2, scale.y(0) + 34, "middle", panel.x_name);
  svg += text_at(kLeft, top + kTop - 4, "end", panel.y_name);
  for (std::size_t i = 0; i < panel.lines.size(); ++i) {
    const std::string colour = kColours[i % kColours.size()];
    std::string points;
    for (const auto& [x, y] : panel.lines[i].points) {
      points += number(scale.x(x)) + "," + number(scale.y(y)) + " ";
      svg += "<circle cx=\"" + number(scale.x(x)) + "\" cy=\"" + number(scale.y(y)) +
             "\" r=\"3\" fill=\"" + colour + "\"/>\n";
    }
    svg += "<polyline points=\"" + points + "\" fill=\"none\" stroke=\"" + colour +
           "\" stroke-width=\"2\"/>\n";
    const double y = top + kTop + kNameHeight * (static_cast<double>(i) + 1);
    svg += line_from(right + 12, y - 4, right + 32, y - 4, colour);
    svg += text_at(right + 38, y, "start", panel.lines[i].name);
  }
  return svg;
}

}  // namespace

std::string svg_of(const std::vector<Panel>& panels) {
  const int height = kPanelHeight * static_cast<int>(panels.size());
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + std::to_string(kWidth) +
                    "\" height=\"" + std::to_string(height) +
                    "\" font-family=\"sans-serif\" font-size=\"12\">\n"
                    "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  for (std::size_t i = 0; i < panels.size(); ++i) {
    svg += draw(panels[i], kPanelHeight * static_cast<double>(i));
  }
  return svg + "</svg>\n";
}

}  // namespace spoolmq::bench
