// Asio, compiled once for all who include its headers.
#include <asio/impl/src.hpp>
