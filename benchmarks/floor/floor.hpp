// The floor of the comparison: what a C++ programmer writes in an afternoon with simdjson's
// On-Demand reader and a sorted array. It reads a depth frame, checks that it continues the
// last one and applies it. It checks nothing else, knows one scale for all numbers, forgives
// nothing, publishes nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "simdjson.h"

namespace bench {

namespace od = simdjson::ondemand;

enum Wire { BINANCE_SPOT, BINANCE_LINEAR, BYBIT, OKX };

struct Level {
  int64_t key;  // price; negative on the ask side, so that the best level is the last
  int64_t qty;
};

struct Book {
  std::string name;
  std::vector<Level> side[2];
  int64_t last_id = -1;
};

// At most eight decimals; the value times 10^8.
inline int64_t number(std::string_view text) {
  int64_t value = 0;
  int decimals = -1;
  for (char c : text) {
    if (c == '.') {
      decimals = 0;
      continue;
    }
    value = value * 10 + (c - '0');
    decimals += decimals >= 0;
  }
  for (int i = decimals < 0 ? 0 : decimals; i < 8; i++) value *= 10;
  return value;
}

inline void apply(std::vector<Level> &side, int64_t key, int64_t qty) {
  auto at = std::lower_bound(side.begin(), side.end(), key,
                             [](const Level &level, int64_t k) { return level.key < k; });
  const bool held = at != side.end() && at->key == key;
  if (qty == 0) {
    if (held) side.erase(at);
  } else if (held) {
    at->qty = qty;
  } else {
    side.insert(at, Level{key, qty});
  }
}

class Floor {
 public:
  explicit Floor(int wire) : wire_(static_cast<Wire>(wire)) {}

  // False: the frame does not continue the book, or is no depth frame.
  bool feed(const char *text, size_t size) {
    if (padded_.size() < size + simdjson::SIMDJSON_PADDING)
      padded_.resize(size + simdjson::SIMDJSON_PADDING);
    std::memcpy(padded_.data(), text, size);
    try {
      od::document doc = parser_.iterate(padded_.data(), size, padded_.size());
      if (wire_ == BYBIT) return bybit(doc);
      return wire_ == OKX ? okx(doc) : binance(doc);
    } catch (const simdjson::simdjson_error &) {
      return false;
    }
  }

  // A Binance REST snapshot.
  bool load(const char *name, const char *text, size_t size) {
    simdjson::padded_string body(text, size);
    try {
      od::document doc = parser_.iterate(body);
      Book &book = book_of(name);
      book.side[0].clear();
      book.side[1].clear();
      book.last_id = doc["lastUpdateId"].get_int64();
      levels(book, 0, doc["bids"]);
      levels(book, 1, doc["asks"]);
      return true;
    } catch (const simdjson::simdjson_error &) {
      return false;
    }
  }

  // Best price times 10^8; 0 where there is none.
  int64_t best(const char *name, int side) {
    const std::vector<Level> &at = book_of(name).side[side];
    return at.empty() ? 0 : (side ? -at.back().key : at.back().key);
  }

  size_t count(const char *name, int side) { return book_of(name).side[side].size(); }

 private:
  Book &book_of(std::string_view name) {
    for (Book &book : books_)
      if (book.name == name) return book;
    books_.push_back(Book{std::string(name), {}, -1});
    return books_.back();
  }

  void levels(Book &book, int side, od::value value) {
    for (od::array row : value.get_array()) {
      auto field = row.begin();
      const std::string_view px = (*field).get_string();
      ++field;
      const std::string_view qty = (*field).get_string();
      apply(book.side[side], side ? -number(px) : number(px), number(qty));
    }
  }

  bool binance(od::document &doc) {
    od::object data = doc["data"].get_object();
    Book &book = book_of(data["s"].get_string());
    const int64_t first = data["U"].get_int64();
    const int64_t last = data["u"].get_int64();
    const int64_t previous = wire_ == BINANCE_SPOT ? first - 1 : int64_t(data["pu"].get_int64());
    // older than the snapshot, or a gap behind it
    if (last <= book.last_id || previous > book.last_id) return false;
    levels(book, 0, data["b"]);
    levels(book, 1, data["a"]);
    book.last_id = last;
    return true;
  }

  bool bybit(od::document &doc) {
    const bool snapshot = std::string_view(doc["type"].get_string()) == "snapshot";
    od::object data = doc["data"].get_object();
    Book &book = book_of(data["s"].get_string());
    if (snapshot) {
      book.side[0].clear();
      book.side[1].clear();
    }
    levels(book, 0, data["b"]);
    levels(book, 1, data["a"]);
    const int64_t id = data["u"].get_int64();
    const bool follows = snapshot || id == book.last_id + 1;
    book.last_id = id;
    return follows;
  }

  bool okx(od::document &doc) {
    Book &book = book_of(doc["arg"]["instId"].get_string());
    const bool snapshot = std::string_view(doc["action"].get_string()) == "snapshot";
    for (od::object row : doc["data"].get_array()) {
      if (snapshot) {
        book.side[0].clear();
        book.side[1].clear();
      }
      levels(book, 1, row["asks"]);
      levels(book, 0, row["bids"]);
      const int64_t id = row["seqId"].get_int64();
      const int64_t previous = row["prevSeqId"].get_int64();
      if (!snapshot && previous != book.last_id) return false;
      book.last_id = id;
    }
    return true;
  }

  Wire wire_;
  od::parser parser_;
  std::vector<char> padded_;
  std::vector<Book> books_;
};

}  // namespace bench
