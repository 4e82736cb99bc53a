#pragma once
// Small plots of figures that should not grow, as one SVG file: some panels below each other, the
// horizontal axis in powers of ten, the vertical one from 0.

#include <string>
#include <utility>
#include <vector>

namespace spoolmq::bench {

struct Line {
  std::string name;
  std::vector<std::pair<double, double>> points;  // x > 0, y >= 0
};

struct Panel {
  std::string title;
  std::string x_name;
  std::string y_name;
  std::vector<Line> lines;
};

std::string svg_of(const std::vector<Panel>& panels);

}  // namespace spoolmq::bench
