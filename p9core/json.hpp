// The only JSON reader of the core: a cursor over the structural index that simdjson's first
// stage makes (which also checks UTF-8 and strings, with the machine's best kernel).
//
// The index holds, in order, where each bracket, brace, colon, comma and the start of each
// string, number or word stands. A document is walked once, in its own order; what is not
// looked at is stepped over, bracket by bracket. Nothing throws and nothing recurses. Pointers
// into the text (`key`, `token`) live as long as the text; a key ends at its closing quote.
// SIMDJSON_PADDING bytes behind the text must be readable, whatever they hold.
#pragma once

#include <cstring>
#include <memory>

#include "simdjson.h"

namespace p9 {

struct Document;

// What stands where there is no token; readers of numbers look at several bytes at once.
constexpr char NOTHING[64] = {};

// A value by the place of its first token in the index.
struct Value {
  Document *of;
  uint32_t at;
};

struct Document {
  const char *text = nullptr;
  const uint32_t *index = nullptr;
  uint32_t count = 0;    // tokens
  uint32_t here = 0;     // the next token
  uint32_t closed = ~0u; // the container that was walked to its end last, by its first token
  int error = 0;

  Document() { grow(1 << 16); }

  // Indexes `size` bytes at `from`.
  bool open(const char *from, size_t size) noexcept {
    text = from;
    here = count = 0;
    closed = ~0u;
    if (size > room && !grow(size + size / 2)) return fail(simdjson::MEMALLOC);
    error = stages->stage1(reinterpret_cast<const uint8_t *>(from), size,
                           simdjson::stage1_mode::regular);
    if (error) return false;
    index = stages->structural_indexes.get();
    count = stages->n_structural_indexes;
    // What ends in a bracket ends every number within the text: bytes behind it may be digits.
    if (kind(count - 1) != '}' && kind(count - 1) != ']') return fail(simdjson::TAPE_ERROR);
    return true;
  }

  void rewind() noexcept {
    here = 0;
    closed = ~0u;
  }

  Value root() noexcept { return {this, 0}; }
  bool at_end() const noexcept { return closed == 0 && here == count; }
  bool bad_utf8() const noexcept { return error == simdjson::UTF8_ERROR; }

  // First byte of a token; 0 behind the last one.
  char kind(uint32_t at) const noexcept { return at < count ? text[index[at]] : 0; }
  const char *token(uint32_t at) const noexcept { return at < count ? text + index[at] : NOTHING; }

  // Steps over the value that begins at `at`; false where none does.
  bool skip(uint32_t at) noexcept {
    uint32_t depth = 0;
    for (here = at; here < count; ++here) {
      switch (text[index[here]]) {
        case '[':
        case '{':
          ++depth;
          break;
        case ']':
        case '}':
          if (depth == 0) return false;
          if (--depth == 0) return ++here, true;
          break;
        case ',':
        case ':':
          if (depth == 0) return false;
          break;
        default:
          if (depth == 0) return ++here, true;
      }
    }
    return false;
  }

  // Behind the value at `at`, whether it was walked to its end, begun, or not looked at.
  bool leave(uint32_t at) noexcept { return closed == at || skip(at); }

  void close(uint32_t at) noexcept {
    ++here;
    closed = at;
  }

 private:
  std::unique_ptr<simdjson::internal::dom_parser_implementation> stages;
  size_t room = 0;

  bool fail(int why) noexcept {
    error = why;
    return false;
  }

  bool grow(size_t size) noexcept {
    room = 0;
    if (simdjson::get_active_implementation()->create_dom_parser_implementation(size, 8, stages))
      return false;
    room = size;
    return true;
  }
};

// The fields of one object, in the order of the text.
struct Fields {
  Document *of = nullptr;
  uint32_t start = 0;
  const char *key = nullptr;
  Value value{};
  bool ok = false;  // stays true to the end of a well-formed object
  bool begun = false;

  bool open(Value &v) noexcept {
    of = v.of;
    start = v.at;
    begun = false;
    return ok = of->kind(start) == '{';
  }

  bool open_root(Document &document) noexcept {
    Value v = document.root();
    return open(v);
  }

  bool next() noexcept {
    uint32_t at;
    if (!begun) {
      begun = true;
      at = of->here = start + 1;
      if (of->kind(at) == '}') return of->close(start), false;
    } else {
      if (!of->leave(value.at)) return ok = false;
      at = of->here;
      char c = of->kind(at);
      if (c == '}') return of->close(start), false;
      if (c != ',') return ok = false;
      ++at;
    }
    if (of->kind(at) != '"' || of->kind(at + 1) != ':') return ok = false;
    key = of->text + of->index[at] + 1;
    value = {of, at + 2};
    return true;
  }

  // First byte of the value's text: '"' for strings, a digit or '-' for numbers.
  const char *token() const noexcept { return of->token(value.at); }
};

// The elements of one array.
struct Items {
  Document *of = nullptr;
  uint32_t start = 0;
  Value value{};
  bool ok = false;
  bool begun = false;

  bool open(Value &v) noexcept {
    of = v.of;
    start = v.at;
    begun = false;
    return ok = of->kind(start) == '[';
  }

  bool open_root(Document &document) noexcept {
    Value v = document.root();
    return open(v);
  }

  bool next() noexcept {
    if (!begun) {
      begun = true;
      of->here = start + 1;
      if (of->kind(of->here) == ']') return of->close(start), false;
    } else {
      if (!of->leave(value.at)) return ok = false;
      char c = of->kind(of->here);
      if (c == ']') return of->close(start), false;
      if (c != ',') return ok = false;
      ++of->here;
    }
    value = {of, of->here};
    return true;
  }

  const char *token() const noexcept { return of->token(value.at); }
};

// The rows of [["price", "size", ...], ...]: most of what venues send. One step a row.
struct Rows {
  Document *of = nullptr;
  uint32_t start = 0;
  uint32_t at = 0;  // '[' of the next row
  const char *first = nullptr;
  const char *second = nullptr;
  bool ok = false;

  bool open(Value &v) noexcept {
    of = v.of;
    start = v.at;
    at = start + 1;
    return ok = of->kind(start) == '[';
  }

  bool next() noexcept {
    const Document &d = *of;
    char c = d.kind(at);
    if (c == ']' && at == start + 1) return end();
    // [ first , second ] and what follows: , or the end of the list
    if (c != '[' || at + 5 >= d.count) return ok = false;
    const uint32_t *i = d.index + at;
    if (d.text[i[2]] != ',') return ok = false;
    first = d.text + i[1];
    second = d.text + i[3];
    at += 4;
    // further columns
    while (d.kind(at) == ',') at += 2;
    if (d.kind(at) != ']') return ok = false;
    ++at;
    return true;
  }

  // Behind a row: true where another one follows.
  bool more() noexcept {
    char c = of->kind(at);
    if (c == ',') return ++at, true;
    if (c == ']') return end();
    return ok = false;
  }

 private:
  bool end() noexcept {
    of->here = at;
    of->close(start);
    return false;
  }
};

// Length of a quoted token's text, `token` standing on the opening quote. Escapes are not
// resolved: an escaped quote does not end the text. -1 where there is no closing quote.
inline int text_size(const char *token, const char *limit) noexcept {
  const char *p = token + 1;
  while (p < limit && *p != '"') p += (*p == '\\') ? 2 : 1;
  return p < limit ? static_cast<int>(p - token - 1) : -1;
}

}  // namespace p9
